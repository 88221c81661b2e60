import { style } from "./live-head.css.js";

/**
 * What `<live-head>` shows: the portrait before a call, the live video during it, and the last frame while it
 * reconnects. Lives in the element's shadow root.
 */
export class Screen {
  #poster;
  #held;
  #video;
  #watch = 0;

  /**
   * @param {ShadowRoot} root
   * @param {() => void} shown called for the first frame of each stream
   */
  constructor(root, shown) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = `<img part="poster" alt="" decoding="async" crossorigin="anonymous"><canvas part="held"></canvas>
      <video part="video" playsinline disablepictureinpicture disableremoteplayback></video>
      <button part="toggle" type="button">Start</button><slot></slot>`;
    this.#poster = /** @type {HTMLImageElement} */ (root.querySelector("img"));
    this.#held = /** @type {HTMLCanvasElement} */ (root.querySelector("canvas"));
    this.#video = /** @type {HTMLVideoElement} */ (root.querySelector("video"));
    this.#video.muted = true;
    this.#shown = shown;
  }

  #shown;

  get video() {
    return this.#video;
  }

  /** @param {string} url address of the portrait; empty for none */
  set poster(url) {
    if (url) this.#poster.src = url;
    else this.#poster.removeAttribute("src");
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
    if ("requestVideoFrameCallback" in this.#video) this.#video.requestVideoFrameCallback(done);
    else /** @type {HTMLVideoElement} */ (this.#video).addEventListener("playing", done, { once: true });
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
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!("shown" in this.#video.dataset) || !width) return;
    this.#held.width = width;
    this.#held.height = height;
    this.#held.getContext("2d")?.drawImage(this.#video, 0, 0);
    this.#held.dataset.held = "";
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
