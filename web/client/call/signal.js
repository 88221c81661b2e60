import { LiveHeadError, problemError } from "../errors.js";
import { address, decode, encode, socketAddress } from "../protocol.js";

/** @typedef {import("../protocol.js").FromServer} FromServer */
/** @typedef {import("../protocol.js").ToServer} ToServer */

const OPEN_MS = 8000;

/** The `/v1/signal` socket of one call: typed messages in and out. */
export class Signal {
  #server;
  /** @type {WebSocket | null} */
  #socket = null;
  /** Set by its owner. @type {(message: FromServer) => void} */
  onmessage = () => {};
  /** The socket ended, and not by `close()`. @type {() => void} */
  onend = () => {};

  /** @param {string} server absolute http(s) address */
  constructor(server) {
    this.#server = server;
  }

  /** @returns {Promise<void>} rejects with a {@link LiveHeadError} that says why the server cannot be reached */
  async open() {
    const socket = new WebSocket(socketAddress(this.#server, "v1/signal"));
    this.#socket = socket;
    const opened = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), OPEN_MS);
      socket.onopen = () => (clearTimeout(timer), resolve(true));
      socket.onerror = socket.onclose = () => (clearTimeout(timer), resolve(false));
    });
    if (this.#socket !== socket) throw new DOMException("closed while opening", "AbortError");
    if (!opened) {
      this.close();
      throw await connectionError(this.#server);
    }
    socket.onerror = null;
    socket.onclose = () => this.onend();
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? decode(data) : null;
      if (message) this.onmessage(message);
    };
  }

  /** @param {ToServer} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encode(message));
  }

  close() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onerror = socket.onclose = socket.onmessage = null;
    // Browsers complain about one that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  }
}

/**
 * Why a socket was refused: browsers hide the status of a failed WebSocket handshake, so ask by HTTP.
 *
 * @param {string} server
 * @returns {Promise<LiveHeadError>}
 */
export async function connectionError(server) {
  const response = await fetch(address(server, "readyz"), { cache: "no-store", signal: AbortSignal.timeout(4000) }).catch((thrown) => thrown);
  if (!(response instanceof Response)) {
    // A server that answers, but not to pages of this origin, looks the same until asked without reading the answer.
    const there = await fetch(address(server, "healthz"), { mode: "no-cors", signal: AbortSignal.timeout(4000) }).catch(() => null);
    return new LiveHeadError(there ? "origin" : "server-unreachable", { cause: response, detail: String(response) });
  }
  if (response.ok) return new LiveHeadError("server-unreachable", { detail: "the server is ready, but refused the WebSocket" });
  const seconds = Number(response.headers.get("Retry-After"));
  const problem = await response.json().catch(() => ({}));
  return problemError({ status: response.status, ...problem }, seconds > 0 ? seconds : undefined);
}
