import { asError } from "../client/errors.js";
import { box, part } from "./page.js";

/** @typedef {import("../client/errors.js").LiveHeadError} LiveHeadError */

const speakable = new Set(["microphone-denied", "microphone-missing", "microphone-busy", "microphone-failed", "microphone-lost", "insecure-origin"]);
const hopeless = new Set(["insecure-origin", "webrtc-unsupported", "unauthorized", "forbidden", "origin", "host", "role", "uses"]);
const elsewhere = new Set(["file-unreadable", "avatar-unknown", "too-large", "unsupported-type", "builtin-portrait", "too-many-portraits",
  "too-many-films", "disk-full", "still-recording", "look", "say-unavailable", "no-session"]);

/** The card over the stage that says what went wrong and what to do next. */
export class Notice {
  #card = box("notice");
  #retry = part("notice-retry", HTMLButtonElement);
  #file = part("notice-file", HTMLButtonElement);
  #token = part("notice-token", HTMLButtonElement);
  #timer = 0;

  /** @param {{retry: () => void, file: () => void, token: () => void}} on */
  constructor(on) {
    this.#token.addEventListener("click", on.token);
    this.#retry.addEventListener("click", on.retry);
    this.#file.addEventListener("click", on.file);
  }

  /** Code of the error that is shown. */
  get code() {
    return this.#card.hidden ? null : this.#card.dataset.code;
  }

  /**
   * @param {unknown} thrown
   * @param {boolean} [again] whether it is tried again without the user
   */
  show(thrown, again = false) {
    const error = asError(thrown);
    box("notice-title").textContent = error.title;
    box("notice-remedy").textContent = error.remedy;
    box("notice-detail").textContent = error.detail;
    box("notice-more").hidden = !error.detail;
    this.#retry.hidden = hopeless.has(error.code) || elsewhere.has(error.code);
    this.#file.hidden = !(speakable.has(error.code) || error.code === "file-unreadable");
    this.#token.hidden = !error.wantsToken;
    this.#token.className = this.#retry.hidden ? "solid" : "plain";
    // One thing to do next: the button below the picture steps back for the one in here.
    document.body.toggleAttribute("data-answered", !this.#retry.hidden || !this.#token.hidden);
    this.#file.textContent = error.code === "file-unreadable" ? "Choose another file" : "Use an audio file";
    this.#card.dataset.code = error.code;
    this.#card.hidden = false;
    this.#count(error, again);
  }

  hide() {
    clearInterval(this.#timer);
    this.#card.hidden = true;
    document.body.removeAttribute("data-answered");
    delete this.#card.dataset.code;
  }

  /**
   * @param {LiveHeadError} error its retryAfter is counted down on the button
   * @param {boolean} again
   */
  #count(error, again) {
    clearInterval(this.#timer);
    const label = again ? "Trying again" : error.code === "connection-lost" ? "Connect again" : "Try again";
    const until = performance.now() + (error.retryAfter ?? 0) * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      const words = left > 0 ? `${label} in ${left} s` : again ? `${label}…` : label;
      this.#retry.disabled = again || left > 0;
      if (this.#retry.textContent !== words) this.#retry.textContent = words;
      if (left <= 0) clearInterval(this.#timer);
    };
    this.#timer = window.setInterval(tick, 250);
    tick();
  }
}
