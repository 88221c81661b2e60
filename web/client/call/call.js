import { LiveHeadError, problemError } from "../errors.js";
import { FigureJoiner } from "../figures.js";
import { CHANNEL, decode, encode } from "../protocol.js";
import { Server } from "../server.js";
import { connect, iceServers } from "./peer.js";
import { Relays } from "./relays.js";
import { Signal } from "./signal.js";
import { Whep } from "./whep.js";

/** @typedef {import("../figures.js").Figures} Figures */
/** @typedef {import("../protocol.js").ServerState} ServerState */
/** @typedef {import("../protocol.js").Latency} Latency */
/** @typedef {import("../protocol.js").ToServer} ToServer */

/**
 * @typedef {object} CallOptions
 * @property {string} server absolute http(s) address
 * @property {string} [session] id of one that is there already, to be joined as a viewer; else a new one is opened
 * @property {string} avatar
 * @property {Latency} [latency] the server's default when missing
 * @property {import("../protocol.js").Mode} source
 * @property {boolean} voice whether the portrait's audio is heard, in step with the video
 * @property {boolean} probe whether the test pattern is drawn into the frames
 * @property {string} [token]
 * @property {number} [seed]
 * @property {import("../protocol.js").RecordMode} [record]
 * @property {string} [look] what is behind the portrait
 * @property {boolean} [reconnect] false where a call that is lost is not made again
 */

/**
 * @typedef {object} CallHandlers
 * @property {(session: string) => void} session its id: the server has answered, and media follow
 * @property {(stream: MediaStream) => void} media audio and video, in one stream
 * @property {(state: ServerState, reason: string | null) => void} state
 * @property {(who: "avatar" | "user", activity: import("../protocol.js").Activity) => void} activity
 * @property {(on: boolean, id: string | null) => void} recording whether the server keeps a recording of the session, and its id
 * @property {(preset: import("../protocol.js").Preset, by: "server" | "client" | null) => void} latency the preset that the session
 *   has now, and who changed it: null for one that it is found with
 * @property {(steady: boolean) => void} network
 * @property {(figures: Figures) => void} stats
 * @property {(error: LiveHeadError) => void} complaint the server did not like a message; the call goes on
 * @property {(error: LiveHeadError) => void} lost the call is over, and nobody asked for it
 */

/** From the answer to the connection. */
const MEDIA_MS = 8000;
/** From the answer to the first frame. */
const FRAME_MS = 15_000;
/** Without a frame and without a message from the server for so long, the call is dead. */
const SILENT_MS = 6000;

