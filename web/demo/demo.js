import { asError } from "../client/errors.js";
import { FileSource, LiveHead, LiveHeadError, LiveEvent, Request, request } from "../client/index.js";
import { Access, locks } from "./access.js";
import { Api } from "./api.js";
import { FiguresPanel } from "./figures-panel.js";
import { IdleFilm } from "./idle-film.js";
import { Notice } from "./notice.js";
import { box, icon, part } from "./page.js";
import { Films } from "./panels/films.js";
import { fullScreenButton } from "./panels/full-screen.js";
import { Looks } from "./panels/looks.js";
import { shareButton } from "./panels/share.js";
import { Gallery } from "./portraits/gallery.js";
import { Studio } from "./portraits/studio.js";
import { Sample } from "./sample.js";
import { linkTo, readSetUp } from "./set-up.js";
import { Sources } from "./sources.js";
import { themeToggle } from "./theme-toggle.js";
import { Wave } from "./wave.js";
import { chips, engineWords, presetName, presetWords, status } from "./words.js";

/** @typedef {import("../client/call/session.js").Change} Change */
/** @typedef {import("../client/server.js").Info & {looks?: string[], says_text?: boolean,
 *   portraits?: import("./portraits/studio.js").Limits}} Info */
/** @typedef {import("./portraits/gallery.js").Portrait} Portrait */

const live = part("live", LiveHead);
const start = part("start", HTMLButtonElement);
const hold = part("hold", HTMLButtonElement);
const voice = part("voice", HTMLButtonElement);
const check = part("check", HTMLButtonElement);
const measure = part("measure", HTMLButtonElement);
const hear = part("hear", HTMLButtonElement);
const words = part("words", HTMLTextAreaElement);
const wanted = readSetUp(location.href);

/** @type {Change} */
let change = { state: live.state, previous: "idle", reason: null, attempt: 0, attempts: 0, wait: 0 };
/** @type {Info | null} */
let info = null;
let portrait = "the portrait";
/** Whether the user chose to hear the portrait or not: then a change of source changes it no more. */
let chose = false;
/** @type {AbortController | null} */
let measuring = null;
/** Timer: the server is asked again what it is. */
let introduction = 0;
/** Whether a sample was what was heard last. */
let sampled = false;
let saying = false;

const api = new Api(live);
const idleFilm = new IdleFilm(api);
const figures = new FiguresPanel();
const notice = new Notice({
  retry: () => (sampled ? void sample.play() : request(box("notice-retry"), Request.START)),
  file: () => {
    notice.hide();
    sources.askForFile();
  },
  token: () => askForToken(),
});
const access = new Access({
  given: () => {
    live.token = access.token;
    void introduce();
  },
  forgotten: () => {
    live.stop();
    live.token = null;
    notice.hide();
    void introduce();
  },
});
const sources = new Sources({
  choose: (source) => {
    notice.hide();
    use(source);
    if (!chose || sources.kind === "text") setVoice(sources.kind !== "microphone");
    show();
  },
  error: (thrown) => notice.show(thrown),
  progress: () => show(),
  picture: (picture) => {
    if (studio.usable) void studio.usePicture(picture);
  },
});
const sample = new Sample(live, {
  begin: () => {
    notice.hide();
    live.setAttribute("source", "mic");
    setVoice(true);
  },
  progress: () => show(),
  end: () => {
    sampled = true;
    use(sources.chosen ?? live.source);
    if (!chose) setVoice(sources.kind !== "microphone");
    show();
  },
  error: (thrown) => notice.show(thrown),
});
const gallery = new Gallery(api, {
  choose: (chosen) => choose(chosen),
  changed: () => introduce(),
  gone: (id) => idleFilm.forget(id),
  error: (thrown) => notice.show(thrown),
});
const studio = new Studio(api, async (made) => {
  live.avatar = made.id;
  await introduce();
  box("portraits").querySelector(/** @type {"input"} */ (`input[value="${CSS.escape(made.id)}"]`))?.focus();
});
const looks = new Looks((background) => {
  if (background === "keep") live.removeAttribute("look");
  else live.setAttribute("look", background);
});
const films = new Films(api, {
  record: (on) => (live.record = on ? "film" : "off"),
  name: (avatar) => gallery.portraits.find(({ id }) => id === avatar)?.name ?? "A portrait that is gone",
  error: (thrown) => notice.show(thrown),
});
fullScreenButton();
for (const link of document.querySelectorAll('a[href="#embed"]')) {
  link.addEventListener("click", () => (part("embed", HTMLDetailsElement).open = true));
}
shareButton(() => linkTo(location.href, { avatar: live.avatar, latency: live.latency ?? null, look: looks.value, source: sources.kind }));
new Wave(part("wave", HTMLCanvasElement), () => live.source.stream);
themeToggle(part("theme", HTMLButtonElement), () => figures.redraw());

