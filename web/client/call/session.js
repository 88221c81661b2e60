import { LiveHeadError, asError } from "../errors.js";
import { AudioInput } from "./audio-input.js";
import { hopeless } from "./backoff.js";
import { Dialer } from "./dialer.js";
import { Progress } from "./progress.js";
import { Starting } from "./starting.js";
import { ending } from "./states.js";

/** @typedef {import("./progress.js").Change} Change */
/** @typedef {import("./states.js").State} State */
/** @typedef {import("./states.js").Trigger} Trigger */
/** @typedef {import("../sources/source.js").Source} Source */
/** @typedef {import("./dialer.js").SessionOptions} SessionOptions */

/**
 * @typedef {object} SessionHandlers
 * @property {(change: Change) => void} change
 * @property {(session: string) => void} session its id on the server, a new one after each reconnect of one's own
 * @property {(stream: MediaStream) => void} media
 * @property {(who: "avatar" | "user", activity: import("../protocol.js").Activity) => void} activity
 * @property {(on: boolean, id: string | null) => void} [recording] whether the server keeps a recording, which `record`
 *   asks for, and its id
 * @property {(preset: import("../protocol.js").Preset, by: "server" | "client" | null) => void} [latency] the preset that the session
 *   has now, and who changed it: null for one that it is found with
 * @property {(figures: import("../figures.js").Figures) => void} stats
 * @property {(error: LiveHeadError, fatal: boolean) => void} error
 */

/** A conversation with a portrait: it outlives single calls, because it reconnects. Knows no element. */
export class Session {
  /** The id of the session on the server; null while there is none. @type {string | null} */
  id = null;
  #on;
  #progress;
  #input = new AudioInput((error) => this.#fail(error));
  /** @type {Dialer | null} */
  #dialer = null;
  /** @type {import("./call.js").Call | null} */
  #call = null;
  #starting = new Starting();
  /** Attempts to reconnect since the last frame. */
  #attempt = 0;
  /** Rises with every start and stop: the result of anything awaited under an older generation is dropped. */
  #generation = 0;
  #online = () => this.#dialer?.hurry();

  /** @param {SessionHandlers} handlers */
  constructor(handlers) {
    this.#on = handlers;
    this.#progress = new Progress((change) => handlers.change(change));
  }

  /** @returns {State} */
  get state() {
    return this.#progress.state;
  }

  get active() {
    return this.#progress.active;
  }

  get muted() {
    return this.#input.muted;
  }

  /** Silence is sent instead of what the source gives. */
  set muted(on) {
    this.#input.muted = on;
  }

  /** Sent by the next calls in the place of the source's own track. @param {MediaStreamTrack | null} track */
  set substitute(track) {
    this.#input.substitute = track;
  }

