import { LiveHeadError } from "../errors.js";

/** @typedef {import("./source.js").Source} Source */

/**
 * A stream that belongs to the page: Web Audio, a conference, another call. It is never stopped here.
 *
 * @implements {Source}
 */
export class StreamSource {
  /** @type {"stream"} */
  kind = "stream";
  /** @type {Source["onlost"]} */
  onlost = null;

  /** @param {MediaStream} stream with at least one audio track */
  constructor(stream) {
    /** @type {MediaStream | null} */
    this.stream = stream;
  }

  get label() {
    return this.stream?.getAudioTracks()[0]?.label || "Stream";
  }

  /** @type {Source["open"]} */
  async open() {
    const track = this.stream?.getAudioTracks()[0];
    if (!track || track.readyState === "ended") {
      throw new LiveHeadError("microphone-failed", { detail: "the stream has no audio track that is live" });
    }
    return track;
  }

  begin() {}

  hold() {}

  close() {}
}
