import { audioContext } from "./sources/audio-context.js";
import { LiveHeadError } from "./errors.js";
import { Outgoing } from "./sources/outgoing.js";
import { ROWS, cells, read } from "./test-pattern.js";

/**
 * @typedef {object} Measured microphone to screen, milliseconds
 * @property {number} p50
 * @property {number} p95
 * @property {number[]} all one for each burst that was seen
 * @property {number} missed bursts that were not seen within two seconds
 * @property {{server: number | null, network: number | null, rest: number | null}} parts of the median: the server's own
 *   delay, the network round trip, and the rest: audio capture, encoding, decoding, the screen
 */

const LOUD = 8;
const QUIET = 4;
const BURST_S = 0.12;
const START_MS = 10_000;
const SEEN_MS = 2000;
/** A new call settles its delay first. */
const SETTLE_MS = 2500;

/** Measures with one clock, over everything in between: bursts of a tone go out, and the test pattern in the video answers. */
export class LatencyMeter {
  #head;
  #session;
  #strip = new OffscreenCanvas(1, ROWS);
  /** Called for each frame with a readable code. @type {(loudness: number, at: number) => void} */
  #seen = () => {};
  #watching = true;

  /**
   * @param {import("./element/live-head.js").LiveHead} head
   * @param {import("./call/session.js").Session} session
   */
  constructor(head, session) {
    this.#head = head;
    this.#session = session;
  }

  /**
   * @param {{bursts?: number, progress?: (done: number, of: number) => void, signal?: AbortSignal}} options
   * @returns {Promise<Measured>}
   */
  async measure({ bursts = 10, progress = () => {}, signal }) {
    const context = audioContext();
    const out = new Outgoing();
    /** @type {import("./figures.js").Figures[]} */
    const figures = [];
    const listen = (/** @type {Event} */ event) => figures.push(/** @type {CustomEvent} */ (event).detail);
    // A new call that knows nothing but the bursts: a change of track in mid-call would shift its audio in time.
    this.#session.substitute = out.track;
    this.#session.change({ probe: true });
    try {
      this.#watch();
      await this.#code(START_MS, (loudness) => loudness >= 0, signal);
      await pause(SETTLE_MS, signal);
      this.#head.addEventListener("stats", listen);
      /** @type {number[]} */
      const all = [];
      for (let burst = 0; burst < bursts; burst++) {
        progress(burst, bursts);
        await this.#code(SEEN_MS, (loudness) => loudness <= QUIET, signal);
        const sent = play(context, out.node);
        const shown = await this.#code(SEEN_MS, (loudness, at) => loudness >= LOUD && at > sent, signal).catch(() => NaN);
        signal?.throwIfAborted();
        if (!Number.isNaN(shown)) all.push(shown - sent);
        await pause(400 + 200 * Math.random(), signal);
      }
      if (all.length < bursts / 2) throw new LiveHeadError("server-failed", { detail: "the test pattern in the video did not follow the audio" });
      return summary(all, bursts - all.length, figures);
    } finally {
      this.#watching = false;
      this.#head.removeEventListener("stats", listen);
      this.#session.substitute = null;
      this.#session.change({ probe: false });
      out.close();
    }
  }

  /** Read the code of every frame that is shown. */
  #watch() {
    const video = this.#head.video;
    const context = this.#strip.getContext("2d", { willReadFrequently: true });
    const onFrame = (/** @type {number} */ _, /** @type {VideoFrameCallbackMetadata} */ frame) => {
      if (!this.#watching) return;
      video.requestVideoFrameCallback(onFrame);
      if (!context || !frame.width) return;
      if (this.#strip.width !== frame.width) this.#strip.width = frame.width;
      context.drawImage(video, 0, frame.height - ROWS, frame.width, ROWS, 0, 0, frame.width, ROWS);
      const code = read(cells(context.getImageData(0, 0, frame.width, ROWS)));
      if (code) this.#seen(code.loudness, frame.expectedDisplayTime);
    };
    video.requestVideoFrameCallback(onFrame);
  }

  /**
   * @param {number} patience milliseconds
   * @param {(loudness: number, at: number) => boolean} wanted
   * @param {AbortSignal} [signal]
   * @returns {Promise<number>} when the wanted code was shown
   */
  #code(patience, wanted, signal) {
    return new Promise((resolve, reject) => {
      const late = () => reject(new LiveHeadError("server-failed", { detail: "no test pattern in the video" }));
      const timer = setTimeout(late, patience);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#seen = (loudness, at) => {
        if (!wanted(loudness, at)) return;
        clearTimeout(timer);
        this.#seen = () => {};
        resolve(at);
      };
    });
  }
}

/**
 * @param {AudioContext} context
 * @param {AudioNode} out
 * @returns {number} performance.now() of its first sample
 */
function play(context, out) {
  const tone = new OscillatorNode(context, { frequency: 1000 });
  const gain = new GainNode(context, { gain: 0.5 });
  tone.connect(gain).connect(out);
  const start = context.currentTime + 0.02 + 0.04 * Math.random();
  tone.start(start);
  tone.stop(start + BURST_S);
  return performance.now() + (start - context.currentTime) * 1000;
}

/**
 * @param {number[]} all
 * @param {number} missed
 * @param {import("./figures.js").Figures[]} figures of the time of the bursts
 * @returns {Measured}
 */
function summary(all, missed, figures) {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const server = mean(figures.map(({ delay }) => delay));
  const network = mean(figures.map(({ roundTrip }) => roundTrip));
  const rest = server === null ? null : Math.max(0, at(0.5) - server - (network ?? 0));
  return { p50: at(0.5), p95: at(0.95), all, missed, parts: { server, network, rest } };
}

/**
 * @param {(number | null)[]} values
 * @returns {number | null}
 */
function mean(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
