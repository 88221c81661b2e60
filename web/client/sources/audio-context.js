/** The page's one AudioContext, made when it is first needed: browsers let it run after a click or a key only. */

/** @type {AudioContext | null} */
let shared = null;

/** @returns {AudioContext} */
export function audioContext() {
  shared ??= new AudioContext({ latencyHint: "interactive" });
  if (shared.state === "suspended") void shared.resume();
  return shared;
}
