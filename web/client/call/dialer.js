import { asError } from "../errors.js";
import { Token } from "../token.js";
import { Call } from "./call.js";

/** @typedef {import("../errors.js").LiveHeadError} LiveHeadError */
/** @typedef {Omit<import("./call.js").CallOptions, "token"> & {token?: import("../token.js").TokenSource | Token}} SessionOptions */

/** Makes single calls, each with a token that is fresh, where the page gave a function that gets one. */
export class Dialer {
  /** @type {SessionOptions} */
  options;
  #token;

  /** @param {SessionOptions} options */
  constructor(options) {
    this.options = options;
    this.#token = tokenOf(options.token);
  }

  /** @param {Partial<SessionOptions>} changes for the next calls */
  change(changes) {
    this.options = { ...this.options, ...changes };
    if (changes.token !== undefined) this.#token = tokenOf(changes.token);
  }

  get token() {
    return this.#token;
  }

  /**
   * One attempt; with a function for a token, one more where the server refused the first token.
   *
   * @param {() => MediaStreamTrack | undefined} track
   * @param {import("./call.js").CallHandlers} handlers
   * @param {(call: Call | null) => boolean} current told of each call before it is opened, and null when it failed; false where it is not
   *   wanted any more
   * @returns {Promise<LiveHeadError | null>} null as well when it is not wanted any more
   */
  async dial(track, handlers, current) {
    for (let again = true; ; again = false) {
      const error = await this.#attempt(track, handlers, current);
      if (!again || !error?.wantsToken || !this.#token.renewable || !current(null)) return error;
    }
  }

  /**
   * @param {() => MediaStreamTrack | undefined} track
   * @param {import("./call.js").CallHandlers} handlers
   * @param {(call: Call | null) => boolean} current
   * @returns {Promise<LiveHeadError | null>}
   */
  async #attempt(track, handlers, current) {
    let token;
    try {
      token = await this.#token.renew();
    } catch (thrown) {
      return asError(thrown);
    }
    if (!current(null)) return null;
    const call = new Call({ ...this.options, token }, handlers);
    current(call);
    try {
      await call.open(track);
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
