import { asError } from "../errors.js";
import { Token } from "../token.js";
import { ATTEMPTS, hopeless, wait } from "./backoff.js";
import { Call } from "./call.js";
import { Pause } from "./pause.js";

/** @typedef {import("../errors.js").LiveHeadError} LiveHeadError */
/** @typedef {Omit<import("./call.js").CallOptions, "token"> & {token?: import("../token.js").TokenSource | Token}} SessionOptions */

/**
 * Told of each call before it is opened, and null when it failed; false where none is wanted any more.
 *
 * @typedef {(call: Call | null) => boolean} Current
 */

/** What the first connection waits for by itself, and how long at most. */
const awaited = new Set(["server-starting", "rate-limit"]);
const PATIENCE_MS = 120_000;

/**
 * Makes calls until one is answered, each with a token that is fresh, where the page gave a function that gets one. All
 * of its methods give null when a call is answered, and as well when none is wanted any more; else why there is none.
 */
export class Dialer {
  /** @type {SessionOptions} */
  options;
  #token;
  #track;
  #handlers;
  #pause = new Pause();

  /**
   * @param {SessionOptions} options
   * @param {() => MediaStreamTrack | undefined} track what is sent, if anything
   * @param {import("./call.js").CallHandlers} handlers
   */
  constructor(options, track, handlers) {
    this.options = options;
    this.#token = tokenOf(options.token);
    this.#track = track;
    this.#handlers = handlers;
  }

  /** @param {Partial<SessionOptions>} changes for the next calls */
  change(changes) {
    this.options = { ...this.options, ...changes };
    // The call that is up was let in already: a new token is for the next.
    if (changes.token !== undefined) this.#token = tokenOf(changes.token);
  }

  /** Cut the wait before the next attempt short. */
  hurry() {
    this.#pause.hurry();
  }

  /**
   * The first connection. A server that starts, or asks to wait a moment, is waited for.
   *
   * @param {Current} current
   * @param {(error: LiveHeadError, seconds: number) => void} waiting
   * @returns {Promise<LiveHeadError | null>}
   */
  async connect(current, waiting) {
    const patience = performance.now() + PATIENCE_MS;
    for (;;) {
      const error = await this.dial(current);
      if (!error || !current(null)) return null;
      const seconds = error.retryAfter ?? 2;
      if (!awaited.has(error.code) || hopeless(error) || performance.now() > patience) return error;
      waiting(error, seconds);
      await this.#pause.sleep(seconds);
      if (!current(null)) return null;
    }
  }

  /**
   * Another connection after one that was lost.
   *
   * @param {Current} current
   * @param {LiveHeadError | null} cause null when the page asked for a new call: then it dials at once
   * @param {number} first number of the first attempt
   * @param {(attempt: number, seconds: number) => void} waiting
   * @returns {Promise<LiveHeadError | null>} the last error, when it gives up
   */
  async reconnect(current, cause, first, waiting) {
    let last = cause;
    for (let attempt = first; attempt <= ATTEMPTS; attempt++) {
      const seconds = attempt === 0 ? 0 : Math.max(wait(attempt), last?.retryAfter ?? 0);
      waiting(attempt, seconds);
      await this.#pause.sleep(seconds);
      if (!current(null)) return null;
      last = await this.dial(current);
      if (!last || !current(null)) return null;
      if (hopeless(last)) break;
    }
    return last;
  }

  /**
   * One attempt; with a function for a token, one more where the server refused the first token.
   *
   * @param {Current} current
   * @returns {Promise<LiveHeadError | null>}
   */
  async dial(current) {
    const error = await this.#attempt(current);
    const again = error?.wantsToken && this.#token.renewable && current(null);
    return again ? this.#attempt(current) : error;
  }

  /**
   * @param {Current} current
   * @returns {Promise<LiveHeadError | null>}
   */
  async #attempt(current) {
    let token;
    try {
      token = await this.#token.renew();
    } catch (thrown) {
      return asError(thrown);
    }
    if (!current(null)) return null;
    const call = new Call({ ...this.options, token }, this.#handlers);
    current(call);
    try {
      await call.open(this.#track);
      return null;
    } catch (thrown) {
      call.close();
      current(null);
      return asError(thrown);
    }
  }
}

/** @param {import("../token.js").TokenSource | Token} given */
function tokenOf(given) {
  return given instanceof Token ? given : new Token(given);
}
