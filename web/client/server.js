import { LiveHeadError, problemError } from "./errors.js";
import { address } from "./protocol.js";

/**
 * @typedef {object} Info
 * @property {string} version
 * @property {{name: string, variant?: string | null, size?: number, fps?: number, device?: string}} engine
 * @property {Record<string, {hop: number, lookahead: number, bound_ms: number,
 *   delay_ms: {p50: number, p95: number} | null}>} latency empty until the engine is ready
 * @property {import("./protocol.js").Latency} default_latency
 * @property {{active: number, max: number | null, load: number | null,
 *   by_preset: Record<string, {active: number, max: number, room: number}>}} sessions null and empty until it is ready
 */

/** The HTTP side of a Livehead server: what it is and which portraits it has. */
export class Server {
  /**
   * @param {string} src absolute, or relative to the page; empty for the page's own server
   * @param {string} [token] session token
   */
  constructor(src, token) {
    this.url = new URL(src || "/", document.baseURI).href;
    this.token = token;
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

  /**
   * @param {string} id of an avatar
   * @returns {string} address of its image
   */
  image(id) {
    return address(this.url, `v1/avatars/${encodeURIComponent(id)}/image`);
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  async #get(path) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : undefined;
    const response = await fetch(address(this.url, path), { headers, signal: AbortSignal.timeout(8000) }).catch((thrown) => {
      throw new LiveHeadError("server-unreachable", { cause: thrown, detail: String(thrown) });
    });
    if (response.ok) return response.json();
    const problem = await response.json().catch(() => ({}));
    throw problemError({ status: response.status, ...problem }, Number(response.headers.get("Retry-After")) || undefined);
  }
}
