/** Keeps a call up for as long as it is wanted. `<live-head>` reconnects by itself, and gives up after a minute and a half. */

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
/** Without a new picture for so long, a call that says it is live is not. */
const FROZEN_MS = 15_000;
/** No connection takes so long. */
const STUCK_MS = 120_000;
const LOOK_MS = 5000;

/** Tells what it does by `oncalling`, `onlive`, and `onwaiting` with the milliseconds until it calls again. */
export class Keeper {
  oncalling = () => {};
  onlive = () => {};
  /** @param {number} _wait */
  onwaiting = (_wait) => {};
  #head;
  #wanted = false;
  #attempt = 0;
  #timer = 0;
  #changedAt = 0;
  #seenAt = 0;
  #decoded = 0;

  /** @param {import("livehead").LiveHead} head */
  constructor(head) {
    this.#head = head;
    head.addEventListener("statechange", ({ detail }) => this.#follow(detail.state));
    head.addEventListener("stats", ({ detail }) => this.#see(detail.decoded ?? 0));
    addEventListener("online", () => this.#hurry());
    setInterval(() => this.#watch(), LOOK_MS);
  }

  /** Whether a call is to be up. */
  get wanted() {
    return this.#wanted;
  }

  /** When a picture came last, or it was started, on the clock of `performance.now()`. */
  get seenAt() {
    return this.#seenAt;
  }

  start() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempt = 0;
    this.#seenAt = performance.now();
    this.#call();
  }

  stop() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#head.stop();
  }

  #call() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#changedAt = performance.now();
    this.oncalling();
    void this.#head.start().catch(() => {}); // a failure is a change of state, too
  }

  /** @param {string} state */
  #follow(state) {
    this.#changedAt = performance.now();
    if (state === "live") {
      this.#seenAt = this.#changedAt;
      this.#attempt = 0;
      this.onlive();
    }
    if (this.#wanted && (state === "error" || state === "closed")) this.#again();
  }

  #again() {
    const { error } = this.#head;
    const doubled = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempt++);
    // What waiting does not mend by itself, somebody may: a microphone that is plugged in, a permission.
    const wait = Math.max(error && !error.passing ? LONGEST_MS : doubled, (error?.retryAfter ?? 0) * 1000);
    // Many kiosks that lose one server do not come back in the same instant.
    const jittered = wait * (0.8 + 0.4 * Math.random());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#call(), jittered);
    this.onwaiting(jittered);
  }

  #hurry() {
    if (this.#wanted && this.#timer) this.#call();
  }

  /** @param {number} decoded pictures in this call */
  #see(decoded) {
    if (decoded !== this.#decoded) this.#seenAt = performance.now();
    this.#decoded = decoded;
  }

  #watch() {
    if (!this.#wanted || this.#timer) return;
    const now = performance.now();
    const live = this.#head.state === "live" || this.#head.state === "degraded";
    // Stopping it is a change to `closed`, after which it is called again.
    if (live ? now - Math.max(this.#seenAt, this.#changedAt) > FROZEN_MS : now - this.#changedAt > STUCK_MS) this.#head.stop();
  }
}