start.addEventListener("click", () => {
  if (live.active) return live.stop();
  if (sources.kind === "file" && !sources.chosen) return sources.askForFile();
  sampled = false;
  if (sources.kind === "text" && words.value.trim()) return void say();
  request(box("over"), Request.START);
});

hear.addEventListener("click", () => void sample.play());

box("pane-text").addEventListener("submit", (event) => {
  event.preventDefault();
  void say();
});
words.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  void say();
});

hold.addEventListener("click", () => {
  const { source } = live;
  if (source instanceof FileSource) {
    if (source.playing) source.pause();
    else void source.play();
    return;
  }
  live.microphoneMuted = !live.microphoneMuted;
  show();
});

voice.addEventListener("click", () => {
  chose = true;
  setVoice(voice.getAttribute("aria-pressed") !== "true");
});

check.addEventListener("click", async () => {
  if (live.source.stream) live.source.close();
  else {
    notice.hide();
    await live.source.open({ echoCancellation: false, noiseSuppression: true, autoGainControl: true }).catch((thrown) => notice.show(thrown));
    void sources.list();
  }
  show();
});

measure.addEventListener("click", async () => {
  if (measuring) return measuring.abort();
  measuring = new AbortController();
  show();
  try {
    figures.showStatus("Measuring: short tones go out, and the test pattern at the picture's lower edge answers.");
    const progress = (/** @type {number} */ done, /** @type {number} */ of) => figures.showStatus(`Measuring, ${done + 1} of ${of}…`);
    figures.measured(await live.measure({ progress, signal: measuring.signal }));
  } catch (thrown) {
    const stopped = measuring.signal.aborted || !live.active;
    figures.showStatus(stopped ? "" : "It could not be measured: the picture did not answer the tones. Try again.");
  } finally {
    measuring = null;
    show();
  }
});

for (const input of box("presets").querySelectorAll("input")) {
  input.addEventListener("change", () => {
    live.latency = /** @type {import("../client/protocol.js").Latency} */ (input.value);
    show();
  });
}

live.addEventListener(LiveEvent.STATE, (event) => {
  change = /** @type {CustomEvent<Change>} */ (event).detail;
  if (change.state === "connecting" || change.state === "live") notice.hide();
  if (change.state === "live") void sources.list();
  if (change.state === "connecting") figures.clear();
  if (!live.active) measuring?.abort();
  if (!live.active) void films.list();
  show();
});
live.addEventListener(LiveEvent.STATS, (event) => {
  const latest = /** @type {CustomEvent<import("../client/figures.js").Figures>} */ (event).detail;
  figures.show(latest);
});
live.addEventListener(LiveEvent.ERROR, (event) => {
  const { error, fatal } = /** @type {CustomEvent<{error: LiveHeadError, fatal: boolean}>} */ (/** @type {Event} */ (event)).detail;
  if (fatal && locks(error)) askForToken(error);
  else notice.show(error, !fatal && error.code === "rate-limit");
});
live.addEventListener(LiveEvent.SOURCE, () => show());
live.addEventListener(LiveEvent.VOICE, () => show());
live.addEventListener(LiveEvent.RECORDING, () => show());
live.addEventListener(LiveEvent.LATENCY, () => show());

