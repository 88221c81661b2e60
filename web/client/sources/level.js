import { audioContext } from "./audio-context.js";

const FLOOR_DB = -60;

/** The loudness of a stream, for a meter. Costs nothing until it is read. */
export class Level {
  #source;
  #analyser;
  #samples;

  /** @param {MediaStream} stream with an audio track */
  constructor(stream) {
    const context = audioContext();
    this.#analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    this.#source.connect(this.#analyser);
  }

  /** @returns {number} the last 40 ms, 0 for −60 dBFS and under, 1 for full scale */
  read() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return loudness(Math.sqrt(sum / this.#samples.length));
  }

  close() {
    this.#source.disconnect();
  }
}

/**
 * @param {number} rms of samples in [-1, 1]
 * @returns {number} 0 for −60 dBFS and under, 1 for full scale
 */
export function loudness(rms) {
  const db = 20 * Math.log10(rms + 1e-9);
  return Math.min(1, Math.max(0, (db - FLOOR_DB) / -FLOOR_DB));
}
