import { Session } from "../call/session.js";
import { active } from "../call/states.js";
import { Utterances } from "../call/utterances.js";
import { LiveHeadError, asError } from "../errors.js";
import { Server } from "../server.js";
import { MicrophoneSource } from "../sources/microphone-source.js";
import { NoSource } from "../sources/no-source.js";
import { sourceOf } from "../sources/source-of.js";
import { Token } from "../token.js";
import { Attributes } from "./attributes.js";
import { Display } from "./display.js";
import { answerRequests } from "./requests.js";
import { ShownReporter } from "./shown-reporter.js";
import { Attribute, LiveEvent, Reflected } from "./vocabulary.js";

/** @typedef {import("../sources/source.js").Source} Source */
/** @typedef {import("../call/session.js").Change} Change */

/**
 * `<live-head src="https://server" avatar="default" controls>`: talk, and a portrait speaks. With `source="push"` a
 * backend speaks, with `session` the portrait of a session that is there already is shown.
 *
 * Attributes, events and requests: see vocabulary.js. Every attribute that the page sets is a property, too.
 */
export class LiveHead extends Attributes {
  static observedAttributes = [
    Attribute.SRC, Attribute.AVATAR, Attribute.LATENCY, Attribute.SOURCE, Attribute.MICROPHONE, Attribute.SESSION, Attribute.VOICE,
    Attribute.MUTED, Attribute.TOKEN, Attribute.LOOK,
  ];

