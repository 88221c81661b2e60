/**
 * Every name that `<live-head>` shares with the page round it: attributes, events, requests.
 *
 * Attributes reflect state, so that CSS and tests can read it. Requests are events that bubble:
 * any control inside the element asks for something by dispatching one, and needs no reference to it.
 */

/** Attributes that the page sets. */
export const Attribute = Object.freeze({
  SRC: "src",
  AVATAR: "avatar",
  LATENCY: "latency",
  SOURCE: "source",
  MICROPHONE: "microphone",
  SESSION: "session",
  VOICE: "voice",
  MUTED: "muted",
  TOKEN: "token",
  SEED: "seed",
  LOOK: "look",
  RECORD: "record",
  RECONNECT: "reconnect",
  CONTROLS: "controls",
});

/** Attributes that the element sets. */
export const Reflected = Object.freeze({
  STATE: "state",
  REASON: "reason",
  RECORDING: "recording",
});

/** Events that the element dispatches. They do not bubble; `detail` is in the comment. */
export const LiveEvent = Object.freeze({
  /** `{state, previous, reason, attempt, attempts, wait}`; wait in seconds until the next attempt */
  STATE: "statechange",
  /** `{session}`: the server has answered; a backend may be told the id */
  SESSION: "sessionready",
  /** the first frame of the call is on the screen */
  READY: "ready",
  /** the portrait begins to speak */
  SPEAKING: "speaking",
  /** the portrait has ceased to speak */
  SILENT: "silent",
  /** whoever is at the microphone begins to speak */
  USER_SPEAKING: "userspeaking",
  /** whoever is at the microphone has ceased to speak */
  USER_SILENT: "usersilent",
  /** `{recording, id}`: whether the server keeps a recording of the call, and its id */
  RECORDING: "recordingchange",
  /** `{preset, by}`: the latency preset that the call has now; by `server` or `client`, null for the first one */
  LATENCY: "latencychange",
  /** {@link import("../figures.js").Figures} */
  STATS: "stats",
  /** `{error, fatal}`: a {@link import("../errors.js").LiveHeadError}; fatal when the call is over */
  ERROR: "error",
  /** `{source}`: the audio source that is in use now */
  SOURCE: "sourcechange",
  /** `{muted, forced}`; forced when the browser refused to play audio */
  VOICE: "voicechange",
});

/** Events that controls dispatch on themselves, bubbling and composed, for the element round them. */
export const Request = Object.freeze({
  START: "startrequest",
  STOP: "stoprequest",
  MUTE: "muterequest",
  UNMUTE: "unmuterequest",
  INTERRUPT: "interruptrequest",
  /** `detail`: the id of an avatar */
  AVATAR: "avatarrequest",
  /** `detail`: `auto`, `low`, `balanced` or `throughput` */
  LATENCY: "latencyrequest",
});

/**
 * Ask the `<live-head>` round a control for something.
 *
 * @param {EventTarget} control
 * @param {string} name one of {@link Request}
 * @param {unknown} [detail]
 */
export function request(control, name, detail = null) {
  control.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
}
