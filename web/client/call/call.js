import { LiveHeadError, problemError } from "../errors.js";
import { FigureJoiner } from "../figures.js";
import { CHANNEL, decode } from "../protocol.js";
import { Server } from "../server.js";
import { Signal } from "./signal.js";

/** @typedef {import("../figures.js").Figures} Figures */
/** @typedef {import("../protocol.js").ServerState} ServerState */
/** @typedef {import("../protocol.js").Latency} Latency */

/**
 * @typedef {object} CallOptions
 * @property {string} server absolute http(s) address
 * @property {string} avatar
 * @property {Latency} [latency] the server's default when missing
 * @property {boolean} voice whether the server sends the audio back, in step with the video
 * @property {boolean} probe whether the test pattern is drawn into the frames
 * @property {string} [token]
 * @property {number} [seed]
 */

/**
 * @typedef {object} CallHandlers
 * @property {(stream: MediaStream) => void} media audio and video, in one stream
 * @property {(state: ServerState, reason: string | null) => void} state
 * @property {(steady: boolean) => void} network
 * @property {(figures: Figures) => void} stats
 * @property {(error: LiveHeadError) => void} complaint the server did not like a message; the call goes on
 * @property {(error: LiveHeadError) => void} lost the call is over, and nobody asked for it
 */

/** For who asks, or how often. */
const REFUSALS = new Set([401, 403, 429]);

const ANSWER_MS = 15_000;
const MEDIA_MS = 10_000;
/** Without a frame and without a message from the server for so long, the call is dead. */
const SILENT_MS = 6000;

