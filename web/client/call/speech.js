import { LiveHeadError, problemError } from "../errors.js";
import { encode, socketAddress } from "../protocol.js";
import { RATE } from "../sources/pcm.js";

/**
 * @typedef {object} Playback what became of an utterance
 * @property {boolean} interrupted
 * @property {number} spokenMs how much of it was sent to the viewers
 * @property {number | null} shownMs how much of it a screen has shown; null where none reports that
 */

/** @typedef {{samples: Int16Array, generation: number, resolve: (playback: Playback) => void, reject: (error: unknown) => void}} Utterance */

const CHUNK = RATE / 5;
/** Bytes that may wait in this browser: the server does not read while its queue is full. */
const BUFFERED = 512 * 1024;
const DRAIN_MS = 100;

/** The speech socket of one session with source `push`: utterances, one after the other. */
export class Speech {
  #url;
  #token;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Promise<WebSocket> | null} */
  #opening = null;
  /** Utterances that were begun and not reported yet, by their number on this socket. @type {Map<number, Utterance>} */
  #spoken = new Map();
  #begun = 0;
  /** The last utterance that is being sent. */
  #sending = Promise.resolve();
  /** Rises with each interrupt: what is still being sent is dropped. */
  #generation = 0;

  /**
   * @param {string} server absolute http(s) address
   * @param {string} session its id
   * @param {import("../token.js").Token} token
   */
  constructor(server, session, token) {
    this.#url = socketAddress(server, `v1/sessions/${encodeURIComponent(session)}/speech`);
    this.#token = token;
    this.session = session;
  }

  /**
   * @param {Int16Array} samples mono, at {@link RATE}
   * @returns {Promise<Playback>} rejects with a {@link LiveHeadError} where the server takes no speech, or is gone
   */
  async say(samples) {
    if (!samples.length) return { interrupted: false, spokenMs: 0, shownMs: null };
    const socket = await (this.#opening ??= this.#open());
    const generation = this.#generation;
    return new Promise((resolve, reject) => {
      this.#sending = this.#sending.then(() => this.#send(socket, { samples, generation, resolve, reject }));
    });
  }

  /** @returns {boolean} whether there was a socket to say it on */
  interrupt() {
    this.#generation++;
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(encode({ type: "interrupt" }));
    return true;
  }

  /** What was sent is spoken to its end. May be called twice. */
  close() {
    this.#generation++;
    this.#socket?.close();
    this.#lost();
  }

  /** @returns {Promise<WebSocket>} */
  async #open() {
    const url = new URL(this.#url);
    url.searchParams.set("rate", String(RATE));
    const token = await this.#token.get();
    if (token) url.searchParams.set("token", token); // browsers let a page set no header of a WebSocket
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = () => {
        this.#opening = null;
        reject(new LiveHeadError("speech-refused"));
      };
    });
    socket.onclose = () => this.#lost();
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    return socket;
  }

  /**
   * @param {WebSocket} socket
   * @param {Utterance} utterance
   */
  async #send(socket, utterance) {
    const { samples, generation, resolve, reject } = utterance;
    if (socket !== this.#socket) return reject(new LiveHeadError("connection-lost", { detail: "the speech socket ended" }));
    if (generation !== this.#generation) return resolve({ interrupted: true, spokenMs: 0, shownMs: 0 });
    this.#spoken.set(this.#begun++, utterance);
    for (let start = 0; start < samples.length; start += CHUNK) {
      while (socket.bufferedAmount > BUFFERED) await new Promise((wait) => setTimeout(wait, DRAIN_MS));
      if (generation !== this.#generation || socket.readyState !== WebSocket.OPEN) return;
      socket.send(new Int16Array(samples.subarray(start, start + CHUNK))); // a copy: it may lie in a larger buffer
    }
    socket.send(encode({ type: "end" }));
  }

  /** @param {any} message */
  #receive(message) {
    if (message.type === "error") return this.#take(undefined)?.reject(problemError(message.error));
    if (message.type !== "playback" || message.state === "started" || message.utterance === null) return;
    const playback = { interrupted: message.state === "interrupted", spokenMs: message.spoken_ms ?? 0, shownMs: message.shown_ms ?? null };
    this.#take(message.utterance)?.resolve(playback);
  }

  /** @param {number | undefined} number the oldest where the server does not say which */
  #take(number = this.#spoken.keys().next().value ?? -1) {
    const utterance = this.#spoken.get(number);
    this.#spoken.delete(number);
    return utterance;
  }

  #lost() {
    this.#opening = this.#socket = null;
    this.#begun = 0;
    for (const { reject } of this.#spoken.values()) reject(new LiveHeadError("connection-lost", { detail: "the speech socket ended" }));
    this.#spoken.clear();
  }
}
