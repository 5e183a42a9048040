// A WebSocket that is opened with a token, says why it could not open, and comes back when that makes sense, with a
// fresh token where the old one is used up.
// It knows nothing of the page: states and frames go out through two callbacks.

import { Problem, request } from "./api.js";
import { actionFor, meaningOf } from "./close_codes.js";
import { createTicket, currentSession, currentToken, end, refresh } from "./session.js";

export const PROTOCOL = "handshake.v1";
const BASE = 500; // ms: the longest first wait
const CAP = 30_000; // ms: the longest wait of all
const MAX_RIDDLES = 3; // handshakes in a row that fail although the server, asked again, would let them in

/**
 * @typedef {"subprotocol"|"ticket"|"query"} Way
 *
 * @typedef {object} State
 * @property {"connecting"|"open"|"waiting"|"closed"} name
 * @property {number} [code] why it closed, as the browser tells it; none if no token or ticket was to be had
 * @property {string} [reason]
 * @property {import("./close_codes.js").Action} [action] what this client does about it
 * @property {Problem} [problem] the server's own explanation, if it never opened
 * @property {number} [until] waiting: when the next try starts, in ms since 1970
 * @property {boolean} [refreshing] connecting: a fresh token is fetched first
 */

export class Connection {
  #socket = null;
  #attempt = 0; // what belongs to an older attempt is ignored
  #failures = 0; // in a row: the exponent of the back-off
  #riddles = 0;
  #tokenIsUsedUp = false;
  #timer = 0;
  #refs = 0;

  /**
   * @param {{room: string, way: Way, onState: (state: State) => void, onFrame: (frame: object) => void}} options
   */
  constructor(options) {
    Object.assign(this, options);
  }

  /** Opens now. Also the way to cut a wait short. */
  async connect() {
    this.leave(); // whatever was open, or on its way
    const attempt = this.#attempt;
    const stale = () => attempt !== this.#attempt;
    this.onState({ name: "connecting", refreshing: this.#tokenIsUsedUp });

    let address, token;
    const login = currentSession()?.id;
    try {
      if (this.#tokenIsUsedUp) await refresh();
      this.#tokenIsUsedUp = false;
      token = currentToken();
      address = await handshakeAddress(this.way, this.room);
    } catch (problem) {
      if (!stale()) this.#refused(problem);
      return;
    }
    if (stale()) return;

    const socket = (this.#socket = new WebSocket(address.url, address.protocols));
    let openedAt = 0;
    socket.onopen = () => (openedAt = Date.now());
    socket.onmessage = ({ data }) => {
      if (stale()) return;
      const frame = JSON.parse(data);
      if (frame.type === "welcome") this.onState({ name: "open" });
      this.onFrame(frame);
      if (frame.type === "welcome" && currentSession() && currentToken() !== token) this.renew(); // refreshed on the way
    };
    socket.onclose = async ({ code, reason }) => {
      if (stale()) return;
      if (openedAt) {
        this.#closed(code, reason, Date.now() - openedAt);
        // Another login may have followed on this page, and that one goes on.
        if (actionFor(code, reason) === "log in again" && currentSession()?.id === login) end(meaningOf(code, reason));
        return;
      }
      const problem = await askWhy(address.url, this.way, token);
      if (!stale()) this.#refused(problem, code);
    };
  }

  /**
   * Sends a message to the room.
   * @param {string} text
   * @returns {string|null} the ref that the ack or the error will bear; null while not connected
   */
  send(text) {
    const ref = `m${++this.#refs}`;
    return this.#sendFrame({ type: "message", ref, text }) ? ref : null;
  }

  /** Hands the current token to the server, so that the connection lasts as long as that one. */
  renew() {
    this.#sendFrame({ type: "renew", token: currentToken() });
  }

  /** Leaves for good. No callback comes after this. */
  leave() {
    clearTimeout(this.#timer);
    this.#attempt++;
    this.#socket?.close(1000, "bye");
  }

  #sendFrame(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #closed(code, reason, lasted) {
    this.#riddles = 0;
    // Only a connection that held for a while clears the slate; else one that is thrown out at once would race.
    if (lasted > CAP) this.#failures = 0;
    this.#next({ code, reason, action: actionFor(code, reason) });
  }

  #refused(problem, code) {
    // 426 says that the same request would have been let in, and 401 that another token might. Now and then that is
    // true: the server was just starting. Again and again it is not, and something else is in the way.
    this.#riddles = problem.status === 426 || problem.status === 401 ? this.#riddles + 1 : 0;
    const action = this.#riddles >= MAX_RIDDLES ? "stop" : actionForRefusal(problem);
    this.#next({ code, reason: "", action, problem });
  }

  #next(state) {
    if (!state.action.endsWith("reconnect")) {
      this.#riddles = 0;
      this.onState({ name: "closed", ...state });
      return;
    }
    if (state.action.startsWith("refresh")) this.#tokenIsUsedUp = true;
    if (state.action.startsWith("back off")) this.#failures = Math.max(this.#failures, 3);
    // Full jitter: a thousand clients that lost the same server come back spread out, not in step.
    const jitter = Math.random() * Math.min(CAP, BASE * 2 ** this.#failures++);
    const wait = jitter + (state.problem?.retryAfter ?? 0) * 1000;
    this.onState({ name: "waiting", ...state, until: Date.now() + wait });
    this.#timer = setTimeout(() => this.connect(), wait);
  }
}

/** @param {string} room */
export function handshakeURL(room) {
  const url = new URL(`/ws/${encodeURIComponent(room)}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url;
}

/** Where to knock, and with which subprotocols: the only two things that a browser lets a page choose. */
async function handshakeAddress(way, room) {
  const url = handshakeURL(room);
  const protocols = [PROTOCOL];
  if (way === "subprotocol") protocols.push(`bearer.${currentToken()}`);
  if (way === "ticket") url.searchParams.set("ticket", (await createTicket(room)).ticket);
  if (way === "query") url.searchParams.set("access_token", currentToken());
  return { url, protocols };
}

/**
 * A browser tells a page nothing of a failed handshake but 1006. The server answers the same address without an
 * upgrade with the error that the handshake got, and spends nothing on it.
 * @param {URL} url
 * @param {Way | ""} way
 * @param {string} token
 * @returns {Promise<Problem>}
 */
export async function askWhy(url, way, token) {
  const plain = new URL(url);
  plain.protocol = plain.protocol.replace("ws", "http");
  try {
    // fetch may not set Sec-WebSocket-Protocol, but it may set the header that a WebSocket may not.
    await request("GET", plain, { token: way === "subprotocol" ? token : undefined });
  } catch (problem) {
    return problem;
  }
  return new Problem({ status: 200, detail: "Something else than the server answers at this address." });
}

/** What to do about a handshake that the server refused: never try again what cannot succeed. */
function actionForRefusal({ status, code }) {
  if (code === "session_ended") return "log in again";
  if (status === 0 || status === 426 || status === 429 || status >= 500) return "back off, reconnect";
  // Whether the login is over as well, only a refresh can tell: a server that was given a new key knows no old token.
  if (code === "token_expired" || code === "invalid_token") return "refresh, reconnect";
  return "stop";
}
