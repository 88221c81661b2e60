import { style } from "./shadow.css.js";
import { markup } from "./shadow.html.js";
import { TransparentVideo } from "./transparent-video.js";

/** A video that plays where nothing is drawn, as in a tab behind others, presents no frames. */
const UNSEEN_MS = 500;

/**
 * The picture of `<live-head>`: the portrait before a call, the live video during it, and the last frame while it
 * reconnects; a neutral shape where none of them is there.
 */
export class Screen {
  #poster;
  #held;
  #video;
  /** @type {TransparentVideo | null} */
  #transparent = null;
  #watch = 0;
  #shown;

  /**
   * @param {ShadowRoot} root
   * @param {{shown: () => void, missing: (url: string) => void}} on shown: the first frame of each stream is there;
   *   missing: the portrait's image could not be loaded
   */
  constructor(root, { shown, missing }) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = markup;
    this.#poster = /** @type {HTMLImageElement} */ (root.querySelector("img"));
    this.#held = /** @type {HTMLCanvasElement} */ (root.querySelector("canvas"));
    this.#video = /** @type {HTMLVideoElement} */ (root.querySelector("video"));
    this.#video.muted = true;
    this.#shown = shown;
    this.#poster.addEventListener("load", () => delete this.#poster.dataset.missing);
    this.#poster.addEventListener("error", () => {
      this.#poster.dataset.missing = ""; // browsers draw a broken image
      missing(this.#poster.src);
    });
  }

  get video() {
    return this.#video;
  }

  /** @param {string} url address of the portrait; empty for none */
  set poster(url) {
    const old = this.#poster.getAttribute("src") ?? "";
    if (url === old) return;
    if (old.startsWith("blob:")) URL.revokeObjectURL(old);
    delete this.#poster.dataset.missing;
    if (url) this.#poster.src = url;
    else this.#poster.removeAttribute("src");
  }

  /** Whether the lower half of the video is its alpha. @param {boolean} on */
  set transparent(on) {
    if (on === Boolean(this.#transparent)) return;
    this.hold();
    this.#transparent?.close();
    this.#transparent = on ? new TransparentVideo(this.#video) : null;
  }

  /** @param {MediaStream} stream */
  play(stream) {
    if (this.#video.srcObject === stream) return;
    this.#video.srcObject = stream;
    const watch = ++this.#watch;
    const done = () => {
      if (watch !== this.#watch || "shown" in this.#video.dataset) return;
      this.#video.dataset.shown = "";
      delete this.#held.dataset.held;
      this.#shown();
    };
    // `loadeddata` alone would do for showing; the frame callback comes when it is really on the screen.
    const video = /** @type {HTMLVideoElement} */ (this.#video);
    const patience = "requestVideoFrameCallback" in video ? UNSEEN_MS : 0;
    if (patience) video.requestVideoFrameCallback(done);
    video.addEventListener("playing", () => setTimeout(() => video.readyState >= video.HAVE_CURRENT_DATA && video.videoWidth && done(), patience), { once: true });
  }

  /**
   * @param {boolean} muted
   * @returns {Promise<boolean>} whether the browser refused to play audio: then it plays muted
   */
  async setMuted(muted) {
    this.#video.muted = muted;
    if (!this.#video.srcObject) return false;
    try {
      await this.#video.play();
      return false;
    } catch (thrown) {
      if (muted || /** @type {Error} */ (thrown).name !== "NotAllowedError") return false;
      this.#video.muted = true;
      await this.#video.play().catch(() => {});
      return true;
    }
  }

  /** Keep the frame that is on the screen until the next stream's first one. */
  hold() {
    const frame = this.#transparent?.draw();
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!("shown" in this.#video.dataset) || !width) return;
    this.#held.width = width;
    this.#held.height = frame ? height >> 1 : height;
    this.#held.getContext("2d")?.drawImage(frame ?? this.#video, 0, 0);
    this.#held.dataset.held = "";
    this.#drop();
  }

  /**
   * The stream has ended: keep its last frame. One that has shown none shows the portrait: browsers give an ended stream
   * a black frame.
   */
  end() {
    this.hold();
    this.#drop();
  }

  /** Back to the portrait. */
  clear() {
    delete this.#held.dataset.held;
    this.#drop();
  }

  #drop() {
    this.#watch++;
    delete this.#video.dataset.shown;
    this.#video.srcObject = null;
  }
}
