import { LiveHeadError } from "../errors.js";

/** @typedef {import("../errors.js").Code} Code */

/** Error codes of a TURN server (RFC 8656 section 19) that say that it has no room. */
const NO_ROOM = new Set([486, 508]);
/** Those below are a TURN server's answer; 701 is the browser's word for none (W3C WebRTC, RTCPeerConnectionIceErrorEvent). */
const NO_ANSWER = 700;

/** What comes to be known of a call's TURN relays, and why no media came through. */
export class Relays {
  #offered = false;
  #expired = false;
  #gathered = false;
  /** What the relays and the browser said. @type {{code: number, text: string, url: string}[]} */
  #said = [];

  /**
   * @param {RTCIceServer[]} servers
   * @param {number} [now] milliseconds since 1970
   */
  constructor(servers, now = Date.now()) {
    const relays = servers.filter(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
    this.#offered = relays.length > 0;
    // The user name of a credential that ends begins with the time when it does (draft-uberti-behave-turn-rest).
    this.#expired = relays.some(({ username }) => parseInt(username ?? "", 10) * 1000 < now);
  }

  /** @param {RTCPeerConnection} peer */
  watch(peer) {
    peer.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.type === "relay" || / typ relay /.test(candidate?.candidate ?? "")) this.#gathered = true;
    });
    // Not every browser tells.
    peer.addEventListener("icecandidateerror", (event) => {
      const { errorCode, errorText, url } = /** @type {RTCPeerConnectionIceErrorEvent} */ (event);
      if (/^turns?:/.test(url)) this.#said.push({ code: errorCode, text: errorText, url });
    });
  }

  /** Why the media did not come through, as far as it can be known. */
  blocked() {
    const [code, detail] = this.#why();
    return new LiveHeadError(code, { detail });
  }

  /** @returns {[Code, string]} */
  #why() {
    if (!this.#offered) return ["media-blocked", "the server offers no TURN relay"];
    if (this.#gathered) return ["media-blocked", "the TURN relay works, but nothing came through it: may it reach the server?"];
    const refusal = this.#said.find(({ code }) => code < NO_ANSWER);
    const last = refusal ?? this.#said.at(-1);
    const words = last ? `${last.url}: ${last.code} ${last.text}`.trim() : "the TURN relay gave no address, and the browser names no reason";
    if (!refusal) return ["relay-unreachable", words];
    if (NO_ROOM.has(refusal.code)) return ["relay-full", words];
    return [this.#expired ? "relay-expired" : "relay-refused", words];
  }
}
