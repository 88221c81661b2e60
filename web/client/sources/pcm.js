import { LiveHeadError } from "../errors.js";

/** @typedef {ArrayBuffer | Int16Array | Float32Array | AudioBuffer | Blob} Audio */

/** Samples a second of what is sent to the server. */
export const RATE = 24_000;

/**
 * Audio of any kind as PCM: 16 bit, mono, {@link RATE}.
 *
 * @param {Audio} audio samples in [-1, 1] or 16 bit, mono; an AudioBuffer; an audio file that the browser can play. An
 *   ArrayBuffer or Blob is raw PCM, 16 bit little-endian mono, where a rate is given, and else a file
 * @param {number} [rate] in Hz, of samples without one of their own
 * @returns {Promise<Int16Array>} rejects with a {@link LiveHeadError}
 */
export async function pcm(audio, rate) {
  if (audio instanceof Blob) return pcm(await audio.arrayBuffer(), rate);
  if (audio instanceof AudioBuffer) return int16(await render(audio));
  if (audio instanceof ArrayBuffer) return rate ? pcm(samplesOf(audio), rate) : int16(await render(await decode(audio)));
  if (!rate) throw new TypeError("Say the rate of the samples: say(samples, { rate: 24000 }).");
  if (audio instanceof Int16Array && rate === RATE) return audio;
  if (!audio.length) return new Int16Array(0);
  const buffer = new AudioBuffer({ length: audio.length, numberOfChannels: 1, sampleRate: rate });
  buffer.copyToChannel(audio instanceof Float32Array ? new Float32Array(audio) : Float32Array.from(audio, (sample) => sample / 32768), 0);
  return int16(await render(buffer));
}

/** @param {ArrayBuffer} bytes */
function samplesOf(bytes) {
  const view = new DataView(bytes);
  return Int16Array.from({ length: bytes.byteLength >> 1 }, (_, index) => view.getInt16(index * 2, true));
}

/** @param {ArrayBuffer} file */
async function decode(file) {
  return new OfflineAudioContext(1, 1, RATE).decodeAudioData(file.slice(0)).catch((thrown) => {
    throw new LiveHeadError("file-unreadable", { cause: thrown, detail: String(thrown) });
  });
}

/**
 * @param {AudioBuffer} buffer
 * @returns {Promise<Float32Array>} mono, at {@link RATE}
 */
async function render(buffer) {
  if (buffer.numberOfChannels === 1 && buffer.sampleRate === RATE) return buffer.getChannelData(0);
  const context = new OfflineAudioContext(1, Math.max(1, Math.round(buffer.duration * RATE)), RATE);
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

/** @param {Float32Array} samples */
function int16(samples) {
  return Int16Array.from(samples, (sample) => Math.round(Math.min(1, Math.max(-1, sample)) * 32767));
}
