import { FileSource } from "./file-source.js";
import { MicrophoneSource } from "./microphone-source.js";
import { StreamSource } from "./stream-source.js";

/** @typedef {import("./source.js").Source} Source */

/**
 * What a page means by a source.
 *
 * @param {Source | MediaStream | Blob | string} given a string is a microphone's id
 * @returns {Source}
 */
export function sourceOf(given) {
  if (typeof given === "string") return new MicrophoneSource(given);
  if (given instanceof Blob) return new FileSource(given);
  if (given instanceof MediaStream) return new StreamSource(given);
  return given;
}
