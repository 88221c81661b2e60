import { asError } from "../errors.js";

/** What `start()` returned: settled once, by the first frame, a failure or a stop. */
export class Starting {
  /** @type {() => void} */
  resolve = () => {};
  /** @type {(reason: unknown) => void} */
  reject = () => {};
  /** @type {Promise<void>} */
  promise;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Who does not wait for it hears of a failure by the error event.
    this.promise.catch(() => {});
  }

  /** @param {unknown} thrown */
  fail(thrown) {
    this.reject(asError(thrown));
  }

  stop() {
    this.reject(new DOMException("The call was stopped before the portrait was there.", "AbortError"));
  }
}
