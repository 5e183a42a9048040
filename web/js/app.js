// The page: which of its views is shown (restore a login, log in, choose a room, talk), and the forms of the first ones.
// To read on: client/index.js (what other apps may copy), lanes.js (the ways in, tried for real), room.js (the talk),
// session_list.js (the list of logins).

import { countdown, currentSession, events, login, logout, mayBeLoggedIn, refresh, register } from "./client/index.js";
import { $ } from "./dom.js";
import { clearProblem, showProblem, whileBusy } from "./form.js";
import { demo } from "./lane_runner.js";
import { updateLanes } from "./lane_view.js";
import { enter, leave } from "./room.js";
import { showSessions, whileNobodyLooks } from "./session_list.js";
import { updateSnippet } from "./snippets.js";

const ROOM = /^[A-Za-z0-9_-]{1,64}$/;

const authForm = $("auth-form");
const joinForm = $("join-form");

function show(view, focus) {
  document.body.dataset.view = view;
  for (const id of ["restore", "auth", "join", "room"]) $(id).hidden = id !== view;
  const session = currentSession();
  $("account").hidden = $("inside").hidden = !session;
  for (const hint of document.querySelectorAll(".needs-login")) hint.hidden = session !== null;
  updateLanes();
  updateSnippet();
  showSessions();
  showToken();
  document.title = view === "room" ? `${$("room-title").textContent} · Handshake` : "Handshake";
  // The control that had the focus is gone; without a new place the keyboard would start again from the top.
  if (focus) $(focus).focus();
}

function notice(text) {
  $("notice").textContent = text;
}

$("notice-close").addEventListener("click", () => {
  notice("");
  $("top").focus();
});

let ticking = 0; // the timer that shows how long the token lasts

function showToken() {
  clearInterval(ticking);
  const session = currentSession();
  if (!session) return;
  $("inside-name").textContent = session.user.username;
  $("inside-token").textContent = `${session.token.slice(0, 6)}… ${session.token.length} characters`;
  const tick = () => ($("inside-left").textContent = countdown(session.endsAt));
  ticking = setInterval(tick, 1000);
  tick();
}

events.addEventListener("refreshed", () => {
  updateSnippet();
  showToken();
});

// Restore a login

async function restore(again = false) {
  if (!mayBeLoggedIn()) return show("auth");
  $("restore-again").hidden = true;
  $("restore-status").textContent = "Looking for your login …";
  try {
    await refresh();
    showLogin("Your login was kept: the page has traded its refresh cookie for a fresh token.", again ? undefined : "");
  } catch (problem) {
    if (problem.status === 0 || problem.status >= 500) {
      $("restore-status").textContent = problem.sentence;
      $("restore-again").hidden = false;
      if (again) $("restore-again").focus();
      return;
    }
    show("auth", again ? "username" : undefined);
    if (problem.code === "cross_origin") notice(`${problem.sentence} To check: PUBLIC_URL. This page is ${location.origin}.`);
  }
}

$("restore-again").addEventListener("click", () => restore(true));

// Log in

let holding = 0; // the timer of a wait that the server demands

function setMode(mode = authForm.elements.mode.value) {
  letGo();
  const isNew = mode === "register";
  authForm.elements.mode.value = mode;
  $("auth-title").textContent = isNew ? "Create your account" : "Welcome back";
  $("auth-submit").textContent = isNew ? "Register and log in" : "Log in";
  $("username-hint").hidden = $("password-hint").hidden = !isNew;
  $("password").autocomplete = isNew ? "new-password" : "current-password";
}

/** Lets nobody press the button until the server listens again. It counts down; the error has said the wait once. */
function holdBack(seconds) {
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    $("auth-submit").textContent = `Try again in ${countdown(until)}`;
    if (Date.now() < until) return;
    clearProblem(authForm);
    setMode();
    $("wait-over").textContent = "You can try again now.";
  };
  $("auth-submit").disabled = true;
  holding = setInterval(tick, 250);
  tick();
}

function letGo() {
  if (holding) $("auth-submit").disabled = false; // else it may be that it works
  clearInterval(holding);
  holding = 0;
  $("wait-over").textContent = "";
}

// The wait is for one account: another name may go in at once.
$("username").addEventListener("input", () => setMode());

authForm.addEventListener("change", (event) => {
  if (event.target.name !== "mode") return;
  clearProblem(authForm);
  setMode(event.target.value);
});

