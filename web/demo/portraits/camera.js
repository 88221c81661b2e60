import { LiveHeadError } from "../../client/errors.js";
import { box, calm, part } from "../page.js";

/** @typedef {import("../../client/errors.js").Code} Code */

const COUNT = 3;
const BEAT_MS = 650;

/** @type {Readonly<Record<string, Code>>} the names that getUserMedia throws */
const codes = Object.freeze({
  NotAllowedError: "camera-denied",
  SecurityError: "camera-denied",
  NotFoundError: "camera-missing",
  OverconstrainedError: "camera-missing",
});

/** A camera of this device, seen as in a mirror, and a picture of what it sees, which is not mirrored. */
export class Camera {
  #video = part("camera-video", HTMLVideoElement);
  /** @type {MediaStream | null} */
  #stream = null;
  #opening = 0;

  /** Rejects with a {@link LiveHeadError}, and with an AbortError when it was closed meanwhile. */
  async open() {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new LiveHeadError("camera-insecure");
    const opening = ++this.#opening;
    const wanted = { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wanted }).catch((thrown) => {
      throw new LiveHeadError(codes[thrown.name] ?? "camera-failed", { detail: String(thrown), cause: thrown });
    });
    if (opening !== this.#opening) {
      for (const track of stream.getTracks()) track.stop();
      throw new DOMException("closed while opening", "AbortError");
    }
    this.#stream = stream;
    this.#video.srcObject = stream;
    await this.#video.play().catch(() => {});
  }

  /**
   * Count down, then take the picture.
   *
   * @returns {Promise<File>}
   */
  async shoot() {
    const opening = this.#opening;
    const count = box("camera-count");
    for (let left = COUNT; left > 0; left--) {
      count.textContent = String(left);
      await new Promise((done) => setTimeout(done, BEAT_MS));
      if (opening !== this.#opening) throw new DOMException("closed", "AbortError");
    }
    count.textContent = "";
    const { videoWidth: width, videoHeight: height } = this.#video;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d")?.drawImage(this.#video, 0, 0);
    if (!calm.matches) box("camera").animate([{ filter: "brightness(2.2)" }, { filter: "none" }], 250);
    const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ done) => canvas.toBlob(done, "image/jpeg", 0.93));
    if (!blob) throw new LiveHeadError("camera-failed", { detail: `no picture of ${width} × ${height}` });
    return new File([blob], "me.jpg", { type: blob.type });
  }

  /** May be called twice. */
  close() {
    this.#opening++;
    box("camera-count").textContent = "";
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = this.#video.srcObject = null;
  }
}
