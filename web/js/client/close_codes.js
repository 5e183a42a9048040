// What the server means when it closes a WebSocket, and what a client then does. The same table stands in the server
// and in the README; a Go test reads this file line by line and holds the three against each other.

/** @typedef {"nothing"|"reconnect"|"back off, reconnect"|"refresh, reconnect"|"log in again"|"stop"} Action */

/** @type {{code: number, reason: string, action: Action}[]} */
export const CLOSE_CODES = [
  { code: 1000, reason: "bye", action: "nothing" },
  { code: 1001, reason: "shutting down", action: "reconnect" },
  { code: 1007, reason: "text is not UTF-8", action: "stop" },
  { code: 1008, reason: "unreadable frame", action: "stop" },
  { code: 1008, reason: "too many bad frames", action: "stop" },
  { code: 1009, reason: "message too big", action: "stop" },
  { code: 1011, reason: "internal error", action: "back off, reconnect" },
  { code: 1013, reason: "too slow", action: "back off, reconnect" },
  { code: 1013, reason: "too many messages", action: "back off, reconnect" },
  { code: 1013, reason: "too many connections", action: "back off, reconnect" },
  { code: 3000, reason: "token expired", action: "refresh, reconnect" },
  { code: 3000, reason: "session ended", action: "log in again" },
  { code: 3003, reason: "forbidden", action: "stop" },
];

// For people: the same reasons in a sentence each.
const MEANINGS = {
  "bye": "You left the room.",
  "shutting down": "The server is stopping or restarting.",
  "text is not UTF-8": "This page sent text that the server cannot read: a bug in the page.",
  "unreadable frame": "This page sent something that the server cannot read: a bug in the page.",
  "too many bad frames": "This page kept sending things the server cannot use: a bug in the page.",
  "message too big": "This page sent more at once than the server takes: a bug in the page.",
  "internal error": "Something went wrong inside the server.",
  "too slow": "This browser could not keep up with the room.",
  "too many messages": "This page sent messages faster than the server allows.",
  "too many connections": "More connections are open than the server allows.",
  "token expired": "Your token has expired.",
  "session ended": "Your login was ended, here or on another device.",
  "forbidden": "You may not be in this room.",
};

/**
 * What to do after a close.
 * @param {number} code
 * @param {string} reason
 * @returns {Action}
 */
export function actionFor(code, reason) {
  // 1006 is never sent: the browser makes it up when the line breaks without a close frame.
  if (code === 1006) return "reconnect";
  const exact = CLOSE_CODES.find((row) => row.code === code && row.reason === reason);
  // A code that nobody agreed on is no ground to hammer the server.
  return (exact ?? CLOSE_CODES.find((row) => row.code === code))?.action ?? "stop";
}

/**
 * The same close in a sentence for people.
 * @param {number} code
 * @param {string} reason
 */
export function meaningOf(code, reason) {
  if (code === 1006) return "The connection broke off without a goodbye.";
  return MEANINGS[reason] ?? "The server did not say what it means by that.";
}
