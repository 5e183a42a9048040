// Runs a lane, and tells what really happened: to the script, on the wire, and in the server's logs.

import { askWhy, currentSession, currentToken, handshakeURL, request } from "./client/index.js";

const PATIENCE = 15_000; // ms

/** Whether the server tells what it saw. In release it does not. */
export const demo = document.documentElement.dataset.demo === "on";

/**
 * @typedef {object} Outcome
 * @property {string} verdict in a few words
 * @property {"opened"|"refused"|"exception"} kind
 * @property {{name: string, message: string}} [exception] what the constructor threw
 * @property {{code: number, reason: string}} [close] what a script learns of the end
 * @property {{out: boolean, text: string}[]} frames
 * @property {import("./client/api.js").Problem} [problem] the answer of the same URL without Upgrade
 * @property {string} [protocol] that the server picked
 * @property {object} [saw] the request as the server saw it, from the welcome
 * @property {object} [sighting] the same, and what the server answered and wrote, outside release
 * @property {string} [origin] of the page that tried, where it is another
 */

/**
 * @param {import("./lanes.js").Lane} lane
 * @returns {Promise<Outcome>}
 */
export async function run(lane) {
  const room = `lane-${randomHex()}`; // nobody else is there, and only who knows it may ask what the server saw
  const url = handshakeURL(room);
  const token = currentSession()?.token ?? "";
  const outcome = { frames: [] };
  let asked = url;
  try {
    const socket = await lane.open({ url, token, room });
    if (socket instanceof WebSocket) {
      asked = new URL(socket.url);
      outcome.close = await talk(socket, outcome.frames);
      outcome.protocol = socket.protocol;
      outcome.saw = outcome.frames[0] && JSON.parse(outcome.frames[0].text).saw;
    } else {
      outcome.close = { code: socket.code, reason: socket.reason };
      outcome.origin = socket.origin;
    }
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    outcome.exception = { name: error.name, message: shorten(error.message, token) };
    return { ...outcome, kind: "exception", verdict: error.name };
  }
  if (outcome.close.code !== 1006) return { ...outcome, kind: "opened", verdict: "101, open", sighting: await sight(room) };
  outcome.sighting = await sight(room);
  // Firefox applies this page's policy to a frame without an origin as if that were a stranger, and lets it send nothing.
  if (outcome.origin && outcome.sighting === null) return { ...outcome, kind: "refused", verdict: "1006, never sent" };
  outcome.problem = await askWhy(asked, lane.way ?? "", lane.id === "expired" ? lastExpired : token);
  return { ...outcome, kind: "refused", verdict: verdictOf(outcome.sighting?.status ?? outcome.problem.status) };
}

function verdictOf(status) {
  if (status === 0) return "1006, no answer";
  return status === 426 ? "1006, refused" : `1006, refused with ${status}`;
}

/** The browser's own words may have the token in them. */
function shorten(text, token) {
  return token ? text.replaceAll(token, `${token.slice(0, 6)}…(${token.length} characters)`) : text;
}

/** Waits until a socket is open, then closes it again. */
export function opened(socket) {
  return new Promise((resolve, reject) => {
    socket.onopen = () => socket.close(1000, "bye");
    socket.onclose = ({ code }) => (code === 1006 ? reject(new Error("The first handshake already failed.")) : resolve());
  });
}

let lastExpired = "";

/** A token of this login that ended an hour ago. */
export async function expiredToken() {
  const { access_token } = await request("POST", "/api/demo/expired-token", { token: currentToken() });
  return (lastExpired = access_token);
}

/** Says hello once it was welcomed, waits for the answer, and leaves. */
function talk(socket, frames) {
  return new Promise((resolve) => {
    const note = (out, text) => frames.push({ out, text });
    const timer = setTimeout(() => socket.close(1000, "bye"), PATIENCE);
    socket.onmessage = ({ data }) => {
      note(false, data);
      const { type } = JSON.parse(data);
      if (type === "ack") socket.close(1000, "bye");
      if (type !== "welcome") return;
      const hello = JSON.stringify({ type: "message", ref: "1", text: "Hello" });
      note(true, hello);
      socket.send(hello);
    };
    socket.onclose = ({ code, reason }) => {
      clearTimeout(timer);
      resolve({ code, reason });
    };
  });
}

/** What the server saw and wrote. It tells once, and only who was there. null: it saw nothing; undefined: who knows? */
async function sight(room) {
  const { token } = currentSession() ?? {};
  if (!demo || !token) return undefined;
  try {
    return await request("GET", `/api/demo/handshakes/${room}`, { token });
  } catch ({ status }) {
    return status === 404 ? null : undefined;
  }
}

function randomHex() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
