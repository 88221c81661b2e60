/** What the page says about the call, in plain words. Pure. */

/** @typedef {import("../client/call/session.js").Change} Change */

/**
 * @typedef {object} Scene
 * @property {string} portrait name of the portrait
 * @property {"microphone" | "file" | "text"} kind of the source
 * @property {string} label of the source
 * @property {boolean} measuring whether tones are sent instead of the audio
 * @property {boolean} asking whether the browser asks for the microphone now
 * @property {boolean} sampling whether a sample is spoken, or was just now
 * @property {boolean} locked whether the server wants a token or key first
 */

/** @type {Readonly<Record<import("../client/call/states.js").State, string>>} */
export const chips = Object.freeze({
  idle: "Ready",
  connecting: "Connecting",
  live: "Live",
  degraded: "Unsteady",
  reconnecting: "Reconnecting",
  closed: "Ended",
  error: "Not connected",
});

/**
 * @param {Change} change
 * @param {Scene} scene
 * @returns {string} one or two sentences
 */
export function status(change, scene) {
  if (scene.measuring && (change.state === "live" || change.reason === "switching")) return "Measuring with tones. Your sound is not sent meanwhile.";
  if (scene.locked) return "Without a token or a key this server takes no calls.";
  switch (change.state) {
    case "idle":
      return invitation(scene);
    case "connecting":
      if (change.reason === "server-starting") return "The engine is still starting. It goes on by itself when it is ready.";
      if (change.reason === "rate-limit") return "The server asks to wait a moment. It goes on by itself.";
      return scene.asking ? "Your browser asks for the microphone. Allow it to go on." : `Calling ${scene.portrait}…`;
    case "live":
      if (scene.sampling) return `${scene.portrait} speaks. This is a sample.`;
      if (scene.kind === "text") return `Write something, and ${scene.portrait} says it.`;
      return scene.kind === "file" ? `${scene.portrait} speaks ${scene.label}.` : `Talk, and ${scene.portrait} says it with you.`;
    case "degraded":
      return unsteady(change.reason);
    case "reconnecting":
      if (change.reason === "switching") return "Switching over…";
      return `The connection was lost. Trying again, ${change.attempt} of ${change.attempts}…`;
    case "closed":
      return scene.sampling ? `That was a sample. Now you: ${lower(invitation(scene))}` : ended(change.reason);
    case "error":
      return "Nothing is sent now.";
  }
}

/** @param {Scene} scene */
function invitation({ kind, portrait }) {
  if (kind === "text") return `Write, and ${portrait} says it.`;
  return kind === "file" ? `Play an audio file, and ${portrait} speaks it.` : `Talk, and ${portrait} speaks your words.`;
}

/** @param {string} words */
function lower(words) {
  return words[0].toLowerCase() + words.slice(1);
}

/**
 * @param {string | null} reason
 * @returns {string}
 */
function ended(reason) {
  if (reason === "idle") return "Nobody spoke for a long time, so the server ended the call. Start again whenever you like.";
  if (reason === "time-limit") return "The call has reached the longest time that it may last. You can start another.";
  return "The call has ended. Start again whenever you like.";
}

/**
 * @param {string | null} reason
 * @returns {string}
 */
function unsteady(reason) {
  if (reason === "network") return "The network is unsteady. Waiting for it to recover.";
  if (reason === "draining") return "The server is shutting down. The call will end soon.";
  if (reason?.startsWith("engine")) return "The engine is restarting. Your sound goes on, the picture comes back by itself.";
  return "The picture is behind. It comes back by itself.";
}

/** @type {Readonly<Record<string, {name: string, what: string}>>} */
const presets = Object.freeze({
  auto: { name: "Automatic", what: "As soon as the server can, for as many as talk." },
  low: { name: "Low", what: "The face answers soonest." },
  balanced: { name: "Balanced", what: "A little later, and steadier." },
  throughput: { name: "Relaxed", what: "Later. More people can talk at once." },
});

/** Why a call has the delay that the server chose for it. @type {Readonly<Record<string, string>>} */
const reasons = Object.freeze({
  low: "There is room on the server, so the face answers soonest.",
  balanced: "Others talk as well, so the face answers a little later.",
  throughput: "Many talk now, so the face answers later. It gets quicker by itself when there is room.",
});

/**
 * @param {string} latency what was chosen
 * @param {string | null} [preset] what the call has, while there is one
 */
export function presetName(latency, preset = null) {
  const name = presets[latency]?.name ?? latency;
  return latency === "auto" && preset ? `${name}, now ${presets[preset]?.name ?? preset}` : name;
}

/**
 * @param {string} latency what was chosen
 * @param {Readonly<Record<string, {bound_ms: number}>>} facts of the server, by what can be chosen
 * @param {string | null} [preset] what the call has, while there is one
 * @returns {string}
 */
export function presetWords(latency, facts, preset = null) {
  const found = facts[(latency === "auto" && preset) || latency];
  if (!found) return "The server tells its delay when the engine is ready.";
  const what = (latency === "auto" && preset && reasons[preset]) || presets[latency]?.what || "";
  return `${what} On the server a picture is never more than ${found.bound_ms} ms behind its sound; the network comes on top.`.trim();
}

/**
 * @param {{name: string, variant?: string | null}} engine
 * @returns {string}
 */
export function engineWords(engine) {
  if (engine.name === "preview") return "Preview engine";
  const name = engine.name === "flashhead" ? "FlashHead" : engine.name;
  return engine.variant ? `${name} ${engine.variant[0].toUpperCase()}${engine.variant.slice(1)}` : name;
}