  #display;
  #session;
  #reporter;
  /** Set by the page. @type {Source | null} */
  #given = null;
  #microphone = new MicrophoneSource();
  #nothing = new NoSource();
  /** @type {LiveHeadError | null} */
  #error = null;
  /** The id of the last recording. @type {string | null} */
  #recorded = null;
  /** @type {import("../protocol.js").Preset | null} */
  #preset = null;
  #token = new Token();
  #utterances = new Utterances();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this.#display = new Display(root, {
      shown: () => this.#session.shown(),
      toggle: () => (this.active ? this.stop() : void this.start().catch(() => {})),
      asking: () => this.source.kind === "microphone" && !this.source.stream,
      picture: () => this.server.picture(this.avatar),
    });
    this.#session = new Session({
      change: (change) => this.#changed(change),
      session: (session) => this.#tell(LiveEvent.SESSION, { session }),
      media: (stream) => this.#play(stream),
      activity: (who, activity) => this.#follow(who, activity),
      recording: (on, id) => this.#record(on, id),
      latency: (preset, by) => this.#settle(preset, by),
      stats: (figures) => this.#tell(LiveEvent.STATS, figures),
      error: (error, fatal) => this.#complain(error, fatal),
    });
    this.#reporter = new ShownReporter(this.video, (message) => this.#session.report(message));
    answerRequests(this);
  }

  connectedCallback() {
    this.upgrade();
    if (!this.hasAttribute(Reflected.STATE)) this.setAttribute(Reflected.STATE, this.state);
    this.#draw();
    addEventListener("pagehide", this.#leave);
    if (this.active) void this.#playAudio(); // browsers pause a video that is moved
  }

  disconnectedCallback() {
    removeEventListener("pagehide", this.#leave);
    // It may be on its way to another place in the document.
    setTimeout(() => this.isConnected || this.stop());
  }

  /**
   * @param {string} name
   * @param {string | null} old
   * @param {string | null} value
   */
  attributeChangedCallback(name, old, value) {
    if (old === value) return;
    if (name === Attribute.TOKEN) this.token = value;
    else if (name === Attribute.MUTED) void this.#playAudio();
    else this.#adapt(name);
  }

  /** @param {string} name of an attribute that changed */
  #adapt(name) {
    if (name === Attribute.SRC || name === Attribute.AVATAR || name === Attribute.SESSION) this.#draw();
    if (name === Attribute.LOOK) this.#dress();
    if (!this.active) return;
    const { avatar, latency, voice, mode, session } = this;
    if (name === Attribute.SRC) this.#session.change({ server: this.server.url });
    if (name === Attribute.AVATAR) this.#session.change({ avatar });
    if (name === Attribute.LATENCY && latency) this.#session.change({ latency });
    if (name === Attribute.SOURCE || name === Attribute.SESSION) {
      void this.#session.use(this.source).then(() => this.#session.change({ source: mode, session: session ?? undefined, voice }));
    }
    if (name === Attribute.MICROPHONE && mode === "push") {
      const wanted = this.source;
      void this.#session.use(wanted).then((used) => (used === wanted ? this.#session.renew() : (this.microphone = false)));
    }
    if (name === Attribute.VOICE) {
      this.#session.change({ voice });
      void this.#playAudio();
    }
  }

  /**
   * Call the server. Resolves when the portrait's first frame is on the screen. Rejects with a {@link LiveHeadError}
   * when that fails, and with an AbortError when it is stopped before.
   *
   * @returns {Promise<void>}
   */
  async start() {
    if (!this.active) this.#error = null;
    try {
      return this.#session.start(this.#options(), this.source);
    } catch (thrown) {
      this.#complain(asError(thrown), true);
      throw this.#error;
    }
  }

  /** End the call. May be called twice. */
  stop() {
    this.#session.stop();
  }

  /** The portrait falls silent: what was said and is not shown yet is dropped. */
  interrupt() {
    if (!this.#utterances.interrupt()) this.#session.interrupt();
  }

  /**
   * Let the portrait speak, where the call has `source="push"` or `session`.
   *
   * @param {string | import("../sources/pcm.js").Audio} what a text, for a server with a speech synthesis; or audio: see
   *   pcm.js
   * @param {{rate?: number, voice?: string}} [options] rate: of samples, in Hz; voice: of the server's synthesis
   * @returns {Promise<import("../call/speech.js").Playback | null>} a text: null, when its first audio is there; audio:
   *   when it was spoken or interrupted. Rejects with a {@link LiveHeadError}
   */
  async say(what, options = {}) {
    return this.#utterances.say({ server: this.server, session: this.sessionId, token: this.#token }, what, options);
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
    if (this.mode !== "mic") throw new LiveHeadError("refused", { detail: "only what this page sends itself can be measured" });
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

  /** The session's id on the server, for a backend; null while there is none. */
  get sessionId() {
    return this.#session.id;
  }

  /** Whether the server keeps a recording of this call. */
  get recording() {
    return this.hasAttribute(Reflected.RECORDING);
  }

  /** The latency preset that the call has now, which with `latency="auto"` the server chooses; null while there is none. */
  get preset() {
    return this.#preset;
  }

  /** What went wrong last; null after a start. */
  get error() {
    return this.#error;
  }

  /** The video element, for those who draw from it. */
  get video() {
    return this.#display.screen.video;
  }

  /** The server of `src`: its portraits, its engine. @returns {Server} */
  get server() {
    return new Server(this.src, this.#token);
  }

  /** @param {Server | string | null | undefined} given as `src` */
  set server(given) {
    this.src = given instanceof Server ? given.url : given;
  }

  /**
   * Where the audio comes from that this element sends: a {@link Source}. May be set to what makes one: a MediaStream, a
   * File, a microphone's id; and to `mic` or `push`, as the attribute is. May be changed while the call is up.
   *
   * @returns {Source}
   */
  get source() {
    return this.#given ?? (this.mode === "mic" || this.microphone ? this.#microphone : this.#nothing);
  }

  /** @param {Source | MediaStream | Blob | string | null | undefined} given */
  set source(given) {
    if (given === "mic" || given === "push") {
      this.setAttribute(Attribute.SOURCE, given);
      return;
    }
    const old = this.source;
    const source = given ? sourceOf(given) : null;
    if (source === old) return;
    if (!this.active) old.close();
    this.#given = source;
    void this.#session.use(this.source).then((used) => {
      // A source that does not open leaves the old one in its place.
      if (used && source && this.#given === source) this.#given = used;
      this.#tell(LiveEvent.SOURCE, { source: this.source });
    });
  }

  /** Whether silence is sent instead of what the source gives. */
  get microphoneMuted() {
    return this.#session.muted;
  }

  set microphoneMuted(on) {
    this.#session.muted = Boolean(on);
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

  #options() {
    const { avatar, latency, voice, mode, session, record, look, reconnect } = this;
    const server = this.server.url;
    return { server, session: session ?? undefined, avatar, latency, source: mode, voice, token: this.#token, seed: this.seed ?? undefined, look: look ?? undefined, record, reconnect, probe: false };
  }

  #dress() {
    this.#display.screen.transparent = this.look === "transparent";
    // The look of a session that is joined is its own.
    if (this.active && !this.session) this.#session.change({ look: this.look ?? "keep" });
  }

  #leave = () => this.stop();

  #draw() {
    // The face of a session that is joined is not known before.
    const known = this.isConnected && (!this.session || this.hasAttribute(Attribute.AVATAR));
    this.#display.draw(() => (known ? this.server.image(this.avatar) : ""));
  }

  /** @param {MediaStream} stream */
  #play(stream) {
    this.#display.screen.play(stream);
    void this.#playAudio();
  }

  async #playAudio() {
    const forced = await this.#display.screen.setMuted(this.muted || !this.voice);
    if (forced) this.muted = true;
    this.#tell(LiveEvent.VOICE, { muted: this.muted, forced });
  }

  /** @param {Change} change */
  #changed(change) {
    this.setAttribute(Reflected.STATE, change.state);
    if (change.reason) this.setAttribute(Reflected.REASON, change.reason);
    else this.removeAttribute(Reflected.REASON);
    if (!this.active) this.#utterances.close();
    if (!this.active || change.state === "reconnecting") this.#record(false);
    if (!this.active || change.state === "reconnecting") this.#preset = null;
    if (change.state === "live") this.#reporter.start();
    else if (change.state !== "degraded") this.#reporter.stop();
    this.#display.follow(change);
    this.#tell(LiveEvent.STATE, change);
    if (change.state === "live" && change.previous === "connecting") this.#tell(LiveEvent.READY);
  }

  /**
   * @param {"avatar" | "user"} who
   * @param {import("../protocol.js").Activity} activity
   */
  #follow(who, activity) {
    if (who === "avatar") this.#reporter.follow(activity);
    this.#tell(EVENTS[who][activity]);
  }

  /**
   * @param {boolean} recording
   * @param {string | null} [id] of the recording; the one that ends, where the call is over before the server tells it
   */
  #record(recording, id = this.#recorded) {
    if (recording === this.recording) return;
    this.#recorded = id;
    this.toggleAttribute(Reflected.RECORDING, recording);
    this.#tell(LiveEvent.RECORDING, { recording, id });
  }

  /**
   * @param {import("../protocol.js").Preset} preset
   * @param {"server" | "client" | null} by
   */
  #settle(preset, by) {
    // Figures tell it as well, and may come later than the message that it has changed.
    if (preset === this.#preset || (by === null && this.#preset)) return;
    this.#preset = preset;
    this.#tell(LiveEvent.LATENCY, { preset, by });
  }

  /**
   * @param {LiveHeadError} error
   * @param {boolean} fatal
   */
  #complain(error, fatal) {
    if (fatal) this.#display.fail((this.#error = error));
    this.#tell(LiveEvent.ERROR, { error, fatal });
  }

  /**
   * @param {string} name
   * @param {unknown} [detail]
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

const EVENTS = Object.freeze({
  avatar: { speaking: LiveEvent.SPEAKING, silent: LiveEvent.SILENT },
  user: { speaking: LiveEvent.USER_SPEAKING, silent: LiveEvent.USER_SILENT },
});

if (globalThis.customElements && !customElements.get("live-head")) customElements.define("live-head", LiveHead);
