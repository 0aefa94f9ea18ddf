// Where the page begins: what is open, and the keys that work everywhere.
import { Refused, get, post } from "./api.js";
import { button, h, toast } from "./dom.js";
import { Start } from "./start.js";
import { MODES } from "./viewer.js";
import { Workbench } from "./workbench.js";

const main = document.getElementById("main");
const KEYS = [
  ["← →", "frame back, frame on"],
  ["Home End", "first, last frame"],
  ["Space", "play, pause"],
  ["1 – 7", MODES.map(([, name]) => name).join(", ")],
  ["Shift ← →", "move the wipe, on the picture"],
  ["[ ]", "view darker, brighter"],
  ["R", "next reference"],
  ["L", "the frame that is least sure"],
  ["G", "grade this frame"],
  ["F", "full screen"],
  ["Esc", "leave the grade, the lamps, the words"],
];

let state;
let bench = null;

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : !matchMedia("(prefers-color-scheme: light)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("relumix-theme", root.dataset.theme);
}

function tabs() {
  const nav = document.getElementById("tabs");
  nav.replaceChildren(
    ...state.clips.map((clip) =>
      button(clip.title, () => open(clip), { class: "tab", "aria-current": bench?.clip.name === clip.name ? "page" : null }),
    ),
  );
}

function start(notice = "") {
  bench?.leave();
  bench = null;
  history.replaceState(null, "", "#");
  document.title = "relumix";
  main.replaceChildren(new Start(state, { onopen: open, notice }).element);
  tabs();
}

// All clips, those that another tab has opened too.
async function home() {
  if (!state) return;
  const { clips } = await get("api/state").catch(() => state);
  state.clips = clips;
  start();
}

// Begin anew where the server no longer knows a clip.
async function gone(clip) {
  bench?.leave();
  state = await get("api/state").catch((error) => (error.status === 401 ? null : state));
  if (!state) return login("This page was started anew, or you were away for long: come in again.");
  state.clips = state.clips.filter((each) => each.name !== clip.name);
  lost(false);
  return start(`${clip.title} is no longer here: it was closed, or the page was started anew.`);
}

// Say in the header that the server does not answer, or that it does again.
function lost(away) {
  const box = document.getElementById("server");
  if (away) box.replaceChildren(h("span", { class: "bad" }, "● the server does not answer"));
  else if (state) showServer();
}

function open(clip, frame) {
  bench?.leave();
  if (!state.clips.some((each) => each.name === clip.name)) state.clips.push(clip);
  bench = new Workbench(state, clip, { onclose: closed, onchange: changed, ongone: gone, onlost: lost });
  main.replaceChildren(bench.element);
  bench.open(frame);
  tabs();
  document.title = `${clip.title} – relumix`;
}

function changed(clip) {
  state.clips = state.clips.map((each) => (each.name === clip.name ? clip : each));
}

function closed(clip) {
  state.clips = state.clips.filter((each) => each.name !== clip.name);
  start();
}

function help() {
  const list = KEYS.map(([keys, what]) => h("div", {}, h("dt", {}, h("kbd", {}, keys)), h("dd", {}, what)));
  const dialog = h("dialog", { "aria-label": "Keyboard shortcuts" }, h("h2", {}, "Keys"), h("dl", { class: "keys" }, list), button("Close", () => dialog.close(), { autofocus: true }));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function key(event) {
  const { target } = event;
  if (event.key === "?" && !target.matches("input[type=text], input[type=number], input:not([type])")) help();
  if (!bench || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") (bench.editor || { close: () => bench.back() }).close();
  if (target.matches("input, select, textarea, a") && !(target.matches("input[type=range]") && /^[a-z0-9]$/i.test(event.key))) return;
  const { viewer } = bench;
  const mode = MODES[Number(event.key) - 1];
  const does = {
    " ": () => target.matches("button, summary, [role=button]") || (viewer.toggle(), true),
    ArrowLeft: () => viewer.step(-1),
    ArrowRight: () => viewer.step(1),
    Home: () => viewer.go(viewer.clip.frames[0]),
    End: () => viewer.go(viewer.clip.frames[viewer.clip.frames.length - 1]),
    "[": () => viewer.expose(-0.5),
    "]": () => viewer.expose(0.5),
    f: () => viewer.fullscreen(),
    g: () => bench.busy || bench.edit(viewer.frame),
    l: () => bench.leastSure(),
    r: () => bench.nextReference(),
  };
  const doing = mode ? () => viewer.show(mode[0]) : does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!doing) return;
  if (event.key === " " && target.matches("button, [role=button]")) return;
  event.preventDefault();
  doing();
}

function showServer() {
  const box = document.getElementById("server");
  const word = state.ready ? h("span", { class: "good" }, "● ready") : h("span", { class: state.trouble ? "bad" : "warn" }, state.trouble ? "● no engine" : "● loading the engine");
  box.replaceChildren(state.status_page ? h("a", { href: state.status_page, target: "_blank", rel: "noopener" }, word) : word);
  box.title = state.trouble;
}

async function watchServer() {
  showServer();
  if (state.ready) return;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const { ready, trouble, status_page } = await get("api/state").catch(() => state);
  Object.assign(state, { ready, trouble, status_page });
  watchServer();
}

async function admit(token) {
  await post("api/login", { token });
  history.replaceState(null, "", "#");
  await begin();
}

function login(message) {
  const token = h("input", { type: "password", autocomplete: "current-password", "aria-label": "Token" });
  const form = h(
    "form",
    { class: "panel login", onsubmit: (event) => (event.preventDefault(), admit(token.value.trim()).catch((error) => login(error.message))) },
    h("h1", {}, "This page asks for a token"),
    h("div", { class: "row" }, token, h("button", { type: "submit", class: "primary" }, "Come in")),
    h("p", { class: "bad", role: "alert" }, message),
  );
  main.replaceChildren(form);
  token.focus();
}

async function begin() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.get("token")) {
    history.replaceState(null, "", "#");
    return admit(asked.get("token"));
  }
  try {
    state = await get("api/state");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return login("");
    main.replaceChildren(h("p", { class: "bad" }, error.message));
    return undefined;
  }
  const clip = state.clips.find((each) => each.name === asked.get("clip"));
  if (clip) open(clip, Number(asked.get("frame")));
  else start();
  watchServer();
  return undefined;
}

const kept = localStorage.getItem("relumix-theme");
if (kept) document.documentElement.dataset.theme = kept;
document.getElementById("home").addEventListener("click", home);
document.getElementById("theme").addEventListener("click", theme);
document.getElementById("keys").addEventListener("click", help);
document.addEventListener("keydown", key);
begin().catch((error) => toast(error.message));
