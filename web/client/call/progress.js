import { ATTEMPTS } from "./backoff.js";
import { active, next } from "./states.js";

/** @typedef {import("./states.js").State} State */

/**
 * @typedef {object} Change
 * @property {State} state
 * @property {State} previous
 * @property {string | null} reason why, in one word: a server's reason, an error's code, or null
 * @property {number} attempt of reconnecting, from 1; 0 otherwise
 * @property {number} attempts when it gives up
 * @property {number} wait seconds until the next attempt
 */

/** Which state a session is in, and who is told of each change. */
export class Progress {
  /** @type {State} */
  state = "idle";
  #changed;

  /** @param {(change: Change) => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  get active() {
    return active(this.state);
  }

  /**
   * Something happened; it is told if it changes the state.
   *
   * @param {import("./states.js").Trigger} trigger
   * @param {string | null} [reason]
   */
  go(trigger, reason = null) {
    const previous = this.state;
    this.state = next(previous, trigger);
    if (this.state !== previous) this.#tell(previous, reason, 0, 0);
  }

  /**
   * The first connection waits in its state.
   *
   * @param {string} reason
   * @param {number} seconds
   */
  wait(reason, seconds) {
    this.#tell(this.state, reason, 0, seconds);
  }

  /**
   * Another attempt to reconnect.
   *
   * @param {string} reason
   * @param {number} attempt
   * @param {number} seconds until then
   */
  retry(reason, attempt, seconds) {
    const previous = this.state;
    this.state = next(previous, "lose");
    this.#tell(previous, reason, attempt, seconds);
  }

  /**
   * @param {State} previous
   * @param {string | null} reason
   * @param {number} attempt
   * @param {number} seconds
   */
  #tell(previous, reason, attempt, seconds) {
    this.#changed({ state: this.state, previous, reason, attempt, attempts: ATTEMPTS, wait: seconds });
  }
}
