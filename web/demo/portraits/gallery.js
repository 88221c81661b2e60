import { box, part } from "../page.js";

/**
 * @typedef {import("../../client/protocol.js").Avatar & {thumbnail?: string, own?: boolean}} Portrait
 */

/** Rows of portraits that were here last time: the page leaves room for them before it knows. */
const ROWS = "livehead-rows";
const COLUMNS = 6;

/** The portraits to choose from, as radio buttons with images; one's own can be renamed and deleted. */
export class Gallery {
  #faces = box("faces");
  #name = part("own-name", HTMLInputElement);
  #rename = part("own-rename", HTMLButtonElement);
  #delete = part("own-delete", HTMLButtonElement);
  #api;
  #on;
  /** @type {Portrait[]} */
  #portraits = [];
  /** Addresses of pictures that only their owner may see, by id. @type {Map<string, string>} */
  #pictures = new Map();
  #chosen = "default";
  #sure = false;

  /**
   * @param {import("../api.js").Api} api
   * @param {{choose: (portrait: Portrait) => void, changed: () => Promise<void>, gone: (id: string) => void, error: (thrown: unknown) => void}} on
   */
  constructor(api, on) {
    this.#api = api;
    this.#on = on;
    this.#rename.addEventListener("click", () => void this.#renameChosen());
    this.#name.addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), void this.#renameChosen()));
    this.#name.addEventListener("input", () => this.#showOwn());
    this.#delete.addEventListener("click", () => void this.#deleteChosen());
    this.#delete.addEventListener("blur", () => ((this.#sure = false), this.#showOwn()));
  }

  /** @returns {readonly Portrait[]} */
  get portraits() {
    return this.#portraits;
  }

  /**
   * @param {Portrait[]} portraits
   * @param {string} chosen id
   */
  show(portraits, chosen) {
    const same = JSON.stringify(portraits) === JSON.stringify(this.#portraits);
    this.#portraits = portraits;
    this.#chosen = chosen;
    if (!same) this.#faces.replaceChildren(...portraits.map((portrait) => this.#tile(portrait)));
    for (const input of this.#faces.querySelectorAll("input")) input.checked = input.value === chosen;
    const rows = String(Math.ceil(portraits.length / COLUMNS));
    document.documentElement.style.setProperty("--rows", rows);
    localStorage.setItem(ROWS, rows);
    this.#sure = false;
    this.#name.value = this.#own?.name ?? "";
    this.#showOwn();
  }

  get #own() {
    return this.#portraits.find(({ id, own }) => own && id === this.#chosen);
  }

  /** @param {Portrait} portrait */
  #tile(portrait) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "avatar";
    input.value = portrait.id;
    input.addEventListener("change", () => this.#on.choose(portrait));
    const image = new Image();
    image.alt = "";
    image.width = image.height = 96;
    image.decoding = "async";
    const path = `v1/avatars/${encodeURIComponent(portrait.id)}/${portrait.thumbnail ? "thumbnail" : "image"}`;
    void this.picture(portrait, path).then((address) => (image.src = address)).catch(() => {});
    const name = document.createElement("span");
    name.textContent = label.title = portrait.name;
    label.append(input, image, name);
    return label;
  }

  /**
   * The address of its small picture.
   *
   * @param {Portrait} portrait
   * @param {string} path
   */
  async picture({ id, own }, path) {
    const kept = this.#pictures.get(id);
    if (kept) return kept;
    const address = await this.#api.source(path, own ?? false);
    this.#pictures.set(id, address);
    return address;
  }

  #showOwn() {
    const own = this.#own;
    box("own").hidden = !own;
    this.#rename.disabled = !this.#name.value.trim() || this.#name.value.trim() === own?.name;
    this.#delete.textContent = this.#sure ? "Delete for good?" : "Delete";
  }

  async #renameChosen() {
    const own = this.#own;
    const name = this.#name.value.trim();
    if (!own || !name || name === own.name) return;
    const request = { method: "PATCH", body: JSON.stringify({ name }), headers: { "Content-Type": "application/json" } };
    await this.#do(() => this.#api.ask(`v1/avatars/${encodeURIComponent(own.id)}`, request));
  }

  async #deleteChosen() {
    const own = this.#own;
    if (!own) return;
    if (!this.#sure) {
      this.#sure = true;
      return this.#showOwn();
    }
    const gone = await this.#do(() => this.#api.ask(`v1/avatars/${encodeURIComponent(own.id)}`, { method: "DELETE" }), own.id);
    if (gone) this.#faces.querySelector("input")?.focus();
  }

  /**
   * @param {() => Promise<unknown>} request
   * @param {string} [gone] id of the portrait that is not there afterwards
   */
  async #do(request, gone) {
    try {
      await request();
      if (gone) {
        const picture = this.#pictures.get(gone);
        if (picture?.startsWith("blob:")) URL.revokeObjectURL(picture);
        this.#pictures.delete(gone);
        this.#on.gone(gone);
      }
      await this.#on.changed();
      return true;
    } catch (thrown) {
      this.#on.error(thrown);
      return false;
    }
  }
}
