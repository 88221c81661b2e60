import { asError } from "../../client/errors.js";
import { box, part } from "../page.js";

/**
 * @typedef {object} Film
 * @property {string} id
 * @property {string} avatar
 * @property {string} kind `film` or `replay`
 * @property {string} started RFC 3339
 * @property {number | null} seconds
 * @property {number | null} bytes
 * @property {string} state
 */

/** A film that is being made is looked after again. */
const AGAIN_MS = 1500;

/** Films of one's calls: whether the next one is filmed, and those that there are. */
export class Films {
  #record = part("record", HTMLInputElement);
  #cinema = part("cinema", HTMLDialogElement);
  #video = part("cinema-video", HTMLVideoElement);
  #api;
  #on;
  #timer = 0;
  #refused = "";
  #names = (/** @type {string} */ id) => id;

  /**
   * @param {import("../api.js").Api} api
   * @param {{record: (on: boolean) => void, name: (avatar: string) => string, error: (thrown: unknown) => void}} on
   */
  constructor(api, on) {
    this.#api = api;
    this.#on = on;
    this.#names = on.name;
    this.#record.addEventListener("change", () => {
      on.record(this.#record.checked);
      this.describe(false, false);
    });
    box("films").addEventListener("toggle", () => void this.list());
    box("cinema-close").addEventListener("click", () => this.#cinema.close());
    this.#cinema.addEventListener("close", () => {
      if (this.#video.src.startsWith("blob:")) URL.revokeObjectURL(this.#video.src);
      this.#video.removeAttribute("src");
      this.#video.load();
    });
  }

  /**
   * @param {boolean} active whether a call is up
   * @param {boolean} recording whether it is filmed
   */
  describe(active, recording) {
    const wanted = this.#record.checked;
    box("films-value").textContent = recording ? "Filming" : wanted ? "On" : "Off";
    if (this.#refused) return;
    const words = wanted === recording || !active ? "Sound and picture are kept on the server, for you alone, until you delete them." : "From the next call on.";
    if (box("films-words").textContent !== words) box("films-words").textContent = words;
  }

  /** Those that there are; where nobody looks at them they are not asked for. */
  async list() {
    if (!part("films", HTMLDetailsElement).open) return;
    try {
      /** @type {Film[] | {recordings: Film[]}} */
      const found = await this.#api.json("v1/recordings");
      const films = Array.isArray(found) ? found : found.recordings;
      clearTimeout(this.#timer);
      if (films.some(unfinished)) this.#timer = window.setTimeout(() => void this.list(), AGAIN_MS);
      box("film-list").replaceChildren(...films.filter(({ kind }) => kind === "film").map((film) => this.#item(film)));
    } catch (thrown) {
      const error = asError(thrown);
      if (error.code !== "role") return this.#on.error(error);
      // Films belong to a key; whoever came with a token has none.
      this.#refused = error.detail;
      this.#record.disabled = true;
      box("films-words").textContent = error.detail;
    }
  }

  /** @param {Film} film */
  #item(film) {
    const item = document.createElement("li");
    const title = document.createElement("b");
    title.textContent = this.#names(film.avatar);
    const facts = document.createElement("span");
    facts.className = "quiet";
    const when = new Date(film.started).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    facts.textContent = [when, length(film.seconds), size(film.bytes)].filter(Boolean).join(" · ");
    const play = button("Play", () => void this.#play(film, title.textContent ?? ""));
    const save = button("Download", () => void this.#save(film));
    const remove = button("Delete", () => void this.#delete(film, remove));
    remove.addEventListener("blur", () => (remove.textContent = "Delete"));
    play.disabled = save.disabled = unfinished(film);
    item.append(title, facts, play, save, remove);
    return item;
  }

  /** @param {Film} film */
  #path({ id }) {
    return `v1/recordings/${encodeURIComponent(id)}`;
  }

  /**
   * @param {Film} film
   * @param {string} title
   */
  async #play(film, title) {
    try {
      this.#video.src = await this.#api.source(this.#path(film), true);
      box("cinema-title").textContent = title;
      this.#cinema.showModal();
      await this.#video.play().catch(() => {});
    } catch (thrown) {
      this.#on.error(thrown);
    }
  }

  /** @param {Film} film */
  async #save(film) {
    try {
      const link = document.createElement("a");
      link.href = await this.#api.source(this.#path(film), true);
      link.download = `livehead-${film.started.slice(0, 19).replaceAll(":", "-")}.mp4`;
      link.click();
      if (link.href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (thrown) {
      this.#on.error(thrown);
    }
  }

  /**
   * @param {Film} film
   * @param {HTMLButtonElement} pressed
   */
  async #delete(film, pressed) {
    if (pressed.textContent === "Delete") {
      pressed.textContent = "For good?";
      return;
    }
    try {
      await this.#api.ask(this.#path(film), { method: "DELETE" });
    } catch (thrown) {
      this.#on.error(thrown);
    }
    await this.list();
    box("films").querySelector("summary")?.focus();
  }
}

/** @param {Film} film */
function unfinished({ state }) {
  return state === "recording";
}

/**
 * @param {string} words
 * @param {() => void} pressed
 */
function button(words, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = words;
  made.addEventListener("click", pressed);
  return made;
}

/** @param {number | null} seconds */
function length(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {number | null} bytes */
function size(bytes) {
  return bytes ? `${(bytes / 1e6).toFixed(1)} MB` : "";
}
