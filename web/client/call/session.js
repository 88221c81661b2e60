import { ATTEMPTS, hopeless, wait } from "./backoff.js";
import { Call } from "./call.js";
import { LiveHeadError, asError } from "../errors.js";
import { active, ending, next } from "./states.js";
import { Token } from "../token.js";

/** @typedef {import("./states.js").State} State */
/** @typedef {import("./states.js").Trigger} Trigger */
/** @typedef {import("../sources/source.js").Source} Source */
/** @typedef {Omit<import("./call.js").CallOptions, "token"> & {token?: import("../token.js").TokenSource | Token}} SessionOptions */

/**
 * @typedef {object} Change
 * @property {State} state
 * @property {State} previous
 * @property {string | null} reason why, in one word: a server's reason, an error's code, or null
 * @property {number} attempt of reconnecting, from 1; 0 otherwise
 * @property {number} attempts when it gives up
 * @property {number} wait seconds until the next attempt
 */

/**
 * @typedef {object} SessionHandlers
 * @property {(change: Change) => void} change
 * @property {(stream: MediaStream) => void} media
 * @property {(figures: import("../figures.js").Figures) => void} stats
 * @property {(error: LiveHeadError, fatal: boolean) => void} error
 */

/** What the first connection waits for by itself, and how long at most. */
const awaited = new Set(["server-starting", "rate-limit"]);
const PATIENCE_MS = 120_000;

/** A conversation with a portrait: it outlives single calls, because it reconnects. Knows no element. */
export class Session {
  /** @type {State} */
  state = "idle";
  #on;
  /** @type {SessionOptions | null} */
  #options = null;
  #token = new Token();
  /** @type {Source | null} */
  #source = null;
  /** The source that was asked for last, while it opens. @type {Source | null} */
  #wanted = null;
  /** @type {Call | null} */
  #call = null;
  /** Sent by the next calls in the place of the source's own track. @type {MediaStreamTrack | null} */
  substitute = null;
  #begun = false;
  /** Attempts to reconnect since the last frame. */
  #attempt = 0;
  /** Rises with every start and stop: the result of anything awaited under an older generation is dropped. */
  #generation = 0;
  /** Cuts the wait before the next attempt short. @type {() => void} */
  #hurry = () => {};

