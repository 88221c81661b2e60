/** Milliseconds between reports while the portrait speaks, or may speak. */
const SPEAKING_MS = 300;
/** The same while it is silent: the server only has to know that this viewer reports. */
const SILENT_MS = 1000;
/** No more than so many reports in a second. */
const MOST = 4;
/** What was received so long after the portrait fell silent shows it silent, where the browser does not say when. */
const TRANSIT_MS = 100;

/**
 * Tells the server which frame the video presented last, so that a backend learns how much of an utterance was really
 * seen. Browsers that do not tell the RTP timestamps of frames report nothing.
 */
export class ShownReporter {
  #video;
  #send;
  /** Of the next frame; 0 while nothing is watched. */
  #watch = 0;
  #interval = SPEAKING_MS;
  /** When the portrait fell silent, until a frame from after that was reported. @type {number | null} */
  #silentAt = null;
  /** When the last reports were sent, the newest last. @type {number[]} */
  #sent = [];

  /**
   * @param {HTMLVideoElement} video
   * @param {(message: {type: "shown", rtp: number}) => void} send
   */
  constructor(video, send) {
    this.#video = video;
    this.#send = send;
  }

  /** Watch the video from now on. Twice is once. */
  start() {
    if (this.#watch || !("requestVideoFrameCallback" in this.#video)) return;
    this.#interval = SPEAKING_MS;
    this.#silentAt = null;
    this.#sent = [];
    this.#next();
  }

  stop() {
    if (this.#watch) this.#video.cancelVideoFrameCallback(this.#watch);
    this.#watch = 0;
  }

  /**
   * The server says that the portrait begins or ceases to speak.
   *
   * @param {"speaking" | "silent"} state
   */
  follow(state) {
    this.#silentAt = state === "silent" ? performance.now() : null;
    this.#interval = state === "silent" ? SILENT_MS : SPEAKING_MS;
  }

  #next() {
    this.#watch = this.#video.requestVideoFrameCallback((now, frame) => {
      this.#next();
      this.#look(now, frame);
    });
  }

  /**
   * @param {number} now
   * @param {VideoFrameCallbackMetadata} frame
   */
  #look(now, { rtpTimestamp, receiveTime, presentationTime }) {
    if (rtpTimestamp === undefined) return;
    const last = this.#sent.at(-1) ?? -Infinity;
    // The portrait is at rest: the server waits for just this to tell how far it came.
    const atRest = this.#silentAt !== null && (receiveTime ?? presentationTime - TRANSIT_MS) >= this.#silentAt;
    if (!atRest && now - last < this.#interval) return;
    if (this.#sent.length === MOST && now - this.#sent[0] < 1000) return;
    if (this.#sent.length === MOST) this.#sent.shift();
    this.#sent.push(now);
    if (atRest) this.#silentAt = null;
    this.#send({ type: "shown", rtp: rtpTimestamp });
  }
}