  /**
   * Open the source and call the server. Resolves when the first frame was shown. Rejects with a {@link LiveHeadError}
   * when that fails, after the error handler was called, and with an AbortError when it is stopped before. While it is
   * active a second start does nothing but wait for the first.
   *
   * @param {SessionOptions} options
   * @param {Source} source
   * @returns {Promise<void>}
   */
  start(options, source) {
    if (!this.active) {
      this.#starting = new Starting();
      this.#dialer = this.#dialerOf(options);
      this.#attempt = 0;
      this.#progress.go("start");
      globalThis.addEventListener?.("online", this.#online);
      void this.#connect(this.#dialer, ++this.#generation, source);
    }
    return this.#starting.promise;
  }

  /**
   * @param {Dialer} dialer
   * @param {number} generation
   * @param {Source} source
   */
  async #connect(dialer, generation, source) {
    try {
      if (typeof RTCPeerConnection === "undefined") throw new LiveHeadError("webrtc-unsupported");
      this.#input.echo = dialer.options.voice;
      await this.#input.open(source);
      if (generation !== this.#generation) return;
      const error = await dialer.connect(this.#current(generation), (met, seconds) => {
        this.#progress.wait(met.code, seconds);
        if (met.code === "rate-limit") this.#on.error(met, false);
      });
      if (error) throw error;
    } catch (thrown) {
      if (generation === this.#generation) this.#fail(asError(thrown));
    }
  }

  /** End it. May be called twice. */
  stop() {
    this.#finish("stop");
    this.#starting.stop();
  }

  /** The first frame of the call is on the screen. */
  shown() {
    this.#attempt = 0;
    if (this.state !== "connecting" && this.state !== "reconnecting") return;
    this.#progress.go("frame");
    this.#input.begin();
    this.#starting.resolve();
  }

  /**
   * Speak through another source, without a new call when one is up.
   *
   * @param {Source} source
   * @returns {Promise<Source | null>} the source in use now: the old one, when the new one does not open
   */
  async use(source) {
    if (source === this.#input.source || !this.active) return source;
    const error = await this.#input.change(source, (track) => this.#call?.replace(track));
    if (!this.active) this.#input.close();
    else if (error) this.#on.error(error, false);
    else if (this.#input.source === source && (this.state === "live" || this.state === "degraded")) this.#input.begin();
    return this.#input.source;
  }

  /**
   * Change the call. What the server can change while it runs is changed so; the rest takes a new call, with the last
   * frame held.
   *
   * @param {Partial<SessionOptions>} changes
   */
  change(changes) {
    const dialer = this.#dialer;
    if (!dialer) return;
    const { avatar, latency, voice, look, token: _, ...deeper } = changes;
    const resized = look !== undefined && (look === "transparent") !== (dialer.options.look === "transparent");
    const renew = resized || Object.entries(deeper).some(([name, value]) => dialer.options[/** @type {keyof SessionOptions} */ (name)] !== value);
    const heard = voice !== undefined && voice !== dialer.options.voice;
    dialer.change(changes);
    if (!this.active) return;
    if (heard) void this.#input.setEcho(voice, (track) => this.#call?.replace(track));
    if (renew) return this.#renew();
    if (heard) this.#call?.setVoice(voice);
    if (avatar !== undefined) this.#call?.setAvatar(avatar);
    if (look !== undefined) this.#call?.setLook(look);
    if (latency !== undefined) this.#call?.setLatency(latency);
  }

  /** A new call with what is sent now, where what is negotiated has changed. */
  renew() {
    if (this.active) this.#renew();
  }

  interrupt() {
    this.#call?.interrupt();
  }

  /**
   * Tell the server something on the data channel; dropped while that is not open.
   *
   * @param {{type: string}} message
   */
  report(message) {
    this.#call?.report(message);
  }

  /** @param {SessionOptions} options */
  #dialerOf(options) {
    return new Dialer(options, () => this.#input.track, {
      session: (id) => this.#on.session((this.id = id)),
      media: (stream) => this.#on.media(stream),
      state: (state, reason) => this.#follow(state, reason),
      activity: (who, activity) => this.#on.activity(who, activity),
      recording: (on, id) => this.#on.recording?.(on, id),
      latency: (preset, by) => this.#on.latency?.(preset, by),
      network: (steady) => this.#progress.go(steady ? "recover" : "degrade", steady ? null : "network"),
      stats: (figures) => this.#on.stats(figures),
      complaint: (error) => this.#on.error(error, false),
      lost: (error) => this.#lose(error),
    });
  }

  /**
   * @param {number} generation
   * @returns {import("./dialer.js").Current}
   */
  #current(generation) {
    return (call) => {
      if (generation === this.#generation) this.#call = call;
      return generation === this.#generation;
    };
  }

  /**
   * @param {import("../protocol.js").ServerState} state
   * @param {string | null} reason
   */
  #follow(state, reason) {
    if (state === "live") this.#progress.go("recover");
    if (state === "degraded" || state === "draining") this.#progress.go("degrade", reason ?? state);
    if (state === "closed" && this.#call) this.#ended(reason);
  }

  /** @param {string | null} reason of the server, which closed the session */
  #ended(reason) {
    const detail = reason ?? "closed by the server";
    this.#hangUp();
    const trigger = ending(reason);
    if (trigger === "lose") this.#lose(new LiveHeadError("connection-lost", { detail }));
    else if (trigger === "fail") this.#fail(new LiveHeadError(reason === "revoked" ? "key-revoked" : "flood", { detail }));
    else this.#end(reason);
  }

  /** @param {LiveHeadError} error */
  #lose(error) {
    if (this.state === "connecting" || this.#dialer?.options.reconnect === false) this.#fail(error);
    else void this.#reconnect(error);
  }

  #renew() {
    this.#hangUp();
    if (this.state === "connecting") void this.#dialer?.dial(this.#current(++this.#generation)).then((error) => error && this.#fail(error));
    else void this.#reconnect(null);
  }

  /** @param {LiveHeadError | null} cause null when the user asked for a new call: then it dials at once */
  async #reconnect(cause) {
    const generation = ++this.#generation;
    this.#dialer?.hurry();
    this.#call = this.id = null;
    this.#input.hold();
    if (cause) this.#attempt++;
    const last = await this.#dialer?.reconnect(this.#current(generation), cause, this.#attempt, (attempt, seconds) => {
      this.#attempt = attempt;
      this.#progress.retry(cause ? "connection-lost" : "switching", attempt, seconds);
    });
    if (generation !== this.#generation || !last) return;
    // A viewer learns so that the session is over.
    if (last.code === "session-unknown") return this.#end("ended");
    this.#fail(last.code !== "connection-lost" && hopeless(last) ? last : new LiveHeadError("connection-lost", { detail: last.message, cause: last }));
  }

  /** @param {LiveHeadError} error */
  #fail(error) {
    this.#finish("fail", error.code);
    this.#on.error(error, true);
    this.#starting.fail(error);
  }

  /** @param {string | null} reason */
  #end(reason) {
    this.#finish("end", reason);
    this.#starting.stop();
  }

  /**
   * @param {Trigger} trigger
   * @param {string | null} [reason]
   */
  #finish(trigger, reason = null) {
    this.#generation++;
    globalThis.removeEventListener?.("online", this.#online);
    this.#dialer?.hurry();
    this.#hangUp();
    this.#input.close();
    this.#progress.go(trigger, reason);
  }

  #hangUp() {
    const call = this.#call;
    this.#call = this.id = null;
    call?.close();
  }
}
