// "Your sessions": where this person is logged in, and a button to end each of these logins.

import { whileBusy } from "./form.js";
import { endAllSessions, endSession, events, listSessions } from "./session.js";

const EVERY = 2_000; // ms between two looks while the list is open

const $ = (id) => document.getElementById(id);
const clock = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });

const rows = new Map(); // id → the session's row. It is kept as long as the session, lest the keyboard lose its place.
let timer = 0;
let failed = false; // the last look

$("show-sessions").addEventListener("click", () => {
  rows.clear();
  $("session-list").replaceChildren();
  say("");
  $("sessions").showModal();
  look();
});
$("sessions-close").addEventListener("click", () => $("sessions").close());
$("sessions").addEventListener("close", () => clearTimeout(timer));
$("end-all").addEventListener("click", ({ currentTarget }) => act(currentTarget, endAllSessions, ""));
events.addEventListener("ended", () => $("sessions").close());

async function look() {
  clearTimeout(timer);
  try {
    const { sessions } = await listSessions();
    if (failed) say("");
    failed = false;
    show(sessions);
  } catch (problem) {
    if (!failed) say(problem.sentence);
    failed = true;
  }
  clearTimeout(timer); // of another look that was under way
  if ($("sessions").open) timer = setTimeout(look, EVERY);
}

async function act(button, work, done) {
  try {
    await whileBusy(button, work);
    $("sessions-title").focus(); // the button goes away; no other one may slip under the finger
    say(done);
  } catch (problem) {
    say(problem.sentence);
  }
  if ($("sessions").open) look();
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
