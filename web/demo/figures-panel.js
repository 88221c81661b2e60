import { FigureHistory } from "../client/index.js";
import { Graph } from "./graph.js";
import { box, part } from "./page.js";
import { presetName } from "./words.js";

/** @typedef {import("../client/figures.js").Figures} Figures */
/** @typedef {import("../client/latency-meter.js").Measured} Measured */

/** The numbers, the graph, the table of everything, and the measured latency. */
export class FiguresPanel {
  #history = new FigureHistory();
  #graph = new Graph(part("graph", HTMLCanvasElement), this.#history);
  #table = part("table", HTMLDListElement);

  constructor() {
    this.#fill(null);
  }

  /** Draw again, in the colours of now. */
  redraw() {
    this.#graph.draw();
  }

  clear() {
    this.#history.clear();
    this.#graph.draw();
    this.#fill(null);
  }

  /** @param {Figures} figures */
  show(figures) {
    this.#history.push(figures);
    this.#graph.draw();
    this.#fill(figures);
  }

  /** @param {Figures | null} f */
  #fill(f) {
    for (const [id, value] of /** @type {const} */ ([["n-delay", f?.delay], ["n-fps", f?.fps], ["n-repeats", f?.repeated]])) {
      box(id).textContent = number(value);
      box(id).toggleAttribute("data-none", value == null);
    }
    const rows = [
      ["Delay chosen", f?.latency ? presetName(f.latency, f.preset) : "–"],
      ["Delay bound", number(f?.bound, "ms")],
      ["Made in (p50, p95)", f?.generateP50 == null ? "–" : `${number(f.generateP50, "", 1)}, ${number(f.generateP95, "ms", 1)}`],
      ["Waiting for the engine", number(f?.queue)],
      ["Dropped, skipped", `${number(f?.dropped)}, ${number(f?.skipped)}`],
      ["Voice to picture", number(f?.skew, "ms")],
      ["Network, there and back", number(f?.roundTrip, "ms", 1)],
      ["Buffer in the browser", number(f?.buffer, "ms")],
      ["Packets lost", f?.lost == null ? "–" : `${(f.lost * 100).toFixed(1)} %`],
      ["Freezes", number(f?.freezes)],
      ["Received", number(f?.kbps, "kbit/s")],
      ["Picture", [f?.size, f?.codec].filter(Boolean).join(", ") || "–"],
      ["Path", { direct: "direct", stun: "through NAT", turn: "through TURN" }[f?.path ?? ""] ?? "–"],
    ];
    this.#table.replaceChildren(
      ...rows.flatMap(([name, value]) => {
        const term = document.createElement("dt");
        const text = document.createElement("dd");
        term.textContent = name;
        text.textContent = value;
        return [term, text];
      }),
    );
  }

  /** @param {string} words */
  showStatus(words) {
    const measured = box("measured");
    measured.hidden = !words;
    measured.textContent = words;
  }

  /** @param {Measured} result */
  measured({ p50, p95, all, missed, parts }) {
    const measured = box("measured");
    measured.hidden = false;
    const shares = [
      { name: "server", ms: parts.server, key: "var(--accent)" },
      { name: "network", ms: parts.network, key: "var(--warn)" },
      { name: "browser and codecs", ms: parts.rest, key: "var(--second)" },
    ].filter(({ ms }) => ms !== null);
    const text = document.createElement("p");
    text.innerHTML = `Microphone to picture <b>${Math.round(p50)} ms</b>, p95 ${Math.round(p95)} ms, from ${all.length} bursts${missed ? `, ${missed} not seen` : ""}`;
    const bar = document.createElement("div");
    bar.className = "parts";
    const keys = document.createElement("p");
    keys.className = "keys";
    for (const { name, ms, key } of shares) {
      const piece = document.createElement("i");
      piece.style.setProperty("--key", key);
      piece.style.flexGrow = String(ms);
      bar.append(piece);
      const label = document.createElement("span");
      label.style.setProperty("--key", key);
      label.textContent = `${name} ${Math.round(ms ?? 0)} ms`;
      keys.append(label);
    }
    measured.replaceChildren(text, bar, keys);
  }
}

/**
 * @param {number | null | undefined} value
 * @param {string} [unit]
 * @param {number} [digits]
 * @returns {string}
 */
function number(value, unit = "", digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return `${value.toFixed(digits)}${unit ? ` ${unit}` : ""}`;
}
