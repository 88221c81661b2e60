import { box, part } from "../page.js";
import { fit, sideOf, zoomed, zoomOf } from "./crop.js";

/** @typedef {import("./crop.js").Square} Square */

const STEP = 0.03;
/** Nothing was moved for so long: it is where the user wants it. */
const SETTLED_MS = 700;

/** The square of a picture that becomes the portrait: dragged, pinched, zoomed by wheel, slider or keys. */
export class Cropper {
  #frame = box("crop");
  #image = part("crop-image", HTMLImageElement);
  #zoom = part("zoom", HTMLInputElement);
  #settled;
  /** @type {Square} */
  #square = { x: 0, y: 0, side: 1 };
  #picture = { width: 1, height: 1 };
  /** @type {Map<number, {x: number, y: number}>} */
  #fingers = new Map();
  #timer = 0;

  /** @param {() => void} settled the user has changed the square */
  constructor(settled) {
    this.#settled = settled;
    this.#frame.addEventListener("pointerdown", (event) => this.#press(event));
    this.#frame.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
      this.#frame.addEventListener(name, ({ pointerId }) => this.#fingers.delete(pointerId));
    }
    this.#frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#frame.addEventListener("keydown", (event) => this.#key(event));
    this.#zoom.addEventListener("input", () => {
      const factor = this.#square.side / sideOf(Number(this.#zoom.value), this.#picture);
      this.#move(zoomed(this.#square, factor));
    });
    new ResizeObserver(() => this.#draw()).observe(this.#frame);
  }

  /** @returns {Square} */
  get square() {
    return this.#square;
  }

  /**
   * @param {string} url of a picture that the browser can show
   * @returns {Promise<void>} rejects where it cannot
   */
  async load(url) {
    this.#image.src = url;
    await this.#image.decode();
    this.#picture = { width: this.#image.naturalWidth, height: this.#image.naturalHeight };
    const side = Math.min(this.#picture.width, this.#picture.height);
    this.show({ x: (this.#picture.width - side) / 2, y: (this.#picture.height - side) / 3, side });
  }

  /** @param {Square} square */
  show(square) {
    clearTimeout(this.#timer);
    this.#square = fit(square, this.#picture);
    this.#draw();
  }

  /** @param {Square} square that the user wants */
  #move(square) {
    this.#square = fit(square, this.#picture);
    this.#draw();
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(this.#settled, SETTLED_MS);
  }

  #draw() {
    const scale = this.#frame.clientWidth / this.#square.side;
    const { style } = this.#image;
    style.width = `${this.#picture.width * scale}px`;
    style.height = `${this.#picture.height * scale}px`;
    style.transform = `translate(${-this.#square.x * scale}px, ${-this.#square.y * scale}px)`;
    this.#zoom.value = String(Math.round(zoomOf(this.#square, this.#picture)));
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.#frame.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    const last = this.#fingers.get(event.pointerId);
    if (!last) return;
    const now = { x: event.offsetX, y: event.offsetY };
    this.#fingers.set(event.pointerId, now);
    const scale = this.#square.side / this.#frame.clientWidth;
    const [other] = [...this.#fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    if (other) {
      const factor = distance(now, other) / Math.max(1, distance(last, other));
      const width = this.#frame.clientWidth;
      return this.#move(zoomed(this.#square, factor, { x: other.x / width, y: other.y / width }));
    }
    const { x, y, side } = this.#square;
    this.#move({ x: x - (now.x - last.x) * scale, y: y - (now.y - last.y) * scale, side });
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const width = this.#frame.clientWidth;
    this.#move(zoomed(this.#square, 1.0015 ** -event.deltaY, { x: event.offsetX / width, y: event.offsetY / width }));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { x, y, side } = this.#square;
    const step = Math.max(1, side * STEP * (event.shiftKey ? 4 : 1));
    /** @type {Record<string, Square>} */
    const squares = {
      ArrowLeft: { x: x - step, y, side },
      ArrowRight: { x: x + step, y, side },
      ArrowUp: { x, y: y - step, side },
      ArrowDown: { x, y: y + step, side },
      "+": zoomed(this.#square, 1.08),
      "=": zoomed(this.#square, 1.08),
      "-": zoomed(this.#square, 1 / 1.08),
    };
    const square = squares[event.key];
    if (!square || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#move(square);
  }
}

/**
 * @param {{x: number, y: number}} a
 * @param {{x: number, y: number}} b
 */
function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