/** One call: signalling and one peer connection. Used once. */
export class Call {
  #options;
  #on;
  /** @type {import("./signal.js").Signalling} */
  #signal;
  #joiner = new FigureJoiner();
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCRtpSender | null} */
  #sender = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** Sent on the data channel when it opens; the last of each type. @type {Map<string, ToServer>} */
  #pending = new Map();
  #closed = false;
  #relays = new Relays([]);
  #answeredAt = 0;
  #receivedAt = 0;
  #decodedAt = 0;
  #poll = 0;
  #mediaTimer = 0;

  /**
   * @param {CallOptions} options
   * @param {CallHandlers} handlers
   */
  constructor(options, handlers) {
    const { server, session, token } = options;
    this.#options = options;
    this.#on = handlers;
    this.#signal = session ? new Whep(server, session, token) : new Signal(server);
    this.#signal.onmessage = (message) => this.#receive(message);
    this.#signal.onend = (error) => this.#lose(error);
  }

  /**
   * Offer, answer; media follows. Rejects with a {@link LiveHeadError}.
   *
   * @param {() => MediaStreamTrack | undefined} track what is sent, if anything; asked when the connection is made
   */
  async open(track) {
    if (typeof RTCPeerConnection === "undefined") throw new LiveHeadError("webrtc-unsupported");
    const [servers] = await Promise.all([this.#iceServers(), this.#signal.open()]);
    if (this.#closed) throw new DOMException("closed while opening", "AbortError");
    const peer = this.#connect(servers, track());
    peer.onicecandidate = ({ candidate }) => this.#signal.trickle(candidate);
    await peer.setLocalDescription();
    const { avatar, latency, source, voice, probe, token, seed, record, look } = this.#options;
    const offer = { sdp: peer.localDescription?.sdp ?? "", avatar, latency, voice: /** @type {"on" | "off"} */ (voice ? "on" : "off"), source, probe, token, seed, record: recordField(record), look: look ? { background: look } : undefined };
    const answer = await this.#signal.offer({ type: "offer", ...offer });
    if (this.#closed) throw new DOMException("closed while opening", "AbortError");
    if (!voice && !this.#signal.steer) this.setVoice(false);
    this.#on.session(answer.session);
    await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    this.#mediaTimer = window.setTimeout(() => this.#lose(this.#relays.blocked()), MEDIA_MS);
    this.#answeredAt = this.#receivedAt = performance.now();
    this.#poll = window.setInterval(() => void this.#measure(), 1000);
  }

  /** @returns {Promise<RTCIceServer[]>} */
  async #iceServers() {
    const { server, token } = this.#options;
    const servers = await iceServers(new Server(server, token));
    this.#relays = new Relays(servers);
    return servers;
  }

  /**
   * @param {RTCIceServer[]} servers
   * @param {MediaStreamTrack} [track]
   */
  #connect(servers, track) {
    const { peer, sender } = connect(servers, track, (stream) => this.#on.media(stream));
    this.#peer = peer;
    this.#sender = sender;
    this.#relays.watch(peer);
    peer.onconnectionstatechange = () => this.#follow(peer.connectionState);
    this.#channel = this.#openChannel(peer);
    return peer;
  }

  /** @param {RTCPeerConnection} peer */
  #openChannel(peer) {
    const channel = peer.createDataChannel(CHANNEL);
    channel.onmessage = ({ data }) => this.#receive(decode(data));
    channel.onopen = () => {
      for (const message of this.#pending.values()) channel.send(encode(message));
      this.#pending.clear();
    };
    // A viewer has no socket that would tell that the session is over.
    if (!this.#signal.steer) channel.onclose = () => this.#lose(new LiveHeadError("connection-lost", { detail: "the server closed the connection" }));
    return channel;
  }

  /** @param {import("../protocol.js").FromServer | null} message */
  #receive(message) {
    if (!message || this.#closed) return;
    this.#receivedAt = performance.now();
    if (message.type === "stats") this.#update(message);
    else if (message.type === "avatar" || message.type === "user") this.#on.activity(message.type, message.state);
    else if (message.type === "recording") this.#on.recording(message.on, message.id ?? null);
    else if (message.type === "latency") this.#on.latency(message.preset, message.by);
    else if (message.type === "candidate") void this.#peer?.addIceCandidate(message.candidate ?? undefined).catch(() => {});
    else if (message.type === "state" && message.reason === "never-connected") this.#lose(this.#relays.blocked());
    else if (message.type === "state" && message.reason === "gave-way") this.#lose(new LiveHeadError("server-full", { detail: message.reason }));
    else if (message.type === "state") this.#on.state(message.state, message.reason ?? null);
    else if (message.type === "error") this.#on.complaint(problemError(message.error));
  }

  /** @param {import("../protocol.js").ServerStats} stats */
  #update(stats) {
    this.#joiner.update(stats);
    if (stats.preset) this.#on.latency(stats.preset, null);
  }

  /** @param {RTCPeerConnectionState} state */
  #follow(state) {
    if (this.#closed) return;
    if (state === "connected") {
      clearTimeout(this.#mediaTimer);
      this.#mediaTimer = 0;
    }
    if (state === "connected" || state === "disconnected") this.#on.network(state === "connected");
    if (state === "failed") this.#lose(this.#mediaTimer ? this.#relays.blocked() : new LiveHeadError("connection-lost"));
  }

  async #measure() {
    const reports = await this.#peer?.getStats();
    if (!reports || this.#closed) return;
    const now = performance.now();
    const figures = this.#joiner.join(reports.values(), now);
    if (figures.decoded && (figures.fps || !this.#decodedAt)) this.#decodedAt = now;
    if (now - Math.max(this.#receivedAt, this.#decodedAt) > SILENT_MS) this.#lose(new LiveHeadError("connection-lost", { detail: "nothing was received" }));
    else if (!this.#decodedAt && now - this.#answeredAt > FRAME_MS) this.#lose(new LiveHeadError("no-picture"));
    else this.#on.stats(figures);
  }

  /** @param {MediaStreamTrack | null} track what is sent from now on */
  async replace(track) {
    await this.#sender?.replaceTrack(track);
  }

  /** @param {string} id */
  setAvatar(id) {
    this.#steer({ type: "avatar", id });
  }

  /** @param {string} background */
  setLook(background) {
    this.#steer({ type: "look", look: { background } });
  }

  /** @param {Latency} preset */
  setLatency(preset) {
    this.#steer({ type: "latency", preset });
  }

  /** @param {boolean} on */
  setVoice(on) {
    this.#steer({ type: "voice", on });
  }

  interrupt() {
    this.#steer({ type: "interrupt" });
  }

  /**
   * Send a message on the data channel, if it is open.
   *
   * @param {{type: string}} message
   */
  report(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(encode(message));
  }

  /** @param {ToServer} message */
  #steer(message) {
    if (this.#signal.steer) this.#signal.steer(message);
    else if (this.#channel?.readyState === "connecting") this.#pending.set(message.type, message);
    else this.report(message);
  }

  /** @param {LiveHeadError} error */
  #lose(error) {
    if (this.#closed) return;
    this.close();
    this.#on.lost(error);
  }

  /** Take leave and free everything. May be called twice. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#mediaTimer);
    clearInterval(this.#poll);
    const left = this.#signal.close();
    if (left) void left.then(() => this.#peer?.close());
    else this.#peer?.close();
  }
}

/**
 * @param {import("../protocol.js").RecordMode} [record]
 * @returns {1 | "replay" | undefined} as the offer has it; servers that record nothing need not know the field
 */
function recordField(record) {
  if (record === "film") return 1;
  return record === "replay" ? "replay" : undefined;
}
