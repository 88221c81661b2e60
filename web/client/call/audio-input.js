import { LiveHeadError, asError } from "../errors.js";

/** @typedef {import("../sources/source.js").Source} Source */

/** What the session sends: one source at a time, which may be changed for another while a call is up. */
export class AudioInput {
  /** @type {Source | null} */
  #source = null;
  /** The source that was asked for last, while it opens. @type {Source | null} */
  #wanted = null;
  #begun = false;
  #muted = false;
  /** Sent in the place of the source's own track. @type {MediaStreamTrack | null} */
  substitute = null;
  /** Whether the portrait is heard in the room. */
  echo = false;

  /** @param {(error: LiveHeadError) => void} lost the source that is in use went away */
  constructor(lost) {
    this.#lost = lost;
  }

  #lost;

  get source() {
    return this.#source;
  }

  /** What is sent; undefined for nothing. */
  get track() {
    return this.substitute ?? this.#source?.stream?.getAudioTracks()[0];
  }

  /** @param {Source} source rejects with a {@link LiveHeadError} where it does not open */
  async open(source) {
    this.#source = this.#wanted = source;
    this.#begun = false;
    await this.#open(source);
  }

  /**
   * Change to another source, where that opens.
   *
   * @param {Source} source
   * @param {(track: MediaStreamTrack | null) => Promise<void> | undefined} send
   * @returns {Promise<LiveHeadError | null>} why the old one stays; null as well where another was asked for meanwhile
   */
  async change(source, send) {
    this.#wanted = source;
    /** @type {MediaStreamTrack | null} */
    let track;
    try {
      track = await this.#open(source);
    } catch (thrown) {
      return this.#wanted === source ? asError(thrown) : null;
    }
    if (this.#wanted !== source) {
      source.close();
      return null;
    }
    this.#source?.close();
    this.#source = source;
    this.#begun = false;
    await send(track);
    return null;
  }

  /**
   * Whether the portrait is heard, from now on.
   *
   * @param {boolean} on
   * @param {(track: MediaStreamTrack | null) => Promise<void> | undefined} send
   */
  async setEcho(on, send) {
    this.echo = on;
    const source = this.#source;
    if (!on || !source?.stream || !source.process) return; // cancelling goes on where it was needed before
    /** @type {MediaStreamTrack | null} */
    let track;
    try {
      track = await source.process(this.#processing);
    } catch (thrown) {
      if (source.stream && source === this.#source) this.#lost(asError(thrown)); // else it was closed meanwhile
      return;
    }
    if (!track || source !== this.#source) return;
    this.#silence(source);
    await send(track);
  }

  get muted() {
    return this.#muted;
  }

  /** Silence is sent instead of what the source gives. */
  set muted(on) {
    this.#muted = on;
    for (const track of this.#source?.stream?.getAudioTracks() ?? []) track.enabled = !on;
  }

  /** The portrait is there. */
  begin() {
    this.#source?.begin(this.#begun);
    this.#begun = true;
  }

  /** The connection was lost. */
  hold() {
    this.#source?.hold();
  }

  close() {
    this.#wanted = null;
    this.#source?.close();
  }

  get #processing() {
    // Without the portrait's voice in the room there is no echo to cancel, and cancelling costs quality.
    return { echoCancellation: this.echo, noiseSuppression: true, autoGainControl: true };
  }

  /** @param {Source} source */
  async #open(source) {
    source.onlost = (error) => source === this.#source && this.#lost(error);
    const track = await source.open(this.#processing);
    this.#silence(source);
    return track;
  }

  /** @param {Source} source */
  #silence(source) {
    for (const track of (this.#muted && source.stream?.getAudioTracks()) || []) track.enabled = false;
  }
}
