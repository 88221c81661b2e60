import { FileSource, MicrophoneSource, NoSource, microphones } from "../client/index.js";
import { box, part } from "./page.js";

/** @typedef {import("../client/sources/source.js").Source} Source */

/** The source picker: a microphone of this device, a file, or text that the server reads aloud. */
export class Sources {
  #device = part("device", HTMLSelectElement);
  #input = part("file", HTMLInputElement);
  #loop = part("loop", HTMLInputElement);
  #drop = box("drop");
  /** @type {FileSource | null} */
  #file = null;
  #microphone = new MicrophoneSource();
  #nothing = new NoSource();
  /** Whether the server reads text aloud; null while that is not known. @type {boolean | null} */
  #speaks = null;

  /**
   * @param {{choose: (source: Source) => void, error: (error: unknown) => void, progress: () => void,
   *   picture: (picture: File) => void}} on picture: one was dropped
   */
  constructor(on) {
    this.#on = on;
    for (const radio of this.#radios()) radio.addEventListener("change", () => this.#kindChanged());
    this.#device.addEventListener("change", () => this.#useMicrophone(this.#device.value));
    this.#input.addEventListener("change", () => void this.#take(this.#input.files?.[0]));
    this.#loop.addEventListener("change", () => this.#file && (this.#file.loop = this.#loop.checked));
    this.#allowDrops();
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.list());
    void this.list();
  }

  #on;

  get kind() {
    return /** @type {"microphone" | "file" | "text"} */ (this.#radios().find(({ checked }) => checked)?.value ?? "microphone");
  }

  /** What would be spoken with now; null when a file is yet to be chosen. @returns {Source | null} */
  get chosen() {
    if (this.kind === "text") return this.#nothing;
    return this.kind === "file" ? this.#file : this.#microphone;
  }

  /** @param {"microphone" | "file" | "text"} kind */
  choose(kind) {
    for (const radio of this.#radios()) radio.checked = radio.value === kind;
    this.#kindChanged();
  }

  /** @param {boolean} on whether the server reads text aloud */
  set speaks(on) {
    this.#speaks = on;
    this.#showText();
  }

  #showText() {
    box("pane-text").hidden = this.kind !== "text" || this.#speaks === false;
    box("text-words").hidden = this.kind !== "text" || this.#speaks !== false;
  }

  /** Show the file side, as an alternative to a microphone that cannot be used. */
  askForFile() {
    this.choose("file");
    this.#input.focus();
    this.#input.click();
  }

  /** Fill the list of microphones; browsers tell their names after the first permission only. */
  async list() {
    const devices = (await microphones()).filter(({ deviceId }) => deviceId);
    const first = new Option("Default microphone", "");
    this.#device.replaceChildren(first, ...devices.map(({ label, deviceId }, index) => new Option(label || `Microphone ${index + 1}`, deviceId)));
    this.#device.value = devices.some(({ deviceId }) => deviceId === this.#microphone.deviceId) ? this.#microphone.deviceId : "";
  }

  #radios() {
    return /** @type {HTMLInputElement[]} */ ([...box("kinds").querySelectorAll("input")]);
  }

  #kindChanged() {
    box("pane-microphone").hidden = this.kind !== "microphone";
    box("pane-file").hidden = this.kind !== "file";
    this.#showText();
    if (this.chosen) this.#on.choose(this.chosen);
    else this.#on.progress();
  }

  /** @param {string} deviceId */
  #useMicrophone(deviceId) {
    this.#microphone.close();
    this.#microphone = new MicrophoneSource(deviceId);
    this.#on.choose(this.#microphone);
  }

  /** @param {File | undefined} given */
  async #take(given) {
    if (!given) return;
    const file = new FileSource(given);
    try {
      await file.check();
    } catch (thrown) {
      this.#input.value = "";
      this.#on.error(thrown);
      return;
    }
    file.loop = this.#loop.checked;
    file.addEventListener("progress", () => (this.#describe(file), this.#on.progress()));
    file.addEventListener("ended", () => this.#on.progress());
    this.#file = file;
    this.#drop.dataset.chosen = "";
    this.#describe(file);
    this.#on.choose(file);
  }

  /** @param {FileSource} file */
  #describe(file) {
    const name = document.createElement("b");
    name.textContent = file.label;
    box("file-text").replaceChildren(name);
    const length = Number.isFinite(file.duration) ? clock(file.duration) : "";
    box("file-hint").textContent = file.playing ? `${clock(file.position)} of ${length}` : `${length} · choose another`;
  }

  #allowDrops() {
    for (const target of [this.#drop, box("stage"), box("portraits")]) {
      target.addEventListener("dragover", (event) => {
        event.preventDefault();
        target.dataset.over = "";
      });
      target.addEventListener("dragleave", () => delete target.dataset.over);
      target.addEventListener("drop", (event) => {
        event.preventDefault();
        delete target.dataset.over;
        const file = event.dataTransfer?.files[0];
        if (!file) return;
        if (file.type.startsWith("image/") || target.id === "portraits") return this.#on.picture(file);
        this.choose("file");
        void this.#take(file);
      });
    }
  }
}

/**
 * @param {number} seconds
 * @returns {string}
 */
function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
