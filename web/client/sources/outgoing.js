import { audioContext } from "./audio-context.js";

/** A stream that is fed by Web Audio, and never pauses: without any input browsers send no packets at all. */
export class Outgoing {
  #keeper;
  #out;

  constructor() {
    const context = audioContext();
    this.#out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    this.#keeper = new ConstantSourceNode(context, { offset: 0 });
    this.#keeper.connect(this.#out);
    this.#keeper.start();
  }

  /** @returns {AudioNode} what is connected to it is sent */
  get node() {
    return this.#out;
  }

  get stream() {
    return this.#out.stream;
  }

  get track() {
    return this.#out.stream.getAudioTracks()[0];
  }

  close() {
    this.#keeper.stop();
    this.#keeper.disconnect();
    this.track.stop();
  }
}
