/** Loads the page anew when there is a new version, once a day, and when nothing else has helped. */

const DAY_MS = 24 * 60 * 60 * 1000;
/** Nobody is cut off in mid-sentence. */
const QUIET_MS = 30_000;
const HELPLESS_MS = 10 * 60 * 1000;

export class Upkeep {
  #head;
  #keeper;
  #loadedAt = performance.now();
  #heardAt = -Infinity;
  /** @type {string | null} */
  #version = null;
  #due = false;

  /**
   * @param {import("livehead").LiveHead} head
   * @param {import("./keeper.js").Keeper} keeper
   * @param {number} every milliseconds between two looks
   */
  constructor(head, keeper, every) {
    this.#head = head;
    this.#keeper = keeper;
    for (const event of ["speaking", "silent", "userspeaking", "usersilent"]) {
      head.addEventListener(event, () => (this.#heardAt = performance.now()));
    }
    setInterval(() => void this.#look(), every);
    void this.#look();
  }

  async #look() {
    const info = await this.#head.server.info().catch(() => null);
    if (info) {
      this.#version ??= info.version;
      this.#due ||= info.version !== this.#version;
    }
    const now = performance.now();
    const old = this.#due || now - this.#loadedAt > DAY_MS;
    const quiet = now - this.#heardAt > QUIET_MS;
    const helpless = this.#keeper.wanted && now - this.#keeper.seenAt > HELPLESS_MS;
    if ((old && quiet) || helpless) await this.#reload();
  }

  /** Only where the page is there to be loaded: the browser's own error page would stay for ever. */
  async #reload() {
    const page = await fetch(location.href, { cache: "no-store" }).catch(() => null);
    if (page?.ok) location.reload();
  }
}
