import { calm, part } from "./page.js";

/** How often a film is asked for that the server has yet to make. */
const TRIES = 12;

/** The portrait breathes and blinks while there is no call: a film of it lies over the still until the call is there. */
export class IdleFilm {
  #video = part("idle", HTMLVideoElement);
  #api;
  /** @type {Map<string, string>} id → blob address */
  #films = new Map();
  #wanted = "";
  #resting = true;
  /** @type {AbortController | null} */
  #asking = null;

  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.#api = api;
    this.#video.addEventListener("playing", () => this.#resting && (this.#video.dataset.shown = ""));
    calm.addEventListener("change", () => this.#follow());
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  /** @param {string} id of the portrait that is shown */
  show(id) {
    if (id === this.#wanted) return;
    this.#wanted = id;
    this.#asking?.abort();
    this.#hide();
    this.#follow();
  }

  /** @param {boolean} on whether nothing live is shown */
  set resting(on) {
    if (on === this.#resting) return;
    this.#resting = on;
    if (on) this.#follow();
    else this.#hide();
  }

  /** @param {string} id of a portrait that is gone */
  forget(id) {
    const film = this.#films.get(id);
    if (film) URL.revokeObjectURL(film);
    this.#films.delete(id);
  }

  #hide() {
    delete this.#video.dataset.shown;
    this.#video.pause();
  }

  #follow() {
    if (calm.matches) return this.#hide();
    if (!this.#resting || !this.#wanted || document.hidden) return this.#video.pause();
    const film = this.#films.get(this.#wanted);
    if (!film) return void this.#fetch(this.#wanted);
    if (this.#video.src !== film) this.#video.src = film;
    void this.#video.play().catch(() => {}); // a browser that saves power shows the still
  }

  /** @param {string} id */
  async #fetch(id) {
    this.#asking?.abort();
    const asking = (this.#asking = new AbortController());
    const { signal } = asking;
    await idle();
    try {
      for (let tries = 0; tries < TRIES && !signal.aborted; tries++) {
        const answer = await this.#api.ask(`v1/avatars/${encodeURIComponent(id)}/idle`, { signal });
        if (answer.status === 200) {
          this.#films.set(id, URL.createObjectURL(await answer.blob()));
          return signal.aborted ? undefined : this.#follow();
        }
        await new Promise((done) => setTimeout(done, (Number(answer.headers.get("Retry-After")) || 2) * 1000));
      }
    } catch {
      // The still is good enough.
    }
  }
}

/** What matters more comes first: the page, its portraits, a call that is started at once. */
function idle() {
  return new Promise((done) => ("requestIdleCallback" in globalThis ? requestIdleCallback(done, { timeout: 3000 }) : setTimeout(done, 500)));
}
