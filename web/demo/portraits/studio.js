import { LiveHeadError, asError } from "../../client/errors.js";
import { box, part } from "../page.js";
import { Camera } from "./camera.js";
import { Cropper } from "./cropper.js";
import { uploadWords } from "./words.js";

/** @typedef {import("./gallery.js").Portrait} Portrait */
/** @typedef {{score: number, reasons: {code: string, message: string, remedy: string}[]}} Check */
/** @typedef {{max: number, max_bytes: number, max_pixels: number, consent: string}} Limits */
/** @typedef {"camera" | "checking" | "crop" | "failed" | "saving"} Step */

const TYPES = new Set(["image/jpeg", "image/png", "image/webp"]);
/** From here on there is nothing worth changing. */
const GOOD = 0.75;

/** The dialog in which a picture becomes a portrait: camera or file, check, crop, consent, upload. */
export class Studio {
  #dialog = part("studio", HTMLDialogElement);
  #consent = part("consent", HTMLInputElement);
  #name = part("studio-name", HTMLInputElement);
  #keep = part("keep", HTMLButtonElement);
  #upload = part("upload", HTMLInputElement);
  #camera = new Camera();
  #cropper = new Cropper(() => void this.#check());
  #api;
  #made;
  /** @type {Limits | null} */
  #limits = null;
  /** @type {File | null} */
  #picture = null;
  #url = "";
  #fromCamera = false;
  /** Rises with each picture and each check: what an older one answers is dropped. */
  #round = 0;
  /** Whether there is a face to be animated. */
  #face = false;

