import { colour } from "./page.js";
import { unbroken } from "./runs.js";

/** @typedef {import("../client/figures.js").Figures} Figures */
/** @typedef {import("../client/figures.js").FigureHistory} FigureHistory */

const FPS_TOP = 30;
const MARGIN = { left: 0, right: 34, top: 8, bottom: 16 };

/** The last minute: delay as a filled line under its bound, frames a second as a thin line, repeats as ticks. */
export class Graph {
  #canvas;
  #history;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {FigureHistory} history
   */
  constructor(canvas, history) {
    this.#canvas = canvas;
    this.#history = history;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  draw() {
    const brush = this.#canvas.getContext("2d");
    const { clientWidth: wide, clientHeight: tall } = this.#canvas;
    if (!brush || !wide) return;
    const scale = devicePixelRatio;
    this.#canvas.width = Math.round(wide * scale);
    this.#canvas.height = Math.round(tall * scale);
    brush.scale(scale, scale);
    const values = this.#history.values;
    const last = values.at(-1);
    const bound = last?.bound ?? 200;
    const top = Math.max(bound, ...values.map(({ delay }) => delay ?? 0)) * 1.12;
    const width = wide - MARGIN.left - MARGIN.right;
    const height = tall - MARGIN.top - MARGIN.bottom;
    const x = (/** @type {Figures} */ { at }) => MARGIN.left + width * (1 - ((last?.at ?? 0) - at) / (this.#history.seconds * 1000));
    const y = (/** @type {number} */ share) => MARGIN.top + height * (1 - Math.min(1, Math.max(0, share)));
    const runs = (/** @type {(figures: Figures) => number | null} */ share) =>
      unbroken(values, (figures) => share(figures) !== null).map((run) => run.map((figures) => ({ x: x(figures), y: y(share(figures) ?? 0) })));

    const quiet = colour(this.#canvas, "--quiet");
    const accent = colour(this.#canvas, "--accent");
    brush.font = `11px ${getComputedStyle(this.#canvas).fontFamily}`;
    brush.textBaseline = "middle";
    brush.fillStyle = quiet;
    brush.strokeStyle = colour(this.#canvas, "--edge");
    brush.lineWidth = 1;
    rule(brush, 0, y(0) + 0.5, wide - MARGIN.right);
    brush.setLineDash([3, 4]);
    rule(brush, 0, y(bound / top) + 0.5, wide - MARGIN.right);
    brush.setLineDash([]);
    brush.fillText(String(bound), wide - MARGIN.right + 8, y(bound / top));
    brush.fillText("0", wide - MARGIN.right + 8, y(0));
    if (!last) brush.fillText("A minute of figures appears here during a call.", 0, y(0.42));
    brush.fillText("1 min ago", 0, tall - 6);
    brush.textAlign = "right";
    brush.fillText("now", wide - MARGIN.right, tall - 6);
    brush.textAlign = "left";

    brush.lineJoin = "round";
    brush.lineWidth = 1.5;
    brush.strokeStyle = colour(this.#canvas, "--second");
    for (const run of runs(({ fps }) => (fps === null ? null : fps / FPS_TOP))) trace(brush, run);

    brush.lineWidth = 2;
    brush.strokeStyle = brush.fillStyle = accent;
    for (const run of runs(({ delay }) => (delay === null ? null : delay / top))) {
      trace(brush, run);
      brush.lineTo(run[run.length - 1].x, y(0));
      brush.lineTo(run[0].x, y(0));
      brush.globalAlpha = 0.12;
      brush.fill();
      brush.globalAlpha = 1;
    }
    if (last?.delay != null) {
      brush.beginPath();
      brush.arc(x(last), y(last.delay / top), 3.5, 0, 7);
      brush.fillStyle = accent;
      brush.fill();
    }
    brush.fillStyle = colour(this.#canvas, "--warn");
    values.forEach((figures, index) => {
      const more = (figures.repeated ?? 0) - (values[index - 1]?.repeated ?? figures.repeated ?? 0);
      if (more > 0) brush.fillRect(x(figures) - 1.5, y(0) - Math.min(height / 2, 4 + more * 3), 3, Math.min(height / 2, 4 + more * 3));
    });
    this.#describe(last);
  }

  /** @param {Figures | undefined} last */
  #describe(last) {
    const words = last?.delay == null ? "No figures yet" : `Delay ${Math.round(last.delay)} of at most ${last.bound} milliseconds on the server, ${Math.round(last.fps ?? 0)} pictures a second`;
    this.#canvas.setAttribute("aria-label", words);
  }
}

/**
 * @param {CanvasRenderingContext2D} brush
 * @param {number} left
 * @param {number} y
 * @param {number} right
 */
function rule(brush, left, y, right) {
  brush.beginPath();
  brush.moveTo(left, y);
  brush.lineTo(right, y);
  brush.stroke();
}

/**
 * @param {CanvasRenderingContext2D} brush
 * @param {{x: number, y: number}[]} run
 */
function trace(brush, run) {
  brush.beginPath();
  for (const point of run) brush.lineTo(point.x, point.y);
  brush.stroke();
}