/** @param {import("../client/sources/source.js").Source} source */
function use(source) {
  const mode = sources.kind === "text" ? "push" : "mic";
  live.source = source;
  if (!live.active || mode === "push") live.source = mode;
  // A microphone is open first: what is sent is negotiated anew, once.
  else live.addEventListener(LiveEvent.SOURCE, () => (live.source = mode), { once: true });
}

/** @param {boolean} on */
function setVoice(on) {
  if (on) live.voice = true;
  live.muted = !on;
  show();
}

function show() {
  const { state } = change;
  const { source } = live;
  const asking = state === "connecting" && source.kind === "microphone" && !source.stream;
  document.body.dataset.state = state;
  box("chip-text").textContent = access.open ? "Locked" : live.recording ? "Live, filmed" : chips[state];
  idleFilm.resting = state === "idle" || state === "connecting" || state === "closed";
  const sampling = sample.playing || (sampled && !live.active);
  const said = status(change, { portrait, kind: sources.kind, label: source.label, measuring: measuring !== null, asking, sampling, locked: access.open });
  if (box("status").textContent !== said) box("status").textContent = said;
  start.toggleAttribute("data-active", live.active);
  start.disabled = access.open || (sources.kind === "text" && info?.says_text === false);
  hear.disabled = access.open || live.active;
  part("say", HTMLButtonElement).disabled = saying;
  box("start-text").textContent = startWords();
  const audible = live.voice && !live.muted;
  voice.setAttribute("aria-pressed", String(audible));
  icon(voice, audible ? "voice" : "voice-off");
  voice.title = audible ? "You hear the portrait. Wear headphones with an open microphone." : "Hear the portrait speak";
  showHold();
  check.hidden = live.active;
  check.textContent = source.stream ? "Stop the check" : "Check level";
  measure.disabled = state !== "live" && !measuring;
  measure.textContent = measuring ? "Stop measuring" : "Measure latency";
  const latency = live.latency ?? info?.default_latency ?? "auto";
  box("preset-value").textContent = info ? presetName(latency, live.preset) : ""; // what is replaced shifts the line
  box("preset-words").textContent = presetWords(latency, info?.latency ?? {}, live.preset);
  films.describe(live.active, live.recording);
}

/** The portrait says what is written; a call is made for it where there is none. */
async function say() {
  const text = words.value.trim();
  if (!text || saying) return;
  saying = true;
  sampled = false;
  notice.hide();
  show();
  try {
    if (!live.active) await live.start();
    await live.say(text);
    if (words.value.trim() === text) words.value = "";
  } catch (thrown) {
    // What ended the call has been shown already.
    if (live.active) notice.show(thrown);
  } finally {
    saying = false;
    show();
  }
}

function startWords() {
  if (change.state === "connecting") return "Cancel";
  if (live.active) return "Stop";
  if (change.state === "error" && change.reason === "connection-lost") return "Connect again";
  if (change.state === "closed" && change.reason) return "Start again";
  if (sources.kind === "microphone") return "Start talking";
  if (sources.kind === "text") return "Start";
  return sources.chosen ? "Play the file" : "Choose a file";
}

function showHold() {
  const { source } = live;
  hold.disabled = !live.active || !source.stream;
  if (source instanceof FileSource) {
    icon(hold, source.playing ? "pause" : "play");
    hold.setAttribute("aria-label", source.playing ? "Pause the file" : "Play the file");
    hold.setAttribute("aria-pressed", "false");
    return;
  }
  const muted = live.microphoneMuted;
  icon(hold, muted ? "mic-off" : "mic");
  hold.setAttribute("aria-label", "Mute microphone");
  hold.setAttribute("aria-pressed", String(muted));
}

