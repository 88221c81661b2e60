import { LiveHeadError, problemError } from "../client/errors.js";
import { address } from "../client/protocol.js";

/** @typedef {import("../client/element/live-head.js").LiveHead} LiveHead */

const ANSWER_MS = 20_000;
/** A photo over a slow line. */
const SEND_MS = 120_000;

/** The part of the server that only this page uses: portraits of one's own, films, the film of a portrait at rest. */
export class Api {
  #live;

  /** @param {LiveHead} live its server and token are used */
  constructor(live) {
    this.#live = live;
  }

  /** Whether images and films need a token, which an address in an element cannot bring. */
  get locked() {
    return Boolean(this.#live.token);
  }

  /**
   * @param {string} path below the server's address
   * @returns {string}
   */
  address(path) {
    return address(this.#live.server.url, path);
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<Response>} rejects with a {@link LiveHeadError}, and with an AbortError where `init.signal` says so
   */
  async ask(path, init = {}) {
    const headers = new Headers(init.headers);
    const { token } = this.#live;
    if (typeof token === "string" && token) headers.set("Authorization", `Bearer ${token}`);
    const patience = AbortSignal.timeout(init.body ? SEND_MS : ANSWER_MS);
    const signal = init.signal ? AbortSignal.any([init.signal, patience]) : patience;
    const response = await fetch(this.address(path), { ...init, headers, signal }).catch((thrown) => {
      if (init.signal?.aborted) throw new DOMException("aborted", "AbortError");
      throw new LiveHeadError("server-unreachable", { cause: thrown, detail: String(thrown) });
    });
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw problemError({ status: response.status, ...problem }, Number(response.headers.get("Retry-After")) || undefined);
  }

  /**
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<any>}
   */
  async json(path, init) {
    return (await this.ask(path, init)).json();
  }

  /**
   * An address that an element can show.
   *
   * @param {string} path
   * @param {boolean} own whether it is its owner's alone
   * @returns {Promise<string>} to be revoked where it is a `blob:`
   */
  async source(path, own) {
    if (!own || !this.locked) return this.address(path);
    return URL.createObjectURL(await (await this.ask(path)).blob());
  }
}