  /** @param {SessionHandlers} handlers */
  constructor(handlers) {
    this.#on = handlers;
    globalThis.addEventListener?.("online", () => this.#hurry());
  }

  get active() {
    return active(this.state);
  }

  /**
   * Open the source and call the server. Resolves when the answer is there, or when it failed: then the state is
   * `error` and the error handler was called. A second start while it is active does nothing.
   *
   * @param {SessionOptions} options
   * @param {Source} source
   */
  async start(options, source) {
    if (this.active) return;
    const generation = ++this.#generation;
    this.#options = options;
    this.#token = options.token instanceof Token ? options.token : new Token(options.token);
    this.#source = source;
    this.#begun = false;
    this.#attempt = 0;
    this.#go("start");
    try {
      if (typeof RTCPeerConnection === "undefined") throw new LiveHeadError("webrtc-unsupported");
      await this.#open(source);
      const patience = performance.now() + PATIENCE_MS;
      for (;;) {
        const error = await this.#dial(generation);
        if (!error || generation !== this.#generation) return;
        const seconds = error.retryAfter ?? 2;
        if (!awaited.has(error.code) || hopeless(error) || performance.now() > patience) throw error;
        this.#tell(this.state, error.code, 0, seconds);
        if (error.code === "rate-limit") this.#on.error(error, false);
        await this.#sleep(seconds);
        if (generation !== this.#generation) return;
      }
    } catch (thrown) {
      if (generation === this.#generation) this.#fail(asError(thrown));
    }
  }

  /** End it. May be called twice. */
  stop() {
    this.#generation++;
    this.#hurry();
    this.#hangUp();
    this.#source?.close();
    this.#go("stop");
  }

  /** The first frame of the call is on the screen. */
  shown() {
    this.#attempt = 0;
    if (this.state !== "connecting" && this.state !== "reconnecting") return;
    this.#go("frame");
    this.#source?.begin(this.#begun);
    this.#begun = true;
  }

  /**
   * Speak through another source, without a new call when one is up.
   *
   * @param {Source} source
   * @returns {Promise<Source | null>} the source in use now: the old one, when the new one does not open
   */
  async use(source) {
    if (source === this.#source || !this.active) return source;
    this.#wanted = source;
    /** @type {MediaStreamTrack} */
    let track;
    try {
      track = await this.#open(source);
    } catch (thrown) {
      // The old one still works: keep it, and report what is wrong with the new one.
      if (this.#wanted === source) this.#on.error(asError(thrown), false);
      return this.#source;
    }
    if (this.#wanted !== source || !this.active) {
      source.close();
      return this.#source;
    }
    this.#source?.close();
    this.#source = source;
    await this.#call?.replace(track);
    this.#begun = this.state === "live" || this.state === "degraded";
    if (this.#begun) source.begin(false);
    return source;
  }

  /**
   * Change the call. What the server can change while it runs is changed so; the rest takes a new call, with the last
   * frame held.
   *
   * @param {Partial<SessionOptions>} changes
   */
  change(changes) {
    if (!this.#options) return;
    const { avatar, latency, token, ...deeper } = changes;
    const renew = Object.entries(deeper).some(([name, value]) => this.#options?.[/** @type {keyof SessionOptions} */ (name)] !== value);
    this.#options = { ...this.#options, ...changes };
    // The call that is up was let in already: the new token is for the next.
    if (token !== undefined) this.#token = token instanceof Token ? token : new Token(token);
    if (!this.active) return;
    if (renew) this.#renew();
    else {
      if (avatar !== undefined) this.#call?.setAvatar(avatar);
      if (latency !== undefined) this.#call?.setLatency(latency);
    }
  }

  interrupt() {
    this.#call?.interrupt();
  }

  /** @param {Source} source */
  #open(source) {
    // Without the portrait's voice in the room there is no echo to cancel, and cancelling costs quality.
    const processing = { echoCancellation: this.#options?.voice ?? false, noiseSuppression: true, autoGainControl: true };
    source.onlost = (error) => source === this.#source && this.#fail(error);
    return source.open(processing);
  }

  /**
   * One attempt; with a function for a token, one more where the server refused the first token.
   *
   * @param {number} generation
   * @returns {Promise<LiveHeadError | null>}
   */
  async #dial(generation) {
    const error = await this.#dialOnce(generation);
    const again = error?.wantsToken && this.#token.renewable && generation === this.#generation;
    return again ? this.#dialOnce(generation) : error;
  }

  /**
   * @param {number} generation
   * @returns {Promise<LiveHeadError | null>}
   */
  async #dialOnce(generation) {
    let token;
    try {
      token = await this.#token.renew();
    } catch (thrown) {
      return asError(thrown);
    }
    if (!this.#options || generation !== this.#generation) return null;
    const call = new Call({ ...this.#options, token }, {
      media: (stream) => this.#on.media(stream),
      state: (state, reason) => this.#follow(state, reason),
      network: (steady) => this.#go(steady ? "recover" : "degrade", steady ? null : "network"),
      stats: (figures) => this.#on.stats(figures),
      complaint: (error) => this.#on.error(error, false),
      lost: (error) => this.#lose(error),
    });
    this.#call = call;
    try {
      await call.open(() => this.substitute ?? this.#source?.stream?.getAudioTracks()[0]);
      return null;
    } catch (thrown) {
      call.close();
      if (generation === this.#generation) this.#call = null;
      return asError(thrown);
    }
  }

  /**
   * @param {import("../protocol.js").ServerState} state
   * @param {string | null} reason
   */
  #follow(state, reason) {
    if (state === "live") this.#go("recover");
    if (state === "degraded" || state === "draining") this.#go("degrade", reason ?? state);
    if (state === "closed" && this.#call) this.#ended(reason);
  }

  /** @param {string | null} reason of the server, which closed the session */
  #ended(reason) {
    const detail = reason ?? "closed by the server";
    this.#hangUp();
    const trigger = ending(reason);
    if (trigger === "lose") this.#lose(new LiveHeadError("connection-lost", { detail }));
    else if (trigger === "fail") this.#fail(new LiveHeadError(reason === "revoked" ? "key-revoked" : "flood", { detail }));
    else {
      this.#generation++;
      this.#source?.close();
      this.#go("end", reason);
    }
  }

  /** @param {LiveHeadError} error */
  #lose(error) {
    if (this.state === "connecting") this.#fail(error);
    else void this.#reconnect(error);
  }

  #renew() {
    this.#hangUp();
    if (this.state === "connecting") void this.#dial(++this.#generation).then((error) => error && this.#fail(error));
    else void this.#reconnect(null);
  }

  /** @param {LiveHeadError | null} cause null when the user asked for a new call: then it dials at once */
  async #reconnect(cause) {
    const generation = ++this.#generation;
    this.#hurry();
    this.#call = null;
    this.#source?.hold();
    let last = cause;
    if (cause) this.#attempt++;
    for (; this.#attempt <= ATTEMPTS; this.#attempt++) {
      const seconds = this.#attempt === 0 ? 0 : Math.max(wait(this.#attempt), last?.retryAfter ?? 0);
      const previous = this.state;
      this.state = next(this.state, "lose");
      this.#tell(previous, cause ? "connection-lost" : "switching", this.#attempt, seconds);
      await this.#sleep(seconds);
      if (generation !== this.#generation) return;
      last = await this.#dial(generation);
      if (!last || generation !== this.#generation) return;
      if (hopeless(last)) break;
    }
    this.#fail(last && last.code !== "connection-lost" && hopeless(last) ? last : new LiveHeadError("connection-lost", { detail: last?.message, cause: last }));
  }

  /** @param {LiveHeadError} error */
  #fail(error) {
    this.#generation++;
    this.#hangUp();
    this.#source?.close();
    this.#go("fail", error.code);
    this.#on.error(error, true);
  }

  #hangUp() {
    const call = this.#call;
    this.#call = null;
    call?.close();
  }

  /**
   * @param {Trigger} trigger
   * @param {string | null} [reason]
   */
  #go(trigger, reason = null) {
    const previous = this.state;
    this.state = next(previous, trigger);
    if (this.state !== previous) this.#tell(previous, reason, 0, 0);
  }

  /**
   * @param {State} previous
   * @param {string | null} reason
   * @param {number} attempt
   * @param {number} seconds
   */
  #tell(previous, reason, attempt, seconds) {
    this.#on.change({ state: this.state, previous, reason, attempt, attempts: ATTEMPTS, wait: seconds });
  }

  /** @param {number} seconds */
  #sleep(seconds) {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        const timer = setTimeout(resolve, seconds * 1000);
        this.#hurry = () => (clearTimeout(timer), resolve());
      })
    );
  }
}
