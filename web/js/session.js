// Who is logged in on this page, and the calls that change it.

import { request } from "./api.js";

// In memory only. Web storage would hand the token to any script that ever runs on this origin, and keep it for the
// next one; a module variable is gone with the page.
let session = null;

/** @returns {{token: string, user: {id: string, username: string}, expiresAt: Date} | null} */
export const currentSession = () => session;

/** Makes an account. It does not log in. */
export const register = (username, password) => request("POST", "/api/register", { body: { username, password } });

/** Logs in, and asks the server for the name as it was registered, which may differ in case from what was typed. */
export async function login(username, password) {
  const reply = await request("POST", "/api/login", { body: { username, password } });
  const { user } = await request("GET", "/api/me", { token: reply.access_token });
  session = { token: reply.access_token, user, expiresAt: new Date(reply.expires_at) };
  return session;
}

/** Ends the login. The page forgets it in any case; if this rejects, the server could not be told. */
export async function logout() {
  const { token } = session;
  session = null;
  await request("POST", "/api/logout", { token });
}

/** Forgets a login that the server no longer accepts. */
export function forget() {
  session = null;
}

/** A ticket: a random word that stands for this login, once, for a short time, in one room. */
export const createTicket = (token, room) => request("POST", "/api/tickets", { token, body: { room } });
