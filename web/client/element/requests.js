import { Request } from "./vocabulary.js";

/**
 * Do what controls inside the element ask for.
 *
 * @param {import("./live-head.js").LiveHead} head
 */
export function answerRequests(head) {
  const detail = (/** @type {Event} */ event) => /** @type {CustomEvent} */ (event).detail;
  // What goes wrong is shown, and told by an event.
  head.addEventListener(Request.START, () => void head.start().catch(() => {}));
  head.addEventListener(Request.STOP, () => head.stop());
  head.addEventListener(Request.MUTE, () => (head.muted = true));
  head.addEventListener(Request.UNMUTE, () => (head.muted = false));
  head.addEventListener(Request.INTERRUPT, () => head.interrupt());
  head.addEventListener(Request.AVATAR, (event) => (head.avatar = String(detail(event))));
  head.addEventListener(Request.LATENCY, (event) => (head.latency = detail(event)));
}
