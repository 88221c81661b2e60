import { FileSource, LiveEvent } from "../client/index.js";

/** @typedef {import("../client/element/live-head.js").LiveHead} LiveHead */

const SAMPLE = "sample.mp3";
/** The mouth closes before the call ends. */
const REST_MS = 900;

/** The portrait says a sample of speech: sound and picture after one click, before any microphone. */
export class Sample {
  #live;
  #on;
  /** @type {FileSource | null} */
  #source = null;
  #timer = 0;
  playing = false;

  /**
   * @param {LiveHead} live
   * @param {{begin: () => void, progress: () => void, end: () => void, error: (thrown: unknown) => void}} on
   *   begin: the sample is the source now; end: it is over, or was stopped
   */
  constructor(live, on) {
    this.#live = live;
    this.#on = on;
    live.addEventListener(LiveEvent.STATE, () => {
      if (this.playing && !live.active) this.#over();
    });
  }

  async play() {
    if (this.playing || this.#live.active) return;
    this.playing = true;
    try {
      this.#source ??= await this.#fetch();
      if (!this.playing) return;
      this.#live.source = this.#source;
      this.#on.begin();
      await this.#live.start();
    } catch (thrown) {
      const stopped = /** @type {Error} */ (thrown).name === "AbortError";
      this.#over();
      if (!stopped && !this.#live.error) this.#on.error(thrown);
    }
  }

  /** Whether this is what is spoken now. */
  get current() {
    return this.playing && this.#live.source === this.#source;
  }

  async #fetch() {
    const answer = await fetch(SAMPLE);
    if (!answer.ok) throw new Error(`${SAMPLE}: ${answer.status}`);
    const source = new FileSource(new File([await answer.blob()], "a sample"));
    source.addEventListener("progress", () => this.#on.progress());
    source.addEventListener("ended", () => {
      clearTimeout(this.#timer);
      if (this.current) this.#timer = window.setTimeout(() => this.current && this.#live.stop(), REST_MS);
    });
    return source;
  }

  #over() {
    if (!this.playing) return;
    clearTimeout(this.#timer);
    this.playing = false;
    this.#on.end();
  }
}