/** One call: one socket and one peer connection, one session on the server. Used once. */
export class Call {
  #options;
  #on;
  #signal;
  #joiner = new FigureJoiner();
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCRtpSender | null} */
  #sender = null;
  #closed = false;
  #relay = false;
  #receivedAt = 0;
  #decodedAt = 0;
  #poll = 0;
  #mediaTimer = 0;

  /**
   * @param {CallOptions} options
   * @param {CallHandlers} handlers
   */
  constructor(options, handlers) {
    this.#options = options;
    this.#on = handlers;
    this.#signal = new Signal(options.server);
  }

  /**
   * Offer, answer; media follows. Rejects with a {@link LiveHeadError}.
   *
   * @param {() => MediaStreamTrack | undefined} track what is sent; asked when the connection is made
   */
  async open(track) {
    if (typeof RTCPeerConnection === "undefined") throw new LiveHeadError("webrtc-unsupported");
    const [iceServers] = await Promise.all([this.#iceServers(), this.#signal.open()]);
    if (this.#closed) throw new DOMException("closed while opening", "AbortError");
    const peer = this.#connect(iceServers, track());
    const answered = this.#answered();
    answered.catch(() => {}); // It is awaited below; until then a refusal is no unhandled one.
    await peer.setLocalDescription();
    const { avatar, latency, voice, probe, token, seed } = this.#options;
    const sdp = peer.localDescription?.sdp ?? "";
    this.#signal.send({ type: "offer", sdp, avatar, latency, voice: voice ? "on" : "off", source: "mic", probe, token, seed });
    peer.onicecandidate = ({ candidate }) => this.#signal.send({ type: "candidate", candidate: candidate?.toJSON() ?? null });
    await peer.setRemoteDescription({ type: "answer", sdp: await answered });
    this.#mediaTimer = window.setTimeout(() => this.#lose(this.#blocked()), MEDIA_MS);
    this.#receivedAt = performance.now();
    this.#poll = window.setInterval(() => void this.#measure(), 1000);
  }

  /** @returns {Promise<RTCIceServer[]>} none when they cannot be had: on one network it works without */
  async #iceServers() {
    const { server, token } = this.#options;
    const servers = await new Server(server, token).iceServers().catch((error) => {
      if (REFUSALS.has(error.status)) throw error; // the offer would meet the same
      return [];
    });
    this.#relay = servers.some((/** @type {RTCIceServer} */ { urls }) => [urls].flat().some((url) => url.startsWith("turn")));
    return servers;
  }

  /**
   * @param {RTCIceServer[]} iceServers
   * @param {MediaStreamTrack} [track]
   */
  #connect(iceServers, track) {
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    const audio = peer.addTransceiver(track ?? "audio", { direction: this.#options.voice ? "sendrecv" : "sendonly" });
    this.#sender = audio.sender;
    const video = peer.addTransceiver("video", { direction: "recvonly" });
    for (const { receiver } of [audio, video]) {
      // Ask for the smallest buffer there is. The names differ between browsers and versions.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
    }
    const stream = new MediaStream();
    peer.ontrack = ({ track: incoming }) => {
      stream.addTrack(incoming);
      this.#on.media(stream);
    };
    peer.createDataChannel(CHANNEL).onmessage = ({ data }) => this.#receive(decode(data));
    peer.onconnectionstatechange = () => this.#follow(peer.connectionState);
    return peer;
  }

  /** @returns {Promise<string>} the answer's SDP */
  #answered() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new LiveHeadError("server-failed", { detail: "no answer to the offer" })), ANSWER_MS);
      this.#signal.onend = () => (clearTimeout(timer), reject(new LiveHeadError("server-unreachable", { detail: "the socket ended" })));
      this.#signal.onmessage = (message) => {
        if (message.type !== "error" && message.type !== "answer") return this.#receive(message);
        clearTimeout(timer);
        if (message.type === "error") return reject(problemError(message.error)); // a refusal, no complaint about a call
        this.#signal.onmessage = (later) => this.#receive(later);
        this.#signal.onend = () => this.#lose(new LiveHeadError("connection-lost", { detail: "the socket ended" }));
        resolve(message.sdp);
      };
    });
  }

  /** @param {import("../protocol.js").FromServer | null} message */
  #receive(message) {
    if (!message || this.#closed) return;
    this.#receivedAt = performance.now();
    if (message.type === "stats") this.#joiner.update(message);
    else if (message.type === "candidate") void this.#peer?.addIceCandidate(message.candidate ?? undefined).catch(() => {});
    else if (message.type === "state" && message.reason === "never-connected") this.#lose(this.#blocked());
    else if (message.type === "state" && message.reason === "gave-way") this.#lose(new LiveHeadError("server-full", { detail: message.reason }));
    else if (message.type === "state") this.#on.state(message.state, message.reason ?? null);
    else if (message.type === "error") this.#on.complaint(problemError(message.error));
  }

  /** @param {RTCPeerConnectionState} state */
  #follow(state) {
    if (state === "connected") clearTimeout(this.#mediaTimer);
    if (state === "connected" || state === "disconnected") this.#on.network(state === "connected");
    if (state === "failed") this.#lose(this.#mediaTimer ? this.#blocked() : new LiveHeadError("connection-lost"));
  }

  #blocked() {
    return new LiveHeadError("media-blocked", { detail: this.#relay ? "the server's TURN relay did not help" : "the server offers no TURN relay" });
  }

  async #measure() {
    const reports = await this.#peer?.getStats();
    if (!reports || this.#closed) return;
    const now = performance.now();
    const figures = this.#joiner.join(reports.values(), now);
    if (figures.fps) this.#decodedAt = now;
    if (now - Math.max(this.#receivedAt, this.#decodedAt) > SILENT_MS) this.#lose(new LiveHeadError("connection-lost", { detail: "nothing was received" }));
    else this.#on.stats(figures);
  }

  /** @param {MediaStreamTrack | null} track what is sent from now on */
  async replace(track) {
    await this.#sender?.replaceTrack(track);
  }

  /** @param {string} id */
  setAvatar(id) {
    this.#signal.send({ type: "avatar", id });
  }

  /** @param {Latency} preset */
  setLatency(preset) {
    this.#signal.send({ type: "latency", preset });
  }

  interrupt() {
    this.#signal.send({ type: "interrupt" });
  }

  /** @param {LiveHeadError} error */
  #lose(error) {
    if (this.#closed) return;
    this.close();
    this.#on.lost(error);
  }

  /** Send `bye` and free everything. May be called twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#mediaTimer);
    clearInterval(this.#poll);
    this.#signal.send({ type: "bye" });
    this.#signal.close();
    this.#peer?.close();
  }
}
