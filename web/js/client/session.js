// Who is logged in on this page, the token that says so, and the calls that go by it. The token is kept fresh here.

import { Problem, request } from "./api.js";

const MARGIN = 30_000; // ms: a token is due this long before its end, or in the last quarter of a shorter life
const RETRY = 5_000; // ms between two tries to refresh while the server does not answer
const GRACE = 500; // ms for the server to close the sockets of a login that was ended here
const DAY = 86_400_000; // ms
const MARK = "handshake-session"; // in localStorage: the id of the login that this browser has. It opens nothing.

// In memory only. Web storage would hand the token to any script that ever runs on this origin, and keep it for the
// next one; a module variable is gone with the page. What is left then is the refresh cookie, which no script can read.
let session = null;
let refreshing = null; // the refresh under way, so that there is never a second one
let timer = 0;

/** Dispatches "refreshed" when there is a fresh token, and "ended" when the login is over: its detail says why. */
export const events = new EventTarget();

/** @returns {{token: string, id: string, user: {id: string, username: string}, endsAt: number} | null} */
export const currentSession = () => session;

/**
 * Whether this browser may have a refresh cookie, which no script can see. It spares a first visit a question whose answer
 * is known, and the browser a line of red in its console.
 */
export function mayBeLoggedIn() {
  try {
    return localStorage.getItem(MARK) !== null;
  } catch {
    return true; // no storage: only the server knows
  }
}

/** Makes an account. It does not log in. */
export const register = (username, password) => request("POST", "/api/register", { body: { username, password } });

/** Logs in. */
export async function login(username, password) {
  await adopt(await locked(() => request("POST", "/api/login", { body: { username, password } })));
}

/** Ends the login. Where this rejects, the server could not be told, and the login goes on. */
export async function logout() {
  try {
    await call("POST", "/api/logout");
  } catch (problem) {
    if (problem.code !== "session_ended") throw problem; // else it is over already
  }
  if (session) drop();
}

/** Takes note that the server no longer accepts the login. */
export function end(why) {
  if (!session) return;
  drop();
  events.dispatchEvent(new CustomEvent("ended", { detail: why }));
}

/**
 * Trades the refresh cookie for a fresh token. Without a login on this page, this restores the one that the browser
 * still has. Rejects with a Problem, whose code is session_ended if there is no login any more.
 * @returns {Promise<void>}
 */
export function refresh() {
  refreshing ??= trade().finally(() => (refreshing = null));
  return refreshing;
}

/** A ticket: a random word that stands for this login, once, for a short time, in one room. */
export const createTicket = (room) => call("POST", "/api/tickets", { room });

/** Where this person is logged in. */
export const listSessions = () => call("GET", "/api/sessions");

/** Ends one of these logins, which may be this one. */
export async function endSession(id) {
  await call("DELETE", `/api/sessions/${encodeURIComponent(id)}`);
  if (id === session?.id) await endSoon("You ended your login on this device.");
}

/** Ends them all, this one too. */
export async function endAllSessions() {
  await call("DELETE", "/api/sessions");
  await endSoon("You ended your login on every device.");
}

/** A connection that is open is told by the server, in its own words. Where there is none, nobody else says it. */
async function endSoon(why) {
  const { id } = session ?? {};
  await new Promise((resume) => setTimeout(resume, GRACE));
  if (session?.id === id) end(why);
}

/** The token of whoever is logged in. */
export function currentToken() {
  if (!session) throw ended("Nobody is logged in here any more.");
  return session.token;
}

/** A call in the name of whoever is logged in. A token that is no longer good is replaced once. */
async function call(method, path, body) {
  try {
    return await request(method, path, { body, token: currentToken() });
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    await refresh();
    return request(method, path, { body, token: currentToken() });
  }
}

async function trade() {
  const before = session;
  try {
    const reply = await locked(exchange);
    if (session !== before) throw ended("Meanwhile the login was ended on this page.");
    if (before && before.id !== reply.session_id) throw ended("Another tab of this browser has logged in anew.");
    await adopt(reply);
  } catch (problem) {
    if (problem.code === "session_ended" && session === before) {
      if (!session && problem.status) forget();
      end(problem.status ? "Your login has ended: somewhere it was ended, or it was not used for too long." : problem.message);
    }
    throw problem;
  }
  events.dispatchEvent(new Event("refreshed"));
}

const ended = (detail) => new Problem({ code: "session_ended", detail });

/** One refresh, and one more if the cookie may have been overtaken by its successor: each can be used only once. */
async function exchange() {
  // keepalive: a page that is reloaded just now must not lose the next cookie.
  const once = () => request("POST", "/api/refresh", { keepalive: true });
  try {
    return await once();
  } catch (problem) {
    if (problem.code !== "session_ended" || !mayRace()) throw problem;
    await new Promise((resume) => setTimeout(resume, 300 + Math.random() * 700));
    return once();
  }
}

/** Whether another tab, or this page before its reload, may be using the cookie. A first visit need not wait for that. */
function mayRace() {
  const [visit] = performance.getEntriesByType("navigation");
  return session !== null || !navigator.locks || visit?.type !== "navigate";
}

/** All tabs share the cookie, so only one at a time may change it. Plain http has no locks, except on localhost. */
const locked = (work) => (navigator.locks ? navigator.locks.request("handshake-refresh", work) : work());

/** Takes over a token. The server is asked for the name as it was registered, which may differ in case. */
async function adopt({ access_token: token, expires_in, session_id: id }) {
  // From here on by this machine's clock, which may be wrong, but runs as fast as the server's.
  const endsAt = Date.now() + expires_in * 1000;
  const user = session?.id === id ? session.user : (await request("GET", "/api/me", { token })).user;
  session = { token, id, user, endsAt };
  remember(id);
  keepFreshAt(endsAt - Math.min(MARGIN, expires_in * 250));
}

// The server also says "expiring" on each socket. This is for a page that has none, or did not hear.
function keepFreshAt(time) {
  clearTimeout(timer);
  const wait = Math.min(time - Date.now(), DAY); // a timer of more than 24 days would go off at once
  timer = setTimeout(async () => {
    try {
      await refresh();
    } catch (problem) {
      if (session && problem.code !== "cross_origin") keepFreshAt(Date.now() + RETRY);
    }
  }, wait);
}

function remember(id) {
  try {
    localStorage.setItem(MARK, id);
  } catch {
    // No storage: mayBeLoggedIn says yes.
  }
}

/** Another tab may have logged in anew meanwhile, and its mark is not ours to take away. */
function forget(id = null) {
  try {
    if (id === null || localStorage.getItem(MARK) === id) localStorage.removeItem(MARK);
  } catch {
    // As above.
  }
}

function drop() {
  forget(session.id);
  session = null;
  clearTimeout(timer);
}
