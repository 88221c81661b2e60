import { LiveHeadError, problemError } from "./errors.js";
import { address } from "./protocol.js";
import { Token } from "./token.js";

/**
 * @typedef {object} Info
 * @property {string} version
 * @property {{name: string, variant?: string | null, size?: number, fps?: number, device?: string}} engine
 * @property {Record<string, {hop: number, lookahead: number, bound_ms: number,
 *   delay_ms: {p50: number, p95: number} | null, preset?: import("./protocol.js").Preset}>} latency empty until the engine is ready;
 *   `auto` is the preset that a session opened now would get
 * @property {import("./protocol.js").Latency} default_latency
 * @property {{active: number, max: number | null, load: number | null,
 *   by_preset: Record<string, {active: number, max: number, room: number}>,
 *   auto?: {active: number, max: number, room: number} | null}} sessions null and empty until it is ready
 */

const ANSWER_MS = 8000;
/** A long text may wait behind others. */
const SAY_MS = 60_000;

/** The HTTP side of a Livehead server: what it is, which portraits it has, how media reaches it. */
export class Server {
  #token;

  /**
   * @param {string} src absolute, or relative to the page; empty for the page's own server
   * @param {import("./token.js").TokenSource | Token} [token] sent with every request
   */
  constructor(src, token) {
    this.url = absolute(src);
    this.#token = token instanceof Token ? token : new Token(token);
  }

  /** @returns {Promise<Info>} */
  async info() {
    return this.#get("v1/info");
  }

  /** @returns {Promise<import("./protocol.js").Avatar[]>} images with absolute addresses */
  async avatars() {
    /** @type {import("./protocol.js").Avatar[]} */
    const avatars = await this.#get("v1/avatars");
    return avatars.map((avatar) => ({ ...avatar, image: this.image(avatar.id) }));
  }

  /** @returns {Promise<RTCIceServer[]>} STUN and TURN, with credentials that live for minutes */
  async iceServers() {
    return this.#get("v1/ice-servers");
  }

  /**
   * @param {string} id of an avatar
   * @returns {string} address of its image, which needs no token where the portrait came with the server
   */
  image(id) {
    return address(this.url, imagePath(id));
  }

  /**
   * @param {string} id of an avatar that may be its owner's alone
   * @returns {Promise<Blob>} its image
   */
  async picture(id) {
    return (await this.#ask(imagePath(id), {}, "avatar-unknown")).blob();
  }

  /**
   * The portrait of a session speaks a text, by the server's own speech synthesis.
   *
   * @param {string} session its id
   * @param {string} text
   * @param {string} [voice] of the synthesis
   * @returns {Promise<void>} resolves when its first audio is there; rejects with a {@link LiveHeadError}
   */
  async say(session, text, voice) {
    const request = { method: "POST", body: JSON.stringify({ text, voice }), headers: { "Content-Type": "application/json" } };
    await this.#ask(`v1/sessions/${encodeURIComponent(session)}/say`, request, "session-unknown", SAY_MS);
  }

  /**
   * @param {string} path
   * @returns {Promise<any>} rejects with a {@link LiveHeadError}
   */
  async #get(path) {
    return (await this.#ask(path, {}, "avatar-unknown")).json();
  }

  /**
   * @param {string} path
   * @param {RequestInit & {headers?: Record<string, string>}} request
   * @param {"avatar-unknown" | "session-unknown"} missing what a 404 means
   * @param {number} [patience] milliseconds
   */
  async #ask(path, request, missing, patience = ANSWER_MS) {
    const token = await this.#token.get();
    let response = await this.#fetch(path, request, patience, token);
    // It may have expired since the page's function gave it.
    if (response.status === 401 && this.#token.renewable) response = await this.#fetch(path, request, patience, await this.#token.renew());
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    if (response.status === 404) throw new LiveHeadError(missing, { status: 404, type: problem.type, detail: problem.detail });
    throw problemError({ status: response.status, ...problem }, Number(response.headers.get("Retry-After")) || undefined);
  }

  /**
   * @param {string} path
   * @param {RequestInit & {headers?: Record<string, string>}} request
   * @param {number} patience
   * @param {string} [token]
   */
  async #fetch(path, request, patience, token) {
    const headers = { ...request.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    return fetch(address(this.url, path), { ...request, headers, signal: AbortSignal.timeout(patience) }).catch((thrown) => {
      throw new LiveHeadError("server-unreachable", { cause: thrown, detail: String(thrown) });
    });
  }
}

/** @param {string} id of an avatar */
function imagePath(id) {
  return `v1/avatars/${encodeURIComponent(id)}/image`;
}

/** @param {string} src */
function absolute(src) {
  try {
    return new URL(src || "/", document.baseURI).href;
  } catch (thrown) {
    throw new LiveHeadError("server-unreachable", { cause: thrown, detail: `${src} is no address` });
  }
}