/** What the server is: asked again until it answers and its engine is ready. */
async function introduce() {
  clearTimeout(introduction);
  /** @type {LiveHeadError | null} */
  let error = null;
  const token = live.token;
  try {
    const facts = await live.server.info();
    /** @type {Portrait[]} */
    const avatars = await live.server.avatars();
    if (token !== live.token) return;
    info = facts;
    access.accepted();
    describe(info);
    if (!avatars.some(({ id }) => id === live.avatar) && avatars[0]) live.avatar = avatars[0].id;
    gallery.show(avatars, live.avatar);
    looks.show(info.looks ?? ["keep"], avatars);
    const chosen = avatars.find(({ id }) => id === live.avatar);
    if (chosen) choose(chosen);
  } catch (thrown) {
    if (token !== live.token) return;
    error = asError(thrown);
  }
  if (error && locks(error)) return askForToken(error);
  const seconds = error?.retryAfter ?? 2;
  const again = error?.passing ?? (error === null && !Object.keys(info?.latency ?? {}).length);
  if (again) introduction = window.setTimeout(introduce, seconds * 1000);
  if (error && access.open) access.defer(error, again ? seconds : null);
  else if (error && !live.active) notice.show(error, again && error.code === "rate-limit");
  else if (!error && !live.active && (notice.code === "server-unreachable" || notice.code === "rate-limit")) notice.hide();
  show();
}

/** @param {Info} facts */
function describe(facts) {
  const badge = box("engine");
  badge.textContent = engineWords(facts.engine);
  badge.title = facts.engine.name === "preview" ? "A light animation made on the CPU. It is not the neural model." : "";
  badge.hidden = false;
  box("version").textContent = ` · Livehead ${facts.version}`;
  const latency = live.latency ?? facts.default_latency;
  for (const input of box("presets").querySelectorAll("input")) input.checked = input.value === latency;
  box("snippet").textContent = snippet(access.token !== undefined);
  sources.speaks = facts.says_text ?? false;
  studio.limits = facts.portraits;
  box("add").hidden = facts.portraits !== undefined && !studio.usable;
}

/** @param {LiveHeadError} [error] why the token that was used is no good */
function askForToken(error) {
  clearTimeout(introduction);
  if (live.active) live.stop();
  notice.hide();
  access.ask(error);
  live.token = null;
  show();
}

/** @param {boolean} keys whether the server wants tokens */
function snippet(keys) {
  return `<script type="module" src="${new URL("client/index.js", location.href).href}"></script>
<live-head src="${new URL(".", location.href).href}" avatar="default"${keys ? ' token="A TOKEN FROM YOUR BACKEND"' : ""} controls></live-head>`;
}

/** @param {Portrait} avatar */
function choose(avatar) {
  portrait = avatar.name;
  live.avatar = avatar.id;
  gallery.show([...gallery.portraits], avatar.id);
  idleFilm.show(avatar.id);
  const path = `v1/avatars/${encodeURIComponent(avatar.id)}/${avatar.thumbnail ? "thumbnail" : "image"}`;
  void gallery.picture(avatar, path).then((address) => (part("glow", HTMLImageElement).src = address)).catch(() => {});
  show();
}

box("snippet").textContent = snippet(false);
if (typeof RTCPeerConnection === "undefined") notice.show(new LiveHeadError("webrtc-unsupported"));
live.token = access.token;
live.source = sources.chosen ?? live.source;
if (wanted.avatar) live.avatar = wanted.avatar;
if (wanted.latency) live.latency = /** @type {import("../client/protocol.js").Latency} */ (wanted.latency);
if (wanted.look) looks.choose(wanted.look);
if (wanted.source) sources.choose(/** @type {"microphone" | "file" | "text"} */ (wanted.source));
show();
void introduce();
