import { LiveHeadError, problemError } from "../errors.js";
import { address, decode, encode, socketAddress } from "../protocol.js";

/** @typedef {import("../protocol.js").FromServer} FromServer */
/** @typedef {import("../protocol.js").ToServer} ToServer */

/**
 * How one call and the server find each other.
 *
 * @typedef {object} Signalling
 * @property {() => Promise<void>} open
 * @property {(offer: ToServer & {type: "offer"}) => Promise<{sdp: string, session: string}>} offer the answer, and the
 *   session's id; rejects with a {@link LiveHeadError}
 * @property {(candidate: RTCIceCandidate | null) => void} trickle null when there are no more
 * @property {((message: ToServer) => void) | null} steer what changes the call; null where only the data channel can
 * @property {(message: FromServer) => void} onmessage set by its owner
 * @property {(error: LiveHeadError) => void} onend set by its owner: the server is gone, and nobody asked for it
 * @property {() => Promise<void> | void} close may be called twice; a promise where the media are to go on until the
 *   server knows: it would take their end for a loss
 */

const OPEN_MS = 8000;
const ANSWER_MS = 15_000;

/**
 * The `/v1/signal` socket of one call: typed messages in and out.
 *
 * @implements {Signalling}
 */
export class Signal {
  #server;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Signalling["onmessage"]} */
  onmessage = () => {};
  /** @type {Signalling["onend"]} */
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
    socket.onclose = () => this.onend(new LiveHeadError("connection-lost", { detail: "the socket ended" }));
    socket.onmessage = ({ data }) => {
      const message = typeof data === "string" ? decode(data) : null;
      if (message) this.onmessage(message);
    };
  }

  /** @type {Signalling["offer"]} */
  offer(offer) {
    const { onmessage, onend } = this;
    const answered = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new LiveHeadError("server-failed", { detail: "no answer to the offer" })), ANSWER_MS);
      this.onend = ({ detail }) => (clearTimeout(timer), reject(new LiveHeadError("server-unreachable", { detail })));
      this.onmessage = (message) => {
        if (message.type !== "error" && message.type !== "answer") return onmessage(message);
        clearTimeout(timer);
        if (message.type === "error") return reject(problemError(message.error)); // a refusal, no complaint about a call
        this.onmessage = onmessage;
        this.onend = onend;
        resolve(message);
      };
    });
    this.steer(offer);
    return answered;
  }

  /** @type {Signalling["trickle"]} */
  trickle(candidate) {
    this.steer({ type: "candidate", candidate: candidate?.toJSON() ?? null });
  }

  /** @param {ToServer} message */
  steer(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encode(message));
  }

  close() {
    const socket = this.#socket;
    if (!socket) return;
    this.steer({ type: "bye" });
    this.#socket = null;
    socket.onopen = socket.onerror = socket.onclose = socket.onmessage = null;
    // Browsers complain about one that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  }
}

/**
 * Why a server could not be reached: browsers hide the status of a failed WebSocket handshake and what kept a page of
 * another origin from reading an answer, so ask by HTTP.
 *
 * @param {string} server
 * @returns {Promise<LiveHeadError>}
 */
export async function connectionError(server) {
  const response = await fetch(address(server, "readyz"), { cache: "no-store", signal: AbortSignal.timeout(4000) }).catch((thrown) => thrown);
  if (!(response instanceof Response)) {
    // A server that answers, but not to pages of this origin, looks the same until asked for what is for all of them.
    const there = await fetch(address(server, "client/index.js"), { method: "HEAD", signal: AbortSignal.timeout(4000) }).catch(() => null);
    return new LiveHeadError(there ? "origin" : "server-unreachable", { cause: response, detail: String(response) });
  }
  if (response.ok) return new LiveHeadError("server-unreachable", { detail: "the server is ready, but refused the connection" });
  const seconds = Number(response.headers.get("Retry-After"));
  const problem = await response.json().catch(() => ({}));
  return problemError({ status: response.status, ...problem }, seconds > 0 ? seconds : undefined);
}
