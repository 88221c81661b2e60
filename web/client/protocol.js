/** Addresses and messages of `/v1/signal`, encoded and decoded. Pure. docs/protocol.md describes it. */

/** @typedef {"low" | "balanced" | "throughput"} Preset */
/** @typedef {"auto" | Preset} Latency `auto` leaves the preset to the server */
/** @typedef {"connecting" | "live" | "degraded" | "draining" | "closed"} ServerState */
/** @typedef {"mic" | "push"} Mode where the portrait's speech comes from: this call's audio, or a backend */
/** @typedef {"speaking" | "silent"} Activity */
/** @typedef {"off" | "film" | "replay"} RecordMode what the server keeps of a session: nothing, a film, or what renders it again */

/**
 * @typedef {object} Problem problem+json, RFC 9457
 * @property {string} [type]
 * @property {number} [status]
 * @property {string} [title]
 * @property {string} [detail]
 * @property {number} [retry_after] seconds
 */

/**
 * @typedef {object} ServerStats the server's figures, once a second; times in milliseconds
 * @property {number} k the block that was sent last
 * @property {number} delay_ms from a block's first sample coming in to its being sent
 * @property {number} bound_ms what the delay never passes
 * @property {{p50: number, p95: number}} generate_ms
 * @property {number} queue windows that wait for the engine
 * @property {number} repeated frames shown again because the next one was late
 * @property {number} dropped frames that came too late to be shown
 * @property {number} skipped blocks left out to catch up
 * @property {number} fps frames sent a second
 * @property {number} skew_ms audio to video
 * @property {number} concealed_ms audio that did not arrive and was concealed
 * @property {Preset} [preset] what the session has now
 * @property {Latency} [latency] what was chosen
 */

/**
 * @typedef {{type: "answer", sdp: string, session: string}
 *   | {type: "candidate", candidate: RTCIceCandidateInit | null}
 *   | {type: "state", state: ServerState, reason?: string | null}
 *   | ({type: "stats"} & ServerStats)
 *   | {type: "avatar" | "user", state: Activity}
 *   | {type: "recording", on: boolean, id?: string}
 *   | {type: "latency", preset: Preset, by: "server" | "client"}
 *   | {type: "error", error: Problem}} FromServer
 */

/**
 * @typedef {{type: "offer", sdp: string, avatar: string, latency?: Latency, voice: "on" | "off", source: Mode,
 *     probe: boolean, token?: string, seed?: number, record?: 1 | "replay", look?: {background: string}}
 *   | {type: "candidate", candidate: RTCIceCandidateInit | null}
 *   | {type: "avatar", id: string}
 *   | {type: "look", look: {background: string}}
 *   | {type: "latency", preset: Latency}
 *   | {type: "voice", on: boolean}
 *   | {type: "interrupt"}
 *   | {type: "bye"}} ToServer
 */

/**
 * @typedef {object} Avatar
 * @property {string} id
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {string} image address of the image, relative to the server
 */

/** Label of the data channel that carries the same figures as the socket, and who speaks. */
export const CHANNEL = "livehead";

const known = new Set(["answer", "candidate", "state", "stats", "avatar", "user", "recording", "latency", "error"]);

/**
 * @param {string} text
 * @returns {FromServer | null} null for what this version does not know: newer servers may send more
 * @throws {SyntaxError} when it is not JSON
 */
export function decode(text) {
  const message = JSON.parse(text);
  return known.has(message?.type) ? message : null;
}

/**
 * @param {ToServer | {type: string}} message
 * @returns {string}
 */
export function encode(message) {
  return JSON.stringify(message);
}

/**
 * An address below the server's own, which may have a path of its own behind a proxy.
 *
 * @param {string} server absolute http(s) address
 * @param {string} path without a leading slash
 * @returns {string}
 */
export function address(server, path) {
  const base = new URL(server);
  base.search = base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return new URL(path, base).href;
}

/**
 * The same for a WebSocket.
 *
 * @param {string} server absolute http(s) address
 * @param {string} path without a leading slash
 * @returns {string}
 */
export function socketAddress(server, path) {
  return address(server, path).replace(/^http/, "ws");
}
