// The page: which of its three views is shown (log in, choose a room, talk), and the forms of the first two.
// To read on: session.js (who is logged in), socket.js (the connection), room.js (the talk).

import { clearProblem, showProblem, whileBusy } from "./form.js";
import { enter, leave } from "./room.js";
import { forget, login, logout, register } from "./session.js";

const ROOM = /^[A-Za-z0-9_-]{1,64}$/;

const $ = (id) => document.getElementById(id);
const authForm = $("auth-form");
const joinForm = $("join-form");

function show(view, focus) {
  document.body.dataset.view = view;
  for (const id of ["auth", "join", "room"]) $(id).hidden = id !== view;
  $("account").hidden = view === "auth";
  document.title = view === "room" ? `${$("room-title").textContent} · Handshake` : "Handshake";
  // The control that had the focus is gone; without a new place the keyboard would start again from the top.
  $(focus).focus();
}

function notice(text) {
  $("notice").textContent = text;
}

// Log in

function setMode(mode) {
  const isNew = mode === "register";
  authForm.elements.mode.value = mode;
  $("auth-title").textContent = isNew ? "Create your account" : "Welcome back";
  $("auth-submit").textContent = isNew ? "Register and log in" : "Log in";
  $("username-hint").hidden = $("password-hint").hidden = !isNew;
  $("password").autocomplete = isNew ? "new-password" : "current-password";
}

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
  const missing = [...authForm.querySelectorAll("[required]")].filter((input) => input.value === "");
  if (missing.length > 0) {
    const errors = missing.map((input) => ({ field: input.name, detail: `Please enter a ${input.name}.` }));
    return showProblem(authForm, { errors });
  }
  try {
    showLogin(await whileBusy($("auth-submit"), registerOrLogin));
  } catch (problem) {
    showProblem(authForm, problem);
  }
});

async function registerOrLogin() {
  const { username, password } = Object.fromEntries(new FormData(authForm));
  if (authForm.elements.mode.value === "register") {
    await register(username, password);
    // From here on the account exists. Should the next call fail, a second try must not register it again.
    setMode("login");
  }
  return login(username, password);
}

function showLogin({ user, expiresAt }) {
  $("password").value = "";
  $("account-name").textContent = user.username;
  $("account-until").dateTime = expiresAt.toISOString();
  $("account-until").textContent = expiresAt.toLocaleTimeString(undefined, { timeStyle: "short" });
  show("join", "room-name");
}

function loginNeeded(why) {
  leave();
  forget();
  setMode("login");
  show("auth", "password");
  notice(why);
}

$("logout").addEventListener("click", async () => {
  leave();
  const told = await whileBusy($("logout"), () => logout().then(() => true, () => false));
  setMode("login");
  show("auth", "username");
  notice(told ? "You are logged out." : "This page has forgotten your login, but the server could not be told.");
});

// Choose a room

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
  enter(room, way, loginNeeded);
  show("room", "text");
});

$("leave").addEventListener("click", () => {
  leave();
  show("join", "room-name");
  notice(`You left ${$("room-title").textContent}.`);
});

window.addEventListener("hashchange", roomFromAddress);
roomFromAddress();
// A browser may have kept the choice over a reload.
setMode(authForm.elements.mode.value);
