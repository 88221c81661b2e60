import { asError } from "../errors.js";
import { FileSource } from "../sources/file-source.js";
import { MicrophoneSource } from "../sources/microphone-source.js";
import { Screen } from "./screen.js";
import { Server } from "../server.js";
import { Session } from "../call/session.js";
import { active } from "../call/states.js";
import { StreamSource } from "../sources/stream-source.js";
import { Token } from "../token.js";
import { Attribute, LiveEvent, Reflected, Request } from "./vocabulary.js";

/** @typedef {import("../sources/source.js").Source} Source */
/** @typedef {import("../protocol.js").Latency} Latency */
/** @typedef {import("../call/session.js").Change} Change */

/**
 * `<live-head src="https://server" avatar="default" latency="low" voice="off">`: talk, and a portrait speaks.
 *
 * Attributes the page sets: `src` (the server; this page's own when missing), `avatar`, `latency`, `voice` (`on`: the
 * server sends the audio back in step with the video), `muted`, `token`, `seed`, `controls`.
 * `token` may be set as a property, too, also to a function that gets one, which may be async.
 * Attributes the element sets: `state`, `reason`.
 * Events: see {@link LiveEvent}; requests that controls inside it may dispatch: see {@link Request}.
 */
export class LiveHead extends HTMLElement {
  static observedAttributes = [Attribute.SRC, Attribute.AVATAR, Attribute.LATENCY, Attribute.VOICE, Attribute.MUTED, Attribute.TOKEN];

