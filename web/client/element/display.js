import { connectionError } from "../call/signal.js";
import { active } from "../call/states.js";
import { LiveHeadError, asError } from "../errors.js";
import { Overlay } from "./overlay.js";
import { Screen } from "./screen.js";
import { words } from "./words.js";

/** @typedef {import("../call/session.js").Change} Change */

/** For how long a microphone opens before the user is told to allow it. */
const ASKING_MS = 700;

/** Everything that `<live-head>` shows: the picture, and words where there is none or something keeps it. */
export class Display {
  #overlay;
  #asking;
  /** @type {Pick<Change, "state" | "reason">} */
  #change = { state: "idle", reason: null };
  /** What ended the last call, or keeps the next from being started. @type {LiveHeadError | null} */
  #error = null;
  #timer = 0;
  #late = false;
  #url = "";
  #picture;

  /**
   * @param {ShadowRoot} root
   * @param {{shown: () => void, toggle: () => void, asking: () => boolean, picture: () => Promise<Blob>}} on shown: the
   *   first frame of a call is there; toggle: the button was pressed; asking: whether the browser may be asking for the
   *   microphone; picture: the portrait, asked for with the page's token
   */
  constructor(root, { shown, toggle, asking, picture }) {
    this.#picture = picture;
    this.screen = new Screen(root, { shown, missing: () => void this.#explain() });
    this.#overlay = new Overlay(root, toggle);
    this.#asking = asking;
  }

  /** @param {() => string} image gives the address of the portrait, empty for none; may throw a {@link LiveHeadError} */
  draw(image) {
    if (this.#change.state === "idle") this.#error = null;
    try {
      this.#url = this.screen.poster = image();
    } catch (thrown) {
      this.#error = asError(thrown);
    }
    this.#write();
  }

  /** @param {Change} change */
  follow(change) {
    const { state, previous } = change;
    this.#change = change;
    if (state === "connecting") this.#error = null;
    if (state === "reconnecting" || state === "error") this.screen.end();
    if (state === "connecting" || state === "closed") this.screen.clear();
    if (state !== previous) this.#late = false;
    clearTimeout(this.#timer);
    if (state === "connecting") this.#timer = window.setTimeout(() => ((this.#late = true), this.#write()), ASKING_MS);
    this.#write();
  }

  /** @param {LiveHeadError} error the call is over */
  fail(error) {
    this.#error = error;
    this.#write();
  }

  /** Why there is no portrait: browsers do not tell with an image. One of the user's own takes the token. */
  async #explain() {
    const url = this.#url;
    const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(8000) }).catch(() => null);
    if (response?.ok) return;
    const own = response?.status === 401 ? await this.#picture().catch(() => null) : null;
    if (own && url === this.#url) this.screen.poster = URL.createObjectURL(own);
    if (own) return;
    const error = response ? new LiveHeadError("avatar-unknown", { status: response.status }) : await connectionError(new URL("../../..", url).href);
    if (this.#change.state !== "idle" || url !== this.#url) return;
    this.fail(error);
  }

  #write() {
    const asking = this.#late && this.#asking();
    this.#overlay.show(words(this.#change, this.#error, asking), active(this.#change.state));
  }
}