  /**
   * @param {import("../api.js").Api} api
   * @param {(portrait: Portrait) => void} made
   */
  constructor(api, made) {
    this.#api = api;
    this.#made = made;
    box("selfie").addEventListener("click", () => void this.useCamera());
    this.#upload.addEventListener("change", () => {
      const [file] = this.#upload.files ?? [];
      this.#upload.value = "";
      if (file) void this.usePicture(file);
    });
    box("shoot").addEventListener("click", () => void this.#shoot());
    box("another").addEventListener("click", () => (this.#fromCamera ? void this.useCamera() : this.#upload.click()));
    box("studio-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#clear());
    this.#consent.addEventListener("change", () => this.#showKeep());
    this.#name.addEventListener("input", () => this.#showKeep());
    box("studio-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save();
    });
    document.addEventListener("paste", (event) => this.#paste(event));
  }

  /** @param {Limits | undefined} limits of the server; undefined where it takes no portraits */
  set limits(limits) {
    this.#limits = limits ?? null;
    if (limits?.consent) box("statement").textContent = limits.consent;
  }

  /** Whether the server takes portraits. */
  get usable() {
    return (this.#limits?.max ?? 0) > 0;
  }

  async useCamera() {
    this.#begin("camera");
    this.#fromCamera = true;
    box("another").textContent = "Another picture";
    try {
      await this.#camera.open();
      part("shoot", HTMLButtonElement).disabled = false;
      box("shoot").focus();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** @param {File} picture */
  async usePicture(picture) {
    this.#begin("checking");
    this.#fromCamera = false;
    await this.#take(picture);
  }

  /** @param {Step} step */
  #begin(step) {
    this.#round++;
    this.#camera.close();
    this.#forget();
    this.#consent.checked = false;
    box("studio-error").hidden = true;
    box("verdict").replaceChildren();
    this.#show(step);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  async #shoot() {
    part("shoot", HTMLButtonElement).disabled = true;
    try {
      const picture = await this.#camera.shoot();
      this.#camera.close();
      this.#show("checking");
      await this.#take(picture);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** @param {File} picture */
  async #take(picture) {
    try {
      if (picture.type && !TYPES.has(picture.type)) throw new LiveHeadError("unsupported-type", { detail: picture.type });
      if (this.#limits && picture.size > this.#limits.max_bytes) throw new LiveHeadError("too-large", { detail: `${picture.size} bytes` });
      this.#picture = picture;
      this.#url = URL.createObjectURL(picture);
      const name = picture.name.replace(/\.[a-z]+$/i, "").slice(0, 60);
      this.#name.value = this.#fromCamera ? "Me" : name;
      await this.#check(true);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /**
   * Ask the server what it thinks of the picture, or of the part that is shown.
   *
   * @param {boolean} [first] then it finds the best part itself
   */
  async #check(first = false) {
    const picture = this.#picture;
    if (!picture) return;
    const round = ++this.#round;
    const form = new FormData();
    form.set("image", picture);
    if (!first) form.set("crop", JSON.stringify(this.#cropper.square));
    say(box("verdict"), "Looking at the picture…");
    this.#face = false;
    this.#showKeep();
    try {
      /** @type {{check: Check, crop: import("./crop.js").Square | null}} */
      const found = await this.#api.json("v1/avatars/check", { method: "POST", body: form });
      if (round !== this.#round) return;
      if (first) {
        this.#show("crop");
        await this.#cropper.load(this.#url);
        if (found.crop) this.#cropper.show(found.crop);
        box("crop").focus();
      }
      this.#face = !found.check.reasons.some(({ code }) => code === "no-face");
      box("terms").hidden = !this.#face;
      showVerdict(found.check);
      this.#showKeep();
    } catch (thrown) {
      if (round !== this.#round) return;
      const error = asError(thrown);
      // Too many looks at one picture: it is looked at again when it is uploaded.
      if (!first && error.code === "rate-limit") {
        this.#face = true;
        box("terms").hidden = false;
        box("verdict").replaceChildren();
        return this.#showKeep();
      }
      this.#fail(thrown);
    }
  }

  async #save() {
    const picture = this.#picture;
    if (!picture || this.#keep.disabled) return;
    this.#round++;
    const form = new FormData();
    form.set("image", picture);
    form.set("name", this.#name.value.trim());
    form.set("consent", "yes");
    form.set("crop", JSON.stringify(this.#cropper.square));
    box("studio-error").hidden = true;
    this.#show("saving");
    try {
      const portrait = await this.#api.json("v1/avatars", { method: "POST", body: form });
      this.#dialog.close();
      this.#made(portrait);
    } catch (thrown) {
      this.#show("crop");
      this.#complain(thrown);
    }
  }

  /** @param {unknown} thrown it cannot go on with this picture */
  #fail(thrown) {
    if (/** @type {Error} */ (thrown).name === "AbortError") return;
    this.#camera.close();
    this.#show("failed");
    box("verdict").replaceChildren();
    this.#complain(thrown);
    box("another").textContent = this.#fromCamera ? "Try again" : "Choose another picture";
    box("another").className = "solid";
    box("another").focus();
  }

  /** @param {unknown} thrown */
  #complain(thrown) {
    const error = asError(thrown);
    const { title, remedy } = uploadWords(error);
    box("studio-error").dataset.code = error.code;
    box("studio-error-title").textContent = title;
    box("studio-error-remedy").textContent = remedy;
    box("studio-error").hidden = false;
  }

  /** @param {Step} step */
  #show(step) {
    const there = (/** @type {string} */ id, /** @type {boolean} */ on) => (box(id).hidden = !on);
    const cropping = step === "crop" || step === "saving";
    this.#dialog.dataset.step = step;
    there("camera", step === "camera");
    there("camera-tools", step === "camera");
    there("camera-words", step === "camera");
    there("crop", cropping);
    there("crop-tools", cropping);
    there("keep", cropping);
    there("terms", cropping && this.#face);
    there("studio-wait", step === "checking");
    there("another", step === "crop" || step === "failed");
    box("another").className = "plain";
    if (step === "camera") part("shoot", HTMLButtonElement).disabled = true;
    if (step === "crop") box("another").textContent = this.#fromCamera ? "Take another" : "Another picture";
    box("studio-title").textContent = step === "camera" ? "Use my face" : "Your portrait";
    this.#keep.textContent = step === "saving" ? "Saving…" : "Use this portrait";
    this.#showKeep();
  }

  #showKeep() {
    this.#keep.disabled = this.#dialog.dataset.step !== "crop" || !this.#face || !this.#consent.checked || !this.#name.value.trim();
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    const picture = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!picture || !this.usable) return;
    event.preventDefault();
    void this.usePicture(picture);
  }

  #clear() {
    this.#round++;
    this.#camera.close();
    this.#forget();
  }

  #forget() {
    this.#picture = null;
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    part("crop-image", HTMLImageElement).removeAttribute("src");
  }
}

/** @param {Check} check */
function showVerdict({ score, reasons }) {
  const verdict = box("verdict");
  if (!reasons.length) return say(verdict, "This will make a good portrait.", "good");
  const faceless = reasons.some(({ code }) => code === "no-face");
  if (faceless) say(verdict, "This cannot be a portrait:", "poor");
  else say(verdict, score >= GOOD ? "It will do. It could be better:" : "This may not look well:", score >= GOOD ? "" : "poor");
  const list = document.createElement("ul");
  for (const { code, message, remedy } of reasons) {
    const item = document.createElement("li");
    item.dataset.code = code;
    const what = document.createElement("b");
    what.textContent = message;
    item.append(what, ` ${remedy}`);
    list.append(item);
  }
  verdict.append(list);
}

/**
 * @param {HTMLElement} place
 * @param {string} words
 * @param {string} [kind]
 */
function say(place, words, kind = "") {
  const text = document.createElement("p");
  text.textContent = words;
  if (kind) text.dataset.kind = kind;
  place.replaceChildren(text);
}
