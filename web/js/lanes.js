// The ways in, and the mistakes that people make. Each has the code that it runs, which is also the code that is shown.
// lane_runner.js runs them, lane_view.js shows them.

import { createTicket } from "./client/index.js";
import { expiredToken, opened } from "./lane_runner.js";
import { fromForeignOrigin } from "./sandbox.js";

const NO_REFERER = "None. No browser sends a Referer with a WebSocket handshake.";
const NO_HISTORY = "Nothing. What a script opens is not in the browser’s history.";
const IN_URL_HISTORY = "Not in this browser’s: a script opened it. A command line keeps it, if you try it there with curl.";
const NOTHING_SENT = { url: "Nothing was sent.", log: "Nothing was sent.", history: "Nothing was sent.", referer: "Nothing was sent." };
const NO_SECRET = { url: "No secret was sent.", log: "No secret was sent.", history: "No secret was sent.", referer: NO_REFERER };
const IN_HEADER = {
  url: "Nothing: the address is clean.",
  log: "Nothing in the usual access logs, which leave this header out. A proxy that was told to log all headers has the token.",
  history: NO_HISTORY,
  referer: NO_REFERER,
};
const IN_QUERY = {
  url: "The whole token.",
  log: "Nothing in this app’s, which names the route. The whole token in any log that has the URL, as Gin’s and most proxies’ do, and in this browser’s console when it fails.",
  history: IN_URL_HISTORY,
  referer: `${NO_REFERER} A page that is opened at such a URL can pass it on.`,
};
const TICKET_LEFT = {
  url: "The ticket, which no longer opens anything once it was used, or after 30 seconds.",
  log: "Nothing in this app’s, which names the route. The used ticket in any log that has the URL.",
  history: IN_URL_HISTORY.replace("it,", "a used ticket,"),
  referer: NO_REFERER,
};

/**
 * @typedef {object} Lane
 * @property {string} id
 * @property {string} title
 * @property {string} about one or two sentences, for somebody who has never read an RFC
 * @property {(use: {url: URL, token: string, room: string}) => any} open
 * @property {{url: string, log: string, history: string, referer: string}} left where the secret is left behind
 * @property {"subprotocol"} [way] what the page's question why has to make up for: no script may set that header
 * @property {boolean} [open_to_all] works without a login
 * @property {boolean} [demo] needs what is there outside release only
 * @property {(use: {url: string}) => string} [by_hand] a command that shows the same where the browser sends nothing
 * @property {string} [lesson] what to take home, once it has run
 */

/** @type {Lane[]} */
export const WAYS = [
  {
    id: "none",
    title: "No token",
    about: "A handshake without any credential. The server must say no, before anything opens.",
    open: ({ url }) => new WebSocket(url, "handshake.v1"),
    left: NO_SECRET,
    open_to_all: true,
  },
  {
    id: "header",
    title: "Header",
    about: "Where other requests have their token, and what works in Postman. A browser’s constructor has no place for it.",
    open: ({ url, token }) => new WebSocket(url, { headers: { Authorization: "Bearer " + token } }),
    left: NOTHING_SENT,
    lesson: "The second argument is a list of subprotocols. An object is turned into text, and that is no subprotocol.",
  },
  {
    id: "subprotocol",
    title: "Subprotocol",
    about: "What a page can give beside the address is a list of subprotocols, which goes out in a header. The token rides there, and the server picks the other entry.",
    open: ({ url, token }) => new WebSocket(url, ["handshake.v1", "bearer." + token]),
    left: IN_HEADER,
    way: "subprotocol",
  },
  {
    id: "ticket",
    title: "Ticket",
    about: "The page first trades its token for a random word, good once, for 30 seconds and one room. Only that is in the address.",
    open: async ({ url, room }) => {
      const { ticket } = await createTicket(room);
      return new WebSocket(url + "?ticket=" + ticket, "handshake.v1");
    },
    left: TICKET_LEFT,
  },
  {
    id: "query",
    title: "Query",
    about: "The token itself in the address. Every client can do that, and it leaks: a default Gin logger writes the whole address down.",
    open: ({ url, token }) => new WebSocket(url + "?access_token=" + token, "handshake.v1"),
    left: IN_QUERY,
  },
];

/** @type {Lane[]} */
export const MISTAKES = [
  {
    id: "token",
    title: "?token=",
    about: "The parameter has another name here: RFC 6750 calls it access_token. The token leaked, for nothing.",
    open: ({ url, token }) => new WebSocket(url + "?token=" + token, "handshake.v1"),
    left: IN_QUERY,
  },
  {
    id: "alone",
    title: "Bearer subprotocol alone",
    about: "Where the server picks none of the offered subprotocols, Chrome gives up. And it will not pick, and so echo, your token.",
    open: ({ url, token }) => new WebSocket(url, ["bearer." + token]),
    left: IN_HEADER,
    way: "subprotocol",
    lesson: "Offer a real subprotocol beside it, for the server to pick.",
  },
  {
    id: "padding",
    title: "= padding",
    about: "A subprotocol is a token as HTTP has it, and “=” is not part of one. So base64 with padding does not fit. A JWT has none.",
    open: ({ url, token }) => new WebSocket(url, ["handshake.v1", "bearer." + token + "="]),
    left: NOTHING_SENT,
    way: "subprotocol",
    lesson: "Use base64url without padding, as JWTs do.",
  },
  {
    id: "expired",
    title: "An expired token",
    about: "The signature is good, the time is over. The server signs one for you that ended an hour ago.",
    open: async ({ url }) => {
      const token = await expiredToken();
      return new WebSocket(url, ["handshake.v1", "bearer." + token]);
    },
    left: IN_HEADER,
    way: "subprotocol",
    demo: true,
    lesson: "The code is token_expired, and not invalid_token: refresh, and come again.",
  },
  {
    id: "foreign",
    title: "A foreign origin",
    about: "Any page on the web can knock at your server from its visitors’ browsers. This one knocks from a sandboxed frame, whose origin is null.",
    open: ({ url, token }) => fromForeignOrigin(url, ["handshake.v1", "bearer." + token]),
    left: IN_HEADER,
    way: "subprotocol",
    by_hand: ({ url }) => `curl --include --header "Origin: https://elsewhere.example" ${url.replace(/^ws/, "http")}`,
    lesson: "The token was good. The browser names the page’s origin, no script can change it, and the server checks it first.",
  },
  {
    id: "spent",
    title: "A spent ticket",
    about: "The same ticket twice. Whoever finds it in a log comes second.",
    open: async ({ url, room }) => {
      const { ticket } = await createTicket(room);
      await opened(new WebSocket(url + "?ticket=" + ticket, "handshake.v1"));
      return new WebSocket(url + "?ticket=" + ticket, "handshake.v1");
    },
    left: TICKET_LEFT,
  },
];
