import { Keeper } from "./keeper.js";
import { Upkeep } from "./upkeep.js";

const given = new URLSearchParams(location.search);
const server = given.get("server") ?? "http://localhost:8080";
const PATIENCE_MS = 3000;
const status = document.querySelector("[role=status]");
const tap = document.querySelector("#tap");

document.documentElement.toggleAttribute("data-transparent", given.get("look") === "transparent");
addEventListener("contextmenu", (event) => event.preventDefault());

/** The server may be down while the page is loaded. A module that failed to load is not asked for again by the same page. */
async function load() {
  if (await import(`${server}/client/index.js`).then(() => true, () => false)) return;
  status.textContent = "One moment, please…";
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const both = [`${server}/client/index.js`, location.href].map((url) => fetch(url, { cache: "no-store" }));
    if (await Promise.all(both).then((answers) => answers.every(({ ok }) => ok), () => false)) location.reload();
  }
}

/** The screen stays on. The browser lets go of the lock when the page is hidden. */
async function stayAwake() {
  await navigator.wakeLock?.request("screen").catch(() => {});
}

await load();
const head = document.createElement("live-head");
head.setAttribute("src", server);
for (const name of ["avatar", "latency", "look", "source", "session", "microphone", "voice", "token"]) {
  if (given.has(name)) head.setAttribute(name, given.get(name));
}
document.querySelector("main").append(head);

const keeper = new Keeper(head);
const say = (text) => {
  status.textContent = text;
  document.body.dataset.kiosk = text ? "waiting" : head.state;
};
keeper.oncalling = () => say("");
keeper.onlive = () => say("");
keeper.onwaiting = () => say("Back in a moment…");
new Upkeep(head, keeper, Number(given.get("check") ?? 60) * 1000);

function begin() {
  tap.hidden = true;
  sessionStorage.started = "yes";
  void stayAwake();
  keeper.start();
}

document.addEventListener("visibilitychange", () => {
  if (keeper.wanted && !document.hidden) void stayAwake();
});

tap.addEventListener("click", () => {
  void document.documentElement.requestFullscreen?.().catch(() => {});
  head.muted = false;
  begin();
});

// After a silence the server ends the call: the next visitor taps again. Without a tap it would call for nobody.
head.addEventListener("statechange", ({ detail: { state, reason } }) => {
  if (state !== "closed" || reason !== "idle" || given.has("autostart")) return;
  delete sessionStorage.started;
  keeper.stop();
  say("");
  tap.hidden = false;
});

// The browser refused to play the voice before a tap.
head.addEventListener("voicechange", ({ detail }) => {
  if (detail.forced) tap.hidden = false;
});

if (given.has("autostart") || sessionStorage.started) begin();
else tap.hidden = false;
