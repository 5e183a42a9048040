// "Your sessions": where this person is logged in, and a button to end each of these logins. Below it the close codes.

import { CLOSE_CODES, currentSession, endAllSessions, endSession, listSessions, meaningOf } from "./client/index.js";
import { $, element } from "./dom.js";
import { whileBusy } from "./form.js";

const EVERY = 2_000; // ms between two looks while the list is on the screen

const clock = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

const rows = new Map(); // id → the session's row. It is kept as long as the session, lest the keyboard lose its place.
let timer = 0;
let failed = false; // at the last look
let visible = false; // on the screen
let looking = Promise.resolve(); // the last look, over or not
let acting = false; // a login is being ended, perhaps the one that would ask

new IntersectionObserver(([{ isIntersecting }]) => {
  visible = isIntersecting;
  look();
}).observe($("sessions"));
$("end-all").addEventListener("click", ({ currentTarget }) => act(currentTarget, endAllSessions, ""));
$("code-rows").append(...CLOSE_CODES.map(({ code, reason, action }) => {
  const row = element("tr");
  row.dataset.code = `${code} ${reason}`;
  row.append(element("td", code), element("td", reason), element("td", action), element("td", meaningOf(code, reason)));
  return row;
}));

/** Called when somebody has logged in or out. */
export function showSessions() {
  const was = $("sessions").hidden;
  $("sessions").hidden = !currentSession();
  if (was === $("sessions").hidden) return look();
  rows.clear();
  $("session-list").replaceChildren();
  say("");
  look();
}

/** Marks where this one stands in the table of close codes. */
export function markCloseCode(code, reason) {
  for (const row of $("code-rows").children) row.classList.toggle("hit", row.dataset.code === `${code} ${reason}`);
}

/** Does what may end the login, while the list asks nothing: an answer that comes too late would be a refusal. */
export async function whileNobodyLooks(work) {
  acting = true;
  try {
    await looking;
    return await work();
  } finally {
    acting = false;
    look();
  }
}

function look() {
  looking = ask();
}

async function ask() {
  clearTimeout(timer);
  if (acting || !currentSession() || !visible || document.hidden) return again();
  try {
    const { sessions } = await listSessions();
    if (!currentSession()) return;
    if (failed) say("");
    failed = false;
    show(sessions);
  } catch (problem) {
    if (!currentSession()) return;
    if (!failed) say(problem.sentence);
    failed = true;
  }
  again();
}

function again() {
  clearTimeout(timer); // of another look that was under way
  if (currentSession() && visible) timer = setTimeout(look, EVERY);
}

async function act(button, work, done) {
  try {
    await whileBusy(button, () => whileNobodyLooks(work));
    if (currentSession()) $("sessions-title").focus(); // the button goes away; no other one may slip under the finger
    say(done);
  } catch (problem) {
    say(problem.sentence);
  }
}

function say(text) {
  $("sessions-status").textContent = text;
}

function show(sessions) {
  for (const [id, row] of rows) {
    if (sessions.some((session) => session.id === id)) continue;
    row.remove();
    rows.delete(id);
  }
  // This device first, then the newest, as they come.
  sessions.sort((a, b) => b.current - a.current);
  for (const [place, session] of sessions.entries()) {
    if (!rows.has(session.id)) {
      rows.set(session.id, newRow(session));
      $("session-list").insertBefore(rows.get(session.id), $("session-list").children[place] ?? null);
    }
    fill(rows.get(session.id), {
      address: session.ip,
      since: clock.format(new Date(session.created_at)),
      used: clock.format(new Date(session.last_used_at)),
      sockets: session.sockets,
    });
  }
}

function newRow({ id, user_agent, current }) {
  const row = $("session-row").content.firstElementChild.cloneNode(true);
  const device = deviceOf(user_agent);
  fill(row, { device, agent: user_agent || "It did not say what it is.", which: ` ${device}${current ? ", this device" : ""}` });
  row.querySelector(".badge").hidden = !current;
  const button = row.querySelector("button");
  button.addEventListener("click", () => act(button, () => endSession(id), `Ended: ${device}.`));
  return row;
}

function fill(row, fields) {
  for (const [name, text] of Object.entries(fields)) row.querySelector(`[data-field=${name}]`).textContent = text;
}

// In this order: browsers also name those that they descend from.
const PROGRAMS = { Edge: /Edg/, Opera: /OPR/, Firefox: /Firefox|FxiOS/, Chrome: /Chrom|CriOS/, Safari: /Safari/ };
const SYSTEMS = { iOS: /iPhone|iPad/, Android: /Android/, Windows: /Windows/, macOS: /Mac OS/, ChromeOS: /CrOS/, Linux: /Linux/ };

/** What a User-Agent header says, in a word or three. It is a claim and no proof. */
function deviceOf(agent) {
  const find = (table) => Object.keys(table).find((name) => table[name].test(agent));
  const program = find(PROGRAMS) ?? (agent.split(/[/\s]/, 1)[0].slice(0, 24) || "Unknown program");
  const system = find(SYSTEMS);
  return system ? `${program} on ${system}` : program;
}
