import { box } from "../page.js";

/** @typedef {import("../../client/protocol.js").Avatar} Avatar */

const PLAIN = [
  ["#f4f1ec", "White"],
  ["#39424e", "Slate"],
  ["#00b140", "Green, for keying"],
];

/** What is behind the portrait: its own background, a colour, blur, another picture, or nothing. */
export class Looks {
  #swatches = box("swatches");
  #changed;
  /** @type {readonly string[]} */
  #kinds = [];
  /** Ids of avatars. @type {ReadonlySet<string>} */
  #pictures = new Set();
  #value = "keep";

  /** @param {(background: string) => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** `keep`, `blur`, `transparent`, a colour, or the id of an avatar. */
  get value() {
    return this.#value;
  }

  /**
   * @param {readonly string[]} kinds that the engine can do
   * @param {readonly Avatar[]} pictures to put behind
   */
  show(kinds, pictures) {
    const able = kinds.filter((kind) => kind !== "keep");
    const key = JSON.stringify([kinds, pictures.map(({ id, name }) => [id, name])]);
    if (this.#swatches.dataset.key === key) return;
    this.#swatches.dataset.key = key;
    this.#kinds = kinds;
    this.#pictures = new Set(pictures.map(({ id }) => id));
    this.#swatches.replaceChildren(this.#swatch("keep", "As it is"));
    if (able.includes("blur")) this.#swatches.append(this.#swatch("blur", "Blurred"));
    if (able.includes("colour")) {
      for (const [colour, name] of PLAIN) this.#swatches.append(this.#swatch(colour, name));
      this.#swatches.append(this.#colour());
    }
    if (able.includes("transparent")) this.#swatches.append(this.#swatch("transparent", "Transparent"));
    if (able.includes("picture")) this.#swatches.append(this.#picture(pictures));
    const words = box("look-words");
    words.hidden = able.length > 0;
    words.textContent = kinds.length ? "This engine keeps the portrait's own background." : "The server tells what it can do when the engine is ready.";
    if (this.#value !== "keep") this.choose(this.#value);
  }

  /** @param {string} background as the server takes it; what is not there leaves the portrait as it is */
  choose(background) {
    if (this.#kinds.length && !this.#able(background)) background = "keep";
    const kind = kindOf(background);
    this.#value = background;
    let named = "";
    for (const input of this.#swatches.querySelectorAll("input[type=radio]")) {
      const radio = /** @type {HTMLInputElement} */ (input);
      radio.checked = radio.value === background;
      if (radio.checked) named = radio.parentElement?.title ?? "";
    }
    this.#swatches.querySelector("[data-kind=choose]")?.toggleAttribute("data-on", kind === "colour" && !named);
    const select = this.#swatches.querySelector("select");
    if (select) select.value = kind === "picture" ? background : "";
    if (kind === "picture") named = select?.selectedOptions[0]?.textContent ?? "A picture";
    box("look-value").textContent = named || (kind === "colour" ? background : "As it is");
    this.#changed(background);
  }

  /** @param {string} background */
  #able(background) {
    const kind = kindOf(background);
    if (kind === "colour" && !/^#[0-9a-f]{6}$/i.test(background)) return false;
    return this.#kinds.includes(kind) && (kind !== "picture" || this.#pictures.has(background));
  }

  /**
   * @param {string} value
   * @param {string} name
   */
  #swatch(value, name) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "look";
    input.value = value;
    input.checked = value === this.#value;
    input.setAttribute("aria-label", name);
    input.addEventListener("change", () => this.choose(value));
    const dot = document.createElement("i");
    label.title = name;
    label.dataset.kind = value.startsWith("#") ? "colour" : value;
    if (value.startsWith("#")) dot.style.background = value;
    label.append(input, dot);
    return label;
  }

  #colour() {
    const label = document.createElement("label");
    label.dataset.kind = "choose";
    label.title = "Another colour";
    const input = document.createElement("input");
    input.type = "color";
    input.value = "#c9b8a6";
    input.setAttribute("aria-label", "Another colour");
    input.addEventListener("change", () => this.choose(input.value));
    label.append(input, document.createElement("i"));
    return label;
  }

  /** @param {readonly Avatar[]} pictures */
  #picture(pictures) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", "Picture behind");
    select.append(new Option("A picture…", ""), ...pictures.map(({ id, name }) => new Option(`${name}'s picture`, id)));
    select.addEventListener("change", () => this.choose(select.value || "keep"));
    return select;
  }
}

/** @param {string} background */
function kindOf(background) {
  if (background.startsWith("#")) return "colour";
  return ["keep", "blur", "transparent"].includes(background) ? background : "picture";
}
