import { Level } from "../client/index.js";
import { calm, colour } from "./page.js";

const BAR = 3;
const GAP = 3;
/** A bar stands for so long. */
const BAR_MS = 55;

/** The input level, as bars that wander to the left; one still bar for those who asked for less movement. */
export class Wave {
  #canvas;
  #stream;
  /** @type {MediaStream | null} */
  #metered = null;
  /** @type {Level | null} */
  #level = null;
  /** @type {number[]} newest last */
  #bars = [];
  #next = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => MediaStream | null} stream what is listened to now
   */
  constructor(canvas, stream) {
    this.#canvas = canvas;
    this.#stream = stream;
    requestAnimationFrame(this.#frame);
  }

  #frame = (/** @type {number} */ now) => {
    requestAnimationFrame(this.#frame);
    if (now < this.#next) return;
    this.#next = now + BAR_MS;
    this.#follow();
    const level = this.#level?.read() ?? 0;
    const most = Math.ceil(this.#canvas.clientWidth / (BAR + GAP)) + 1;
    this.#bars.push(level);
    this.#bars.splice(0, Math.max(0, this.#bars.length - most));
    this.#canvas.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    this.#draw(level);
  };

  #follow() {
    const stream = this.#stream();
    if (stream === this.#metered) return;
    this.#level?.close();
    this.#level = stream ? new Level(stream) : null;
    this.#metered = stream;
    this.#canvas.toggleAttribute("data-on", stream !== null);
  }

  /** @param {number} level 0…1 */
  #draw(level) {
    const brush = this.#canvas.getContext("2d");
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    if (!brush || !width) return;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    brush.setTransform(scale, 0, 0, scale, 0, 0);
    brush.clearRect(0, 0, width, height);
    const quiet = colour(this.#canvas, "--edge");
    const loud = this.#metered ? colour(this.#canvas, "color") : quiet;
    if (calm.matches) {
      brush.fillStyle = quiet;
      brush.fillRect(0, height / 2 - 2, width, 4);
      brush.fillStyle = loud;
      brush.fillRect(0, height / 2 - 2, width * level, 4);
      return;
    }
    const count = Math.floor(width / (BAR + GAP));
    for (let index = 0; index < count; index++) {
      const value = this.#bars[this.#bars.length - 1 - index] ?? 0;
      const tall = Math.max(BAR, value ** 1.6 * height);
      brush.globalAlpha = 1 - (index / count) * 0.75;
      brush.fillStyle = value > 0.08 ? loud : quiet;
      brush.beginPath();
      brush.roundRect(width - (index + 1) * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
      brush.fill();
    }
    brush.globalAlpha = 1;
  }
}
