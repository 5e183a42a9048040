// A client for an app like this one: logs in, keeps the token fresh, and keeps a WebSocket open.
//
// To have it in an app of your own, copy this directory: five files, no build step, no dependency, and nothing in it
// knows this page. Serve the files and import this one:
//
//   import { Connection, events, login, refresh } from "/static/js/client/index.js";
//
//   await login("alice", "correct horse battery");
//   const lobby = new Connection({
//     room: "lobby",
//     way: "subprotocol",   // or "ticket"
//     onState: (state) => { // connecting, open, waiting (until when), closed (and why)
//       console.log(state);
//       if (state.name === "open") lobby.send("Good morning");
//     },
//     onFrame: (frame) => { // welcome, message, joined, left, …
//       console.log(frame);
//       if (frame.type === "expiring") refresh().catch(() => {});
//     },
//   });
//   events.addEventListener("refreshed", () => lobby.renew()); // a fresh token for the connection that is open
//   events.addEventListener("ended", ({ detail }) => {
//     lobby.leave();
//     console.log("log in again:", detail);
//   });
//   lobby.connect();
//
// What it does without being told:
// - session.js holds the token in memory only, and trades the refresh cookie for a new one before it ends.
// - socket.js comes back after a loss, at a random time in a window that doubles (full jitter), so that a thousand
//   clients do not come back in one step; and it does what close_codes.js says about the code that the server gave.
// - When a handshake fails, a script is told 1006 and nothing else. So it asks the same URL without an upgrade, gets the
//   server's real answer, and never tries again what cannot succeed.
// - api.js makes one kind of error of everything that goes wrong: a Problem.
//
// It asks for the server's side of the contract: /api/login, /api/refresh, /api/tickets, /ws/{room}, and the close codes.

export { countdown, inWords, Problem, request } from "./api.js";
export { actionFor, CLOSE_CODES, meaningOf } from "./close_codes.js";
export {
  createTicket, currentSession, currentToken, end, endAllSessions, endSession, events, listSessions, login, logout, mayBeLoggedIn, refresh, register,
} from "./session.js";
export { askWhy, Connection, handshakeURL, PROTOCOL } from "./socket.js";
