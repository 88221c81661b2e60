import { LiveHeadError, microphoneError } from "../errors.js";

/** @typedef {import("./source.js").Source} Source */

/**
 * A microphone of this device.
 *
 * @implements {Source}
 */
export class MicrophoneSource {
  /** @type {"microphone"} */
  kind = "microphone";
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {Source["onlost"]} */
  onlost = null;
  #opening = 0;

  /** @param {string} [deviceId] of enumerateDevices; the system's default when empty */
  constructor(deviceId = "") {
    this.deviceId = deviceId;
  }

  get label() {
    return this.stream?.getAudioTracks()[0]?.label || "Microphone";
  }

  /** @type {Source["open"]} */
  async open(processing) {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new LiveHeadError("insecure-origin");
    const opening = ++this.#opening;
    const wanted = { ...processing, channelCount: 1, ...(this.deviceId ? { deviceId: { exact: this.deviceId } } : {}) };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted }).catch((thrown) => {
      throw microphoneError(thrown);
    });
    if (opening !== this.#opening) {
      // Closed while the browser asked for permission: nobody wants the device any more.
      for (const track of stream.getTracks()) track.stop();
      throw new DOMException("closed while opening", "AbortError");
    }
    for (const old of this.stream?.getTracks() ?? []) old.stop();
    this.stream = stream;
    const [track] = stream.getAudioTracks();
    track.addEventListener("ended", () => this.onlost?.(new LiveHeadError("microphone-lost", { detail: track.label })));
    return track;
  }

  /** @type {NonNullable<Source["process"]>} */
  async process(processing) {
    const track = this.stream?.getAudioTracks()[0];
    await track?.applyConstraints({ ...processing, channelCount: 1 }).catch(() => {});
    if (!track || track.getSettings().echoCancellation === processing.echoCancellation) return null;
    track.stop(); // Chromium changes nothing while the microphone is open, by whatever track
    return this.open(processing);
  }

  begin() {}

  hold() {}

  close() {
    this.#opening++;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }
}

/**
 * The microphones of this device. Before the first permission browsers give neither names nor ids: then the list is
 * one nameless entry, or empty.
 *
 * @returns {Promise<MediaDeviceInfo[]>}
 */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  // Chromium lists the default device twice, once under the id "default".
  return devices.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "default" && deviceId !== "communications");
}