$("show-password").addEventListener("click", ({ currentTarget }) => {
  const shown = currentTarget.getAttribute("aria-pressed") !== "true";
  currentTarget.setAttribute("aria-pressed", String(shown));
  $("password").type = shown ? "text" : "password";
});

authForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblem(authForm);
  notice("");
  $("wait-over").textContent = "";
  const missing = [...authForm.querySelectorAll("[required]")].filter((input) => input.value === "");
  if (missing.length > 0) {
    const errors = missing.map((input) => ({ field: input.name, detail: `Please enter a ${input.name}.` }));
    return showProblem(authForm, { errors });
  }
  try {
    await whileBusy($("auth-submit"), registerOrLogin);
    isGuest = false;
    $("password").value = "";
    showLogin();
  } catch (problem) {
    showProblem(authForm, problem);
    if (problem.retryAfter > 0) {
      $("password").focus(); // the button is about to lose it
      holdBack(problem.retryAfter);
    }
  }
});

async function registerOrLogin() {
  const { username, password } = Object.fromEntries(new FormData(authForm));
  if (authForm.elements.mode.value === "register") {
    await register(username, password);
    // From here on the account exists. Should the next call fail, a second try must not register it again.
    setMode("login");
  }
  await login(username, password);
}

/** @param {string} [focus] after a reload the reader stays where the browser puts them */
function showLogin(word = "", focus = "inside-title") {
  $("account-name").textContent = currentSession().user.username;
  show("join", focus);
  notice(word);
}

// A throw-away account: what anybody can do by hand, with a name and a password that nobody needs to remember.

let isGuest = false; // nobody knows the password
$("guest").hidden = !demo;

$("guest-login").addEventListener("click", async ({ currentTarget }) => {
  clearProblem($("auth"));
  notice("");
  try {
    const username = `guest-${randomWord(6)}`;
    await whileBusy(currentTarget, async () => {
      const password = randomWord(32);
      await register(username, password);
      await login(username, password);
    });
    isGuest = true;
    showLogin(`You are ${username}. Nobody knows the password, so nobody can log in to it again.`);
  } catch (problem) {
    $("guest-error").textContent = problem.sentence;
  }
});

function randomWord(length) {
  const letters = "abcdefghijkmnpqrstuvwxyz23456789"; // 32, so that each is as likely
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => letters[byte % 32]).join("");
}

events.addEventListener("ended", ({ detail: why }) => {
  leave();
  setMode("login");
  $("username").value = isGuest ? "" : $("account-name").textContent;
  show("auth", isGuest ? "guest-login" : "password");
  notice(why);
});

$("logout").addEventListener("click", async () => {
  leave();
  show("join");
  try {
    await whileBusy($("logout"), () => whileNobodyLooks(logout));
    setMode("login");
    show("auth", "username");
    notice("You are logged out.");
  } catch (problem) {
    show("join", "logout");
    notice(`You are still logged in. ${problem.sentence}`);
  }
});

// Choose a room

const open = document.documentElement.dataset.ways.split(" ");
for (const choice of joinForm.elements.way) {
  if (choice.value === "header" || open.includes(choice.value)) continue; // no page can send the header, and it says so
  choice.disabled = true;
  $(`${choice.id}-hint`).textContent = "Closed on this server (WS_TOKEN_SOURCES).";
}
if (joinForm.querySelector("[name=way]:checked").disabled) joinForm.querySelector("[name=way]:enabled")?.click();

function roomFromAddress() {
  const room = new URLSearchParams(location.hash.slice(1)).get("room");
  if (room) $("room-name").value = room;
}

joinForm.addEventListener("submit", (event) => {
  event.preventDefault();
  clearProblem(joinForm);
  notice("");
  const { room, way } = Object.fromEntries(new FormData(joinForm));
  if (!ROOM.test(room)) {
    const detail = "A room’s name is 1 to 64 letters, digits, dashes or underscores.";
    return showProblem(joinForm, { errors: [{ field: "room", detail }] });
  }
  // So that the address can be sent to a friend. What stands after # never reaches the server.
  history.replaceState(null, "", `#room=${room}`);
  enter(room, way);
  show("room", "text");
  $("room").scrollIntoView(); // all of it, and not only the field that has the focus
});

$("leave").addEventListener("click", () => {
  leave();
  show("join", "room-name");
  notice(`You left ${$("room-title").textContent}.`);
});

window.addEventListener("hashchange", roomFromAddress);
roomFromAddress();
setMode(); // a browser may have kept the choice over a reload
restore();
