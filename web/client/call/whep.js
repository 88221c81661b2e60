import { LiveHeadError, problemError } from "../errors.js";
import { address } from "../protocol.js";
import { connectionError } from "./signal.js";
import { fragment } from "./sdp-fragment.js";

/** @typedef {import("./signal.js").Signalling} Signalling */

const ANSWER_MS = 15_000;
const LEAVE_MS = 2000;
/** Candidates that come within so long of one another share a request. */
const GATHER_MS = 50;

/**
 * Joins a session as one of its viewers: WHEP (draft-ietf-wish-whep-04). One POST offers, PATCH trickles the candidates
 * (RFC 8840), DELETE leaves.
 *
 * @implements {Signalling}
 */
export class Whep {
  #server;
  #session;
  #token;
  #sdp = "";
  /** Address of this viewer. */
  #resource = "";
  #etag = "";
  /** Candidates that were not sent yet; null for the end of them. @type {(RTCIceCandidate | null)[]} */
  #waiting = [];
  #timer = 0;
  #closed = false;
  /** @type {Signalling["steer"]} */
  steer = null;
  /** @type {Signalling["onmessage"]} */
  onmessage = () => {};
  /** @type {Signalling["onend"]} */
  onend = () => {};

  /**
   * @param {string} server absolute http(s) address
   * @param {string} session its id
   * @param {string} [token]
   */
  constructor(server, session, token) {
    this.#server = server;
    this.#session = session;
    this.#token = token;
  }

  async open() {}

  /** @type {Signalling["offer"]} */
  async offer({ sdp }) {
    const headers = { ...this.#headers, "Content-Type": "application/sdp" };
    const url = address(this.#server, `whep/${encodeURIComponent(this.#session)}`);
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(url, { method: "POST", headers, body: sdp, signal }).catch(() => null);
    if (!response) throw await connectionError(this.#server);
    if (response.status !== 201) throw await refusal(response);
    this.#sdp = sdp;
    this.#etag = response.headers.get("ETag") ?? "";
    this.#resource = resolve(this.#server, response);
    if (this.#closed) void this.#leave();
    else this.#later();
    return { sdp: await response.text(), session: this.#session };
  }

  /** @type {Signalling["trickle"]} */
  trickle(candidate) {
    this.#waiting.push(candidate);
    this.#later();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    return this.#leave();
  }

  get #headers() {
    return /** @type {Record<string, string>} */ (this.#token ? { Authorization: `Bearer ${this.#token}` } : {});
  }

  #later() {
    if (!this.#resource || !this.#waiting.length || this.#timer || this.#closed) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      const headers = { ...this.#headers, "Content-Type": "application/trickle-ice-sdpfrag", ...(this.#etag ? { "If-Match": this.#etag } : {}) };
      const body = fragment(this.#sdp, this.#waiting.splice(0));
      // One that is lost is not asked for again: the server learns most addresses from the checks themselves.
      void fetch(this.#resource, { method: "PATCH", headers, body }).catch(() => {});
    }, GATHER_MS);
  }

  async #leave() {
    const resource = this.#resource;
    this.#resource = "";
    // `keepalive` lets it be sent while the page is left.
    const request = { method: "DELETE", headers: this.#headers, keepalive: true, signal: AbortSignal.timeout(LEAVE_MS) };
    if (resource) await fetch(resource, request).catch(() => {});
  }
}

/** @param {Response} response */
async function refusal(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  const problem = await response.json().catch(() => ({}));
  if (response.status === 404) return new LiveHeadError("session-unknown", { status: 404, type: problem.type, detail: problem.detail });
  return problemError({ status: response.status, ...problem }, seconds > 0 ? seconds : undefined);
}

/**
 * The address of the viewer. A server behind a proxy may not know the path that the proxy puts before its own.
 *
 * @param {string} server
 * @param {Response} response
 */
function resolve(server, response) {
  const location = response.headers.get("Location");
  if (!location) throw new LiveHeadError("refused", { detail: "the answer has no Location, or the server does not expose it to this origin" });
  const { pathname } = new URL(address(server, ""));
  return location.startsWith("/") && !location.startsWith(pathname) ? address(server, location.slice(1)) : new URL(location, response.url).href;
}
