/** @typedef {import("./source.js").Source} Source */

/**
 * Nothing of this device is sent: the portrait speaks what a backend gives it.
 *
 * @implements {Source}
 */
export class NoSource {
  /** @type {"none"} */
  kind = "none";
  label = "";
  /** @type {MediaStream | null} */
  stream = null;
  /** @type {Source["onlost"]} */
  onlost = null;

  async open() {
    return null;
  }

  begin() {}

  hold() {}

  close() {}
}
