// The room: members, messages, and the line that says how the connection is.
// All that people write reaches the page as textContent, so markup in it stays text.

import { Connection, countdown, currentSession, end, events, inWords, meaningOf, refresh } from "./client/index.js";
import { $, element } from "./dom.js";
import { clearProblem, showProblem } from "./form.js";
import { markCloseCode } from "./session_list.js";

const MAX_TEXT = 4096; // characters, as the server counts them
const MAX_ROWS = 500; // a page that stays open all week must not grow all week

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const exactClock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

let connection = null;
let members = new Set();
let welcomed = false; // since the room was entered
let ticking = 0;
const pending = new Map(); // ref → the row of a message that the server has not acknowledged

/**
 * Enters a room and stays connected to it until leave.
 * @param {string} room
 * @param {import("./client/socket.js").Way} way
 */
export function enter(room, way) {
  welcomed = false;
  for (const id of ["messages", "pending", "members"]) $(id).replaceChildren();
  $("room-title").textContent = room;
  $("empty").hidden = false;
  clearProblem($("say-form"));
  connection = new Connection({ room, way, onState: showState, onFrame: showFrame });
  connection.connect();
}

/** Leaves the room, if one was entered. */
export function leave() {
  clearInterval(ticking);
  connection?.leave();
  connection = null;
  pending.clear();
}

events.addEventListener("refreshed", () => connection?.renew());

$("reconnect").addEventListener("click", () => connection.connect());

$("say-form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearProblem(event.target);
  const text = $("text").value;
  if (!text.trim()) return;
  const fault = (detail) => showProblem(event.target, { errors: [{ field: "text", detail }] });
  const length = [...text].length;
  if (length > MAX_TEXT) return fault(`A message has at most ${MAX_TEXT} characters, this one has ${length}.`);
  const ref = connection.send(text);
  if (!ref) return fault("Not connected. Your text stays here until you are.");
  pending.set(ref, addRow($("pending"), { from: currentSession().user.username, text, note: "sending …" }));
  $("text").value = "";
  $("scroll").scrollTop = 0; // its end: the list is reversed
});

// Frames

const FRAMES = {
  welcome(frame) {
    members = new Set(frame.members);
    showMembers();
    // The server keeps no history, so a gap must not look like silence.
    if (welcomed) addNote("You are back. What was said in between is not shown.");
    welcomed = true;
    setStatus("Connected.", "", LET_IN[frame.via] ?? "");
    showTokenLeft();
  },
  expiring() {
    $("connection").dataset.state = "expiring";
    setStatus("Connected.", "expiring", "Your token is about to end. The page is fetching a fresh one …");
    // Should it fail: session.js tries again while there is time, and says so if the login is over.
    refresh().catch(() => {});
  },
  renewed() {
    $("connection").dataset.state = "open";
    setStatus("Connected.", "renewed", `The server took your fresh token at ${exactClock.format()}. The connection stayed open.`);
    showTokenLeft();
  },
  message({ from, text, at }) {
    $("empty").hidden = true;
    addRow($("messages"), { from, text, at, own: from === currentSession().user.username });
  },
  ack({ ref }) {
    // The message itself comes to its sender like to everybody else.
    pending.get(ref)?.remove();
    pending.delete(ref);
  },
  joined({ user }) {
    if (members.has(user)) return;
    members.add(user);
    showMembers();
    addNote(`${user} joined.`);
  },
  left({ user }) {
    if (!members.delete(user)) return;
    showMembers();
    addNote(`${user} left.`);
  },
  error({ ref, detail }) {
    giveBack(ref, `not sent: ${detail}`);
    showProblem($("say-form"), { errors: [{ field: "text", detail }] });
  },
};

// A type that this page does not know is no fault: a newer server may say more.
const showFrame = (frame) => FRAMES[frame.type]?.(frame);

const LET_IN = {
  header: "The server found your token in the Authorization header.",
  subprotocol: "The server found your token in the list of subprotocols.",
  ticket: "The server took your ticket.",
  query: "The server found your token in the address.",
};

