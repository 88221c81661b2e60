import { LiveHeadError } from "./errors.js";

/** @typedef {string | null | undefined} MaybeToken */
/** @typedef {MaybeToken | (() => MaybeToken | Promise<MaybeToken>)} TokenSource a token, or a function that gets one */

const PATIENCE_MS = 15_000;

/** The access token that a page gave, or the function it gave that gets one. Tokens live for minutes: a function is
 * asked again for each call, and where the server did not accept what it gave last. */
export class Token {
  /** @type {TokenSource} */
  #source;
  /** What the function gave last. @type {string | undefined} */
  #last;
  /** @type {Promise<string | undefined> | null} */
  #pending = null;

  /** @param {TokenSource} [source] */
  constructor(source) {
    this.source = source;
  }

  get source() {
    return this.#source;
  }

  set source(given) {
    this.#source = typeof given === "function" ? given : (given && String(given)) || undefined;
    this.#last = undefined;
    this.#pending = null;
  }

  /** Whether asking again may give another one. */
  get renewable() {
    return typeof this.#source === "function";
  }

  /** @returns {Promise<string | undefined>} the one in use; a function is asked if it never was */
  async get() {
    return this.#last ?? this.renew();
  }

  /**
   * A new one, where a function gives it. Those who ask while it is on its way get the same.
   *
   * @returns {Promise<string | undefined>} rejects with a {@link LiveHeadError}
   */
  async renew() {
    const source = this.#source;
    if (typeof source !== "function") return source ?? undefined;
    if (!this.#pending) {
      const pending = ask(source).finally(() => {
        if (this.#pending === pending) this.#pending = null;
      });
      this.#pending = pending;
    }
    const given = await this.#pending;
    if (source === this.#source) this.#last = given;
    return given;
  }
}

/**
 * @param {() => MaybeToken | Promise<MaybeToken>} source
 * @returns {Promise<string | undefined>}
 */
async function ask(source) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no token within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  try {
    const given = await Promise.race([source(), late]);
    return (given && String(given)) || undefined;
  } catch (thrown) {
    if (thrown instanceof LiveHeadError) throw thrown;
    throw new LiveHeadError("token-failed", { detail: thrown instanceof Error ? thrown.message : String(thrown), cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}
