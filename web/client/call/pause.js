/** A wait that can be cut short. Pure. */
export class Pause {
  /** Go on at once. */
  hurry = () => {};

  /**
   * @param {number} seconds
   * @returns {Promise<void>}
   */
  sleep(seconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.hurry = () => (clearTimeout(timer), resolve());
    });
  }
}
