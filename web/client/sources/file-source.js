import { audioContext } from "./audio-context.js";
import { LiveHeadError } from "../errors.js";
import { Outgoing } from "./outgoing.js";

/** @typedef {import("./source.js").Source} Source */

/**
 * An audio file, played into the call as if it were spoken. Fires `progress` while it plays, `ended` at its end.
 *
 * @implements {Source}
 */
export class FileSource extends EventTarget {
  /** @type {"file"} */
  kind = "file";
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {Source["onlost"]} */
  onlost = null;
  #element = new Audio();
  /** @type {MediaElementAudioSourceNode | null} */
  #node = null;
  /** @type {Outgoing | null} */
  #out = null;
  #url = "";
  #held = false;

  /** @param {Blob & {name?: string}} file anything the browser can play */
  constructor(file) {
    super();
    this.file = file;
    this.#element.preload = "auto";
    for (const name of ["timeupdate", "play", "pause", "seeked"]) {
      this.#element.addEventListener(name, () => this.dispatchEvent(new Event("progress")));
    }
    this.#element.addEventListener("ended", () => this.dispatchEvent(new Event("ended")));
  }

  get label() {
    return this.file.name ?? "Audio file";
  }

  /** Seconds; NaN until it was read. */
  get duration() {
    return this.#element.duration;
  }

  /** Seconds. */
  get position() {
    return this.#element.currentTime;
  }

  get playing() {
    return !this.#element.paused && !this.#element.ended;
  }

  get loop() {
    return this.#element.loop;
  }

  set loop(on) {
    this.#element.loop = on;
  }

  /**
   * Read the file's head, so that a bad file is told apart before a call is made.
   *
   * @returns {Promise<number>} its duration in seconds
   */
  check() {
    if (this.#url) return Promise.resolve(this.duration);
    this.#url = URL.createObjectURL(this.file);
    return new Promise((resolve, reject) => {
      const done = new AbortController();
      const once = { signal: done.signal };
      this.#element.addEventListener("loadedmetadata", () => (done.abort(), resolve(this.duration)), once);
      this.#element.addEventListener(
        "error",
        () => {
          done.abort();
          this.#forget();
          reject(new LiveHeadError("file-unreadable", { detail: this.#element.error?.message }));
        },
        once,
      );
      this.#element.src = this.#url;
    });
  }

  /** @type {Source["open"]} */
  async open() {
    await this.check();
    this.#node ??= audioContext().createMediaElementSource(this.#element);
    this.#out?.close();
    this.#out = new Outgoing();
    this.#node.connect(this.#out.node);
    this.stream = this.#out.stream;
    return this.#out.track;
  }

  /** @type {Source["begin"]} */
  begin(again) {
    if (!again) this.#element.currentTime = 0;
    if (!again || this.#held) void this.play();
    this.#held = false;
  }

  hold() {
    this.#held ||= this.playing;
    this.#element.pause();
  }

  /** Go on where it stands, or from the start when it is over. */
  async play() {
    await this.#element.play().catch((thrown) => {
      if (/** @type {Error} */ (thrown).name !== "AbortError") throw new LiveHeadError("file-unreadable", { cause: thrown });
    });
  }

  pause() {
    this.#element.pause();
  }

  close() {
    this.#element.pause();
    this.#node?.disconnect();
    this.#out?.close();
    this.#out = this.stream = null;
  }

  #forget() {
    URL.revokeObjectURL(this.#url);
    this.#url = "";
  }
}