  #screen;
  #session;
  /** @type {Source} */
  #source = new MicrophoneSource();
  /** @type {import("../errors.js").LiveHeadError | null} */
  #error = null;
  #token = new Token();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.#screen = new Screen(root, () => this.#session.shown());
    this.#session = new Session({
      change: (change) => this.#changed(change),
      media: (stream) => this.#play(stream),
      stats: (figures) => this.#tell(LiveEvent.STATS, figures),
      error: (error, fatal) => this.#complain(error, fatal),
    });
    root.querySelector("button")?.addEventListener("click", () => (this.active ? this.stop() : void this.start()));
    this.addEventListener(Request.START, () => void this.start());
    this.addEventListener(Request.STOP, () => this.stop());
    this.addEventListener(Request.MUTE, () => (this.muted = true));
    this.addEventListener(Request.UNMUTE, () => (this.muted = false));
    this.addEventListener(Request.INTERRUPT, () => this.interrupt());
    this.addEventListener(Request.AVATAR, (event) => (this.avatar = String(/** @type {CustomEvent} */ (event).detail)));
    this.addEventListener(Request.LATENCY, (event) => (this.latency = /** @type {CustomEvent} */ (event).detail));
  }

  connectedCallback() {
    this.#upgrade();
    if (!this.hasAttribute(Reflected.STATE)) this.setAttribute(Reflected.STATE, this.state);
    this.#draw();
    addEventListener("pagehide", this.#leave);
  }

  disconnectedCallback() {
    removeEventListener("pagehide", this.#leave);
    this.stop();
  }

  /**
   * @param {string} name
   * @param {string | null} old
   * @param {string | null} value
   */
  attributeChangedCallback(name, old, value) {
    if (old === value) return;
    if (name === Attribute.SRC || name === Attribute.AVATAR) this.#draw();
    if (name === Attribute.SRC) this.#session.change({ server: this.server.url });
    if (name === Attribute.AVATAR) this.#session.change({ avatar: this.avatar });
    if (name === Attribute.LATENCY && this.latency) this.#session.change({ latency: this.latency });
    if (name === Attribute.VOICE) this.#session.change({ voice: this.voice });
    if (name === Attribute.MUTED) void this.#playAudio();
    if (name === Attribute.TOKEN) this.token = value;
  }

  /** Call the server and talk. Resolves when the call is answered, or has failed. */
  async start() {
    this.#error = null;
    const { avatar, latency, voice } = this;
    const token = this.#token;
    const seed = this.hasAttribute(Attribute.SEED) ? Number(this.getAttribute(Attribute.SEED)) : undefined;
    await this.#session.start({ server: this.server.url, avatar, latency, voice, token, seed, probe: false }, this.#source);
  }

  /** End the call. May be called twice. */
  stop() {
    this.#session.stop();
  }

  /** The portrait falls silent: what was said and is not shown yet is dropped. */
  interrupt() {
    this.#session.interrupt();
  }

  /** The portrait's voice, in this browser. */
  mute() {
    this.muted = true;
  }

  unmute() {
    this.muted = false;
  }

  /**
   * Measure microphone to screen: a few bursts of a tone are sent instead of the audio, and the test pattern is read
   * from the video. The call must be up; it is renewed twice, to draw the pattern and to remove it.
   *
   * @param {{bursts?: number, progress?: (done: number, of: number) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<import("../latency-meter.js").Measured>}
   */
  async measure(options = {}) {
    const { LatencyMeter } = await import("../latency-meter.js");
    return new LatencyMeter(this, this.#session).measure(options);
  }

  /** @returns {import("../call/states.js").State} */
  get state() {
    return this.#session.state;
  }

  /** Whether a call is up, or being brought up. */
  get active() {
    return active(this.state);
  }

  /** What went wrong last; null after a start. */
  get error() {
    return this.#error;
  }

  /** The video element, for those who draw from it. */
  get video() {
    return this.#screen.video;
  }

  /** The server of `src`: its portraits, its engine. */
  get server() {
    return new Server(this.getAttribute(Attribute.SRC) ?? "", this.#token);
  }

  /**
   * Where the audio comes from: a {@link Source}, or what makes one: a MediaStream, a File, a microphone's id. May be
   * changed while the call is up.
   *
   * @returns {Source}
   */
  get source() {
    return this.#source;
  }

  /** @param {Source | MediaStream | Blob | string} given */
  set source(given) {
    const source = sourceOf(given);
    if (source === this.#source) return;
    if (!this.active) this.#source.close();
    this.#source = source;
    void this.#session.use(source).then((used) => {
      // A source that does not open leaves the old one in its place.
      if (used && this.#source === source) this.#source = used;
      this.#tell(LiveEvent.SOURCE, { source: this.#source });
    });
  }

  get avatar() {
    return this.getAttribute(Attribute.AVATAR) || "default";
  }

  set avatar(id) {
    this.setAttribute(Attribute.AVATAR, id);
  }

  /** @returns {Latency | undefined} */
  get latency() {
    return /** @type {Latency | null} */ (this.getAttribute(Attribute.LATENCY)) || undefined;
  }

  /** @param {Latency | undefined} preset */
  set latency(preset) {
    if (preset) this.setAttribute(Attribute.LATENCY, preset);
    else this.removeAttribute(Attribute.LATENCY);
  }

  /** Whether the server sends the audio back. */
  get voice() {
    return this.getAttribute(Attribute.VOICE) === "on";
  }

  set voice(on) {
    this.setAttribute(Attribute.VOICE, on ? "on" : "off");
  }

  get muted() {
    return this.hasAttribute(Attribute.MUTED);
  }

  set muted(on) {
    this.toggleAttribute(Attribute.MUTED, on);
  }

  /**
   * A token, or a function that gets a fresh one for each call. The attribute sets it; setting it writes no attribute,
   * so that the token is not to be read from the document. A change takes effect with the next call or request.
   *
   * @returns {import("../token.js").TokenSource}
   */
  get token() {
    return this.#token.source;
  }

  /** @param {import("../token.js").TokenSource} source */
  set token(source) {
    this.#token.source = source;
  }

  /** Properties that were set before the element was defined hide its own: set them again. */
  #upgrade() {
    for (const name of /** @type {const} */ (["token", "avatar", "latency", "voice", "muted", "source"])) {
      if (!Object.hasOwn(this, name)) continue;
      const value = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }

  #leave = () => this.stop();

  #draw() {
    this.#screen.poster = this.isConnected ? this.server.image(this.avatar) : "";
  }

  /** @param {MediaStream} stream */
  #play(stream) {
    this.#screen.play(stream);
    void this.#playAudio();
  }

  async #playAudio() {
    const forced = await this.#screen.setMuted(this.muted || !this.voice);
    if (forced) this.muted = true;
    this.#tell(LiveEvent.VOICE, { muted: this.muted, forced });
  }

  /** @param {Change} change */
  #changed(change) {
    this.setAttribute(Reflected.STATE, change.state);
    if (change.reason) this.setAttribute(Reflected.REASON, change.reason);
    else this.removeAttribute(Reflected.REASON);
    if (change.state === "reconnecting" || change.state === "error") this.#screen.hold();
    if (change.state === "connecting" || change.state === "closed") this.#screen.clear();
    const button = this.shadowRoot?.querySelector("button");
    if (button) button.textContent = this.active ? "Stop" : "Start";
    this.#tell(LiveEvent.STATE, change);
  }

  /**
   * @param {import("../errors.js").LiveHeadError} error
   * @param {boolean} fatal
   */
  #complain(error, fatal) {
    if (fatal) this.#error = asError(error);
    this.#tell(LiveEvent.ERROR, { error, fatal });
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * @param {Source | MediaStream | Blob | string} given
 * @returns {Source}
 */
function sourceOf(given) {
  if (typeof given === "string") return new MicrophoneSource(given);
  if (given instanceof Blob) return new FileSource(given);
  if (given instanceof MediaStream) return new StreamSource(given);
  return given;
}

if (!customElements.get("live-head")) customElements.define("live-head", LiveHead);
