/** A square of a picture, in its pixels, that is moved and zoomed. Pure. */

/** @typedef {{x: number, y: number, side: number}} Square */

/** The server takes no smaller portrait. */
export const LEAST = 128;

/**
 * @param {Square} square
 * @param {{width: number, height: number}} picture
 * @returns {Square} the nearest one that lies in the picture, in whole pixels
 */
export function fit({ x, y, side }, { width, height }) {
  const most = Math.min(width, height);
  const whole = Math.round(Math.min(most, Math.max(Math.min(LEAST, most), side)));
  const within = (/** @type {number} */ at, /** @type {number} */ length) => Math.round(Math.min(length - whole, Math.max(0, at)));
  return { x: within(x, width), y: within(y, height), side: whole };
}

/**
 * @param {Square} square
 * @param {number} factor 2 shows half of the side
 * @param {{x: number, y: number}} [anchor] what stays where it is, as shares of the square
 * @returns {Square} may reach out of the picture
 */
export function zoomed({ x, y, side }, factor, anchor = { x: 0.5, y: 0.5 }) {
  const next = side / factor;
  return { x: x + (side - next) * anchor.x, y: y + (side - next) * anchor.y, side: next };
}

/**
 * How far it is zoomed in, from 0 for the largest square to 100 for the smallest, in equal ratios.
 *
 * @param {Square} square
 * @param {{width: number, height: number}} picture
 */
export function zoomOf({ side }, { width, height }) {
  const most = Math.min(width, height);
  return most <= LEAST ? 0 : (100 * Math.log(most / side)) / Math.log(most / LEAST);
}

/**
 * The side for a zoom.
 *
 * @param {number} zoom 0…100
 * @param {{width: number, height: number}} picture
 */
export function sideOf(zoom, { width, height }) {
  const most = Math.min(width, height);
  return most <= LEAST ? most : most / (most / LEAST) ** (zoom / 100);
}
