import { asError } from "../client/errors.js";
import { box, part } from "./page.js";

/** @typedef {import("../client/errors.js").LiveHeadError} LiveHeadError */

const speakable = new Set(["microphone-denied", "microphone-missing", "microphone-busy", "microphone-failed", "microphone-lost", "insecure-origin"]);
const hopeless = new Set(["insecure-origin", "webrtc-unsupported", "unauthorized", "forbidden"]);
const elsewhere = new Set(["file-unreadable", "avatar-unknown"]);

/** The card over the stage that says what went wrong and what to do next. */
export class Notice {
  #card = box("notice");
  #retry = part("notice-retry", HTMLButtonElement);
  #file = part("notice-file", HTMLButtonElement);
  #timer = 0;

  /** @param {{retry: () => void, file: () => void}} on */
  constructor(on) {
    this.#retry.addEventListener("click", on.retry);
    this.#file.addEventListener("click", on.file);
  }

  /** Code of the error that is shown. */
  get code() {
    return this.#card.hidden ? null : this.#card.dataset.code;
  }

  /** @param {unknown} thrown */
  show(thrown) {
    const error = asError(thrown);
    box("notice-title").textContent = error.title;
    box("notice-remedy").textContent = error.remedy;
    box("notice-detail").textContent = error.detail;
    box("notice-more").hidden = !error.detail;
    this.#retry.hidden = hopeless.has(error.code) || elsewhere.has(error.code);
    this.#file.hidden = !(speakable.has(error.code) || error.code === "file-unreadable");
    this.#file.textContent = error.code === "file-unreadable" ? "Choose another file" : "Use an audio file";
    this.#card.dataset.code = error.code;
    this.#card.hidden = false;
    this.#count(error);
  }

  hide() {
    clearInterval(this.#timer);
    this.#card.hidden = true;
    delete this.#card.dataset.code;
  }

  /** @param {LiveHeadError} error its retryAfter is counted down on the button */
  #count(error) {
    clearInterval(this.#timer);
    const label = error.code === "connection-lost" ? "Connect again" : "Try again";
    const until = performance.now() + (error.retryAfter ?? 0) * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      this.#retry.disabled = left > 0;
      this.#retry.textContent = left > 0 ? `${label} in ${left} s` : label;
      if (left <= 0) clearInterval(this.#timer);
    };
    this.#timer = window.setInterval(tick, 250);
    tick();
  }
}