/** Moves an unacknowledged message up among the others, and its text back into the empty field: nothing typed gets lost. */
function giveBack(ref, note) {
  const row = pending.get(ref);
  if (!row) return;
  pending.delete(ref);
  row.querySelector(".note").textContent = note;
  row.classList.add("failed");
  append($("messages"), row);
  $("text").value ||= row.querySelector(".text").textContent;
}

// The connection

function showState(state) {
  clearInterval(ticking);
  $("countdown").textContent = "";
  $("connection").dataset.state = state.name;
  const mayReconnect = state.name === "waiting" || state.name === "closed";
  if (!mayReconnect && document.activeElement === $("reconnect")) $("text").focus(); // it goes away under the reader's hands
  $("reconnect").hidden = !mayReconnect;
  $("reconnect").textContent = state.name === "closed" ? "Try again" : "Reconnect now";
  if (state.name === "connecting") return setStatus(state.refreshing ? "Fetching a fresh token …" : "Connecting …", "", "");
  if (state.name === "open") return; // the welcome frame says more

  for (const ref of [...pending.keys()]) giveBack(ref, "perhaps not delivered");
  members.clear();
  showMembers();
  markCloseCode(state.code, state.reason);
  const label = state.problem ? "Not connected." : "Disconnected.";
  const code = [state.code, state.reason].filter(Boolean).join(" ");
  if (state.action === "log in again") return end(`${explain(state)} (Close code ${state.code}, “${state.reason}”: ${state.action}.)`);
  const why = explain(state);
  if (state.name === "closed") return setStatus(label, code, why);
  const fresh = state.action.startsWith("refresh") ? " with a fresh token" : "";
  setStatus(label, code, `${why} Trying again${fresh} in ${inWords((state.until - Date.now()) / 1000)}.`);
  showCountdown("Again in", state.until);
}

/** What happened, for people. */
function explain({ code, reason, action, problem }) {
  if (!problem) return meaningOf(code, reason);
  if (!code) return `There is nothing to get in with: ${problem.sentence}`;
  if (problem.status === 0) return problem.sentence;
  const asked = "A page is told no more than this code. Asked again without a WebSocket, the server";
  if (problem.status !== 426) return `${asked} answers ${problem.status}: ${problem.sentence}`;
  if (action !== "stop") return `${asked} would let you in.`;
  // What the question cannot show: fetch sends no Origin to its own server, and no subprotocols.
  return `${asked} would let you in, and still it does not open. To check: PUBLIC_URL and ALLOWED_ORIGINS (this page is ` +
    `${location.origin}), WS_TOKEN_SOURCES, and the proxies on the way.`;
}

// The token that the connection has is the page's newest: it came by the handshake, or comes by renew.
const showTokenLeft = () => showCountdown("Token ends in", currentSession().endsAt);

function showCountdown(label, until) {
  const tick = () => ($("countdown").textContent = `${label} ${countdown(until)}`);
  clearInterval(ticking);
  ticking = setInterval(tick, 250);
  tick();
}

function setStatus(label, code, text) {
  $("status-label").textContent = label;
  $("status-code").textContent = code;
  $("status-text").textContent = text;
}

// Rows

function showMembers() {
  const me = currentSession()?.user.username;
  const names = [...members].sort((a, b) => a.localeCompare(b));
  $("members").replaceChildren(...names.map((name) => element("li", name === me ? `${name} (you)` : name)));
}

function addNote(text) {
  append($("messages"), element("li", text, "event"));
}

function addRow(list, { from, text, at, note = "", own = list.id === "pending" }) {
  const row = element("li", "", own ? "message own" : "message");
  const head = element("p", "", "head");
  head.append(element("strong", from), " ", at ? time(at) : "", element("span", note, "note"));
  row.append(head, element("p", text, "text"));
  append(list, row);
  return row;
}

function append(list, row) {
  list.append(row);
  if (list.children.length > MAX_ROWS) list.firstElementChild.remove();
}

function time(at) {
  const node = element("time", clock.format(new Date(at)));
  node.dateTime = at;
  return node;
}
