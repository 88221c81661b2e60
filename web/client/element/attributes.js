import { Attribute } from "./vocabulary.js";

/** @typedef {import("../protocol.js").Latency} Latency */
/** @typedef {import("../protocol.js").Mode} Mode */
/** @typedef {import("../protocol.js").RecordMode} RecordMode */

/** Where there is no DOM, on a server that renders pages, the modules are to be imported all the same. */
const Base = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

const properties = Object.freeze([...Object.values(Attribute), "server", "microphoneMuted"]);

/**
 * The attributes of `<live-head>` as properties. Frameworks set either: a property takes what its attribute does, and
 * null or undefined removes it.
 */
export class Attributes extends Base {
  /** Address of the server; this page's own when empty. @returns {string} */
  get src() {
    return this.getAttribute(Attribute.SRC) ?? "";
  }

  /** @param {string | null | undefined} url */
  set src(url) {
    this.#set(Attribute.SRC, url);
  }

  /** @returns {string} */
  get avatar() {
    return this.getAttribute(Attribute.AVATAR) || "default";
  }

  /** @param {string | null | undefined} id */
  set avatar(id) {
    this.#set(Attribute.AVATAR, id);
  }

  /** @returns {Latency | undefined} the server's default when undefined */
  get latency() {
    return /** @type {Latency | null} */ (this.getAttribute(Attribute.LATENCY)) || undefined;
  }

  /** @param {Latency | null | undefined} preset */
  set latency(preset) {
    this.#set(Attribute.LATENCY, preset);
  }

  /** @returns {string | null} id of a session that is joined as a viewer; null where the call has one of its own */
  get session() {
    return this.getAttribute(Attribute.SESSION) || null;
  }

  /** @param {string | null | undefined} id */
  set session(id) {
    this.#set(Attribute.SESSION, id);
  }

  /** Where the portrait's speech comes from: this element, or a backend. @returns {Mode} */
  get mode() {
    return this.session || this.getAttribute(Attribute.SOURCE) === "push" ? "push" : "mic";
  }

  /** Whether the microphone is sent where the portrait does not speak what it hears: for a backend that listens. @returns {boolean} */
  get microphone() {
    return this.hasAttribute(Attribute.MICROPHONE);
  }

  /** @param {boolean | string | null | undefined} on */
  set microphone(on) {
    this.toggleAttribute(Attribute.MICROPHONE, truth(on));
  }

  /** Whether the portrait's audio is sent here. By default where a backend speaks. @returns {boolean} */
  get voice() {
    const given = this.getAttribute(Attribute.VOICE);
    return given === null ? this.mode === "push" : truth(given);
  }

  /** @param {boolean | "on" | "off" | null | undefined} on */
  set voice(on) {
    this.#set(Attribute.VOICE, on === null || on === undefined ? null : truth(on) ? "on" : "off");
  }

  /** @returns {boolean} */
  get muted() {
    return this.hasAttribute(Attribute.MUTED);
  }

  /** @param {boolean | string | null | undefined} on */
  set muted(on) {
    this.toggleAttribute(Attribute.MUTED, truth(on));
  }

  /** @returns {number | null} */
  get seed() {
    const seed = this.getAttribute(Attribute.SEED);
    return seed === null || seed === "" ? null : Number(seed);
  }

  /** @param {number | string | null | undefined} seed */
  set seed(seed) {
    this.#set(Attribute.SEED, seed);
  }

  /**
   * What is behind the portrait: `keep`, `blur`, `transparent`, a colour as `#rrggbb`, or the id of an avatar; null for
   * the server's default. The attribute takes the object of the protocol, too. @returns {string | null}
   */
  get look() {
    const given = this.getAttribute(Attribute.LOOK) || null;
    try {
      return given?.startsWith("{") ? JSON.parse(given).background ?? null : given;
    } catch {
      return null;
    }
  }

  /** @param {string | {background: string} | null | undefined} look */
  set look(look) {
    this.#set(Attribute.LOOK, typeof look === "object" ? look?.background : look);
  }

  /** What the server keeps of the next call. The attribute without a value is a film. @returns {RecordMode} */
  get record() {
    const given = this.getAttribute(Attribute.RECORD);
    if (given === "replay") return given;
    return truth(given) && given !== "0" ? "film" : "off";
  }

  /** @param {RecordMode | boolean | null | undefined} mode */
  set record(mode) {
    if (mode === "replay") this.setAttribute(Attribute.RECORD, mode);
    else this.#set(Attribute.RECORD, truth(mode) ? "film" : null);
  }

  /** Whether a call that is lost is made again. @returns {boolean} */
  get reconnect() {
    const given = this.getAttribute(Attribute.RECONNECT);
    return given === null || truth(given);
  }

  /** @param {boolean | "on" | "off" | null | undefined} on */
  set reconnect(on) {
    this.#set(Attribute.RECONNECT, on === null || on === undefined ? null : truth(on) ? "on" : "off");
  }

  /** @returns {boolean} */
  get controls() {
    return this.hasAttribute(Attribute.CONTROLS);
  }

  /** @param {boolean | string | null | undefined} on */
  set controls(on) {
    this.toggleAttribute(Attribute.CONTROLS, truth(on));
  }

  /** Properties that were set before the element was defined hide its own: set them again. */
  upgrade() {
    for (const name of properties) {
      if (!Object.hasOwn(this, name)) continue;
      const value = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }

  /**
   * @param {string} name
   * @param {string | number | null | undefined} value
   */
  #set(name, value) {
    if (value === null || value === undefined) this.removeAttribute(name);
    else this.setAttribute(name, String(value));
  }
}

/**
 * What a page means by a value: frameworks and templates pass strings, too.
 *
 * @param {boolean | string | null | undefined} value
 */
function truth(value) {
  return value === "" || (Boolean(value) && value !== "off" && value !== "false");
}
