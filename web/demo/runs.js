/** @typedef {import("../client/figures.js").Figures} Figures */

/** Figures come once a second. Where none came for so long, there was nothing to be measured. */
const GAP_MS = 2500;

/**
 * Those of the figures that hold, in runs without a gap between them. A line is drawn through each run, and none from one
 * to the next.
 *
 * @param {readonly Figures[]} values oldest first
 * @param {(figures: Figures) => boolean} holds
 * @returns {Figures[][]} none of them empty
 */
export function unbroken(values, holds) {
  /** @type {Figures[][]} */
  const runs = [];
  let before = -Infinity;
  for (const figures of values) {
    if (!holds(figures)) continue;
    if (figures.at - before > GAP_MS || !runs.length) runs.push([]);
    runs[runs.length - 1].push(figures);
    before = figures.at;
  }
  return runs;
}
