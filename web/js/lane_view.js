// Shows the lanes: the code, what came of it, and what the server saw and wrote.

import { currentSession, handshakeURL, inWords } from "./client/index.js";
import { $, element } from "./dom.js";
import { whileBusy } from "./form.js";
import { demo, run } from "./lane_runner.js";
import { MISTAKES, WAYS } from "./lanes.js";

const TELLING = ["Host", "Origin", "Authorization", "Sec-Websocket-Protocol"]; // the headers that this page is about
const SHORTENED = /([\w-]*…\(\d+ characters\))/;
// The question comes from the page itself, and not from where the handshake did. It cannot be the same in all.
const DIFFERENCE = "The question above was answered differently, because it is not quite the same: a fetch may not set " +
  "Sec-WebSocket-Protocol, so the token went along as a header, and it names no foreign origin.";

const cards = [];
for (const [list, lanes] of [[$("way-lanes"), WAYS], [$("mistake-lanes"), MISTAKES]]) {
  for (const lane of lanes) {
    if (lane.demo && !demo) continue;
    const card = newCard(lane);
    cards.push({ lane, card });
    list.append(card);
  }
}
$("saw-note").hidden = !demo;
$("run-all").addEventListener("click", ({ currentTarget }) => whileBusy(currentTarget, runAll));

/** Called when somebody has logged in or out. */
export function updateLanes() {
  for (const { lane, card } of cards) card.querySelector("button").disabled = !isOpen(lane);
}

const isOpen = (lane) => currentSession() !== null || lane.open_to_all === true;

async function runAll() {
  const mine = cards.filter(({ lane }) => isOpen(lane));
  for (const [done, { lane, card }] of mine.entries()) {
    if (!isOpen(lane)) return ($("run-all-status").textContent = "The login ended meanwhile.");
    $("run-all-status").textContent = `${done + 1} of ${mine.length}: ${lane.title}`;
    await runOne(lane, card);
  }
  $("run-all-status").textContent = `${inWords(mine.length).replace("second", "lane")} done.`;
}

function newCard(lane) {
  const card = $("lane").content.firstElementChild.cloneNode(true);
  card.id = `lane-${lane.id}`;
  const fields = { title: lane.title, about: lane.about, code: sourceOf(lane.open), which: `: ${lane.title}`, ...lane.left };
  for (const [name, text] of Object.entries(fields)) card.querySelector(`[data-field=${name}]`).textContent = text;
  card.querySelector("button").addEventListener("click", () => runOne(lane, card));
  return card;
}

const running = new Map(); // lane → its run under way, so that there is never a second one

function runOne(lane, card) {
  if (!running.has(lane)) running.set(lane, tryOut(lane, card).finally(() => running.delete(lane)));
  return running.get(lane);
}

async function tryOut(lane, card) {
  const verdict = card.querySelector(".verdict");
  verdict.textContent = "";
  card.dataset.kind = "";
  try {
    const outcome = await whileBusy(card.querySelector("button"), () => run(lane));
    card.dataset.kind = outcome.kind;
    verdict.textContent = outcome.verdict;
    show(card.querySelector(".outcome"), lane, outcome);
  } catch (problem) { // no ticket, no answer: then there was no handshake to speak of
    verdict.textContent = problem.sentence ?? problem.message;
    card.querySelector(".outcome").hidden = true; // of a run before this one
  }
  card.querySelector("button").disabled = !isOpen(lane); // the login may have ended meanwhile
}

/** The code of a lane, as it stands in its file, without what is around it. */
export function sourceOf(open) {
  const body = String(open).replace(/^[^]*?=>\s*/, "");
  if (!body.startsWith("{")) return body;
  return body.split("\n").slice(1, -1).map((line) => line.replace(/^ {6}/, "")).join("\n").replace(/\breturn (?=new)/, "");
}

function show(place, lane, outcome) {
  const parts = [];
  const add = (title, ...nodes) => parts.push(element("h5", title), ...nodes.filter(Boolean));
  const { exception, close, frames, origin, problem, sighting, saw } = outcome;
  if (exception) {
    add("What the script learns", block(`${exception.name}: ${exception.message}`),
      element("p", "The constructor threw this. Nothing was sent, so the server knows nothing of it."));
  }
  if (close?.code === 1006) {
    const where = origin ? ` Its origin was ${origin}.` : "";
    add("What the script learns", element("p", `An error event that says nothing, and close code 1006 without a reason.${where}`));
  } else if (close) {
    add("What the script learns", element("p", `101: the socket is open, and the server picked ${outcome.protocol}.`),
      block(frames.map(written).join("\n")), element("p", `Then it was closed with ${close.code}, “${close.reason}”.`));
  }
  if (close?.code === 1006 && !problem) {
    add("What the server learns", element("p", "Nothing: no handshake came. This browser kept it to itself."));
    if (lane.by_hand) add("By hand", block(lane.by_hand({ url: handshakeURL("lobby").href })), element("p", "The server answers 403 origin_not_allowed."));
  }
  if (problem) {
    add("The same address, asked without Upgrade", answer(problem.status, problem.code, problem.message));
    if (!sighting && problem.status === 426) parts.push(element("p", DIFFERENCE, "hint"));
    if (sighting?.status === problem.status) parts.push(element("p", "The handshake itself was answered the same.", "hint"));
  }
  if (sighting) {
    if (sighting.code && sighting.status !== problem.status) {
      add("What the handshake itself was answered", answer(sighting.status, sighting.code, sighting.detail), element("p", DIFFERENCE, "hint"));
    }
    add("The request, as the server saw it", ...seenRequest(saw ?? sighting.saw));
    add("The line in this server’s log", block(sighting.access_log));
    add("The line of a default Gin logger", block(sighting.gin_log || "Not shown: its secret could not be told apart."), ginHint(sighting));
  }
  if (lane.lesson) parts.push(element("p", lane.lesson, "lesson"));
  place.replaceChildren(...parts);
  place.hidden = false;
}

const answer = (status, code, text) => {
  const p = element("p", "", "answer");
  p.append(element("strong", status === 0 ? code : `${status} ${code}`), ` ${text}`);
  return p;
};

/** Where the picture is not what a plain app would write, it says so. */
function ginHint({ status, saw }) {
  const words = [];
  if (saw.path.includes("?")) words.push("Gin writes the secret whole: it was shortened for this page.");
  if (status === 101) words.push("In a plain Gin app the line comes when the socket ends, and says 200, as nobody told Gin of the 101.");
  return words.length > 0 ? element("p", words.join(" "), "hint") : null;
}

/** A frame in one line. What the welcome says of the handshake has a place of its own. */
function written({ out, text }) {
  const { saw, ...frame } = JSON.parse(text);
  if (saw) frame.saw = "as below";
  return `${out ? "→" : "←"}\u00a0${JSON.stringify(frame)}`;
}

function seenRequest({ method, path, protocol, headers }) {
  const line = ({ name, value }) => `${name}: ${value}`;
  const telling = headers.filter(({ name }) => TELLING.includes(name));
  const all = element("details");
  all.append(element("summary", `All ${headers.length} headers`), block(headers.map(line).join("\n")));
  return [block([`${method} ${path} ${protocol}`, ...telling.map(line)].join("\n")), all];
}

/** Text as it came, with what was shortened in it marked. */
function block(text) {
  const pre = element("pre");
  const code = element("code");
  code.append(...text.split(SHORTENED).map((part, i) => (i % 2 ? element("mark", part) : part)));
  pre.append(code);
  return pre;
}
