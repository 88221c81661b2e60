/** Reads the test pattern that the server draws into each frame (`probe` in the offer). Pure. */

/** Cells across the frame, white 1 and black 0, most significant bit first. */
export const CELLS = 32;
/** Rows at the bottom of the frame that the cells take. */
export const ROWS = 16;

const SYNC = 0b1010;

/**
 * 4 bits sync, 16 bits k mod 65536, 4 bits loudness, 8 bits check: the xor of both k bytes and the loudness.
 *
 * @param {ArrayLike<number>} brightness of the 32 cells, 0…255
 * @returns {{k: number, loudness: number} | null} null when there is no code, or it is damaged
 */
export function read(brightness) {
  let bits = 0;
  for (let cell = 0; cell < CELLS; cell++) bits = ((bits << 1) | (brightness[cell] > 127 ? 1 : 0)) >>> 0;
  const k = (bits >>> 12) & 0xffff;
  const loudness = (bits >>> 8) & 0xf;
  const check = (k >>> 8) ^ (k & 0xff) ^ loudness;
  return bits >>> 28 === SYNC && (bits & 0xff) === check ? { k, loudness } : null;
}

/**
 * The brightness of each cell: the mean of its middle, away from the edges that the codec smears.
 *
 * @param {{data: ArrayLike<number>, width: number, height: number}} strip RGBA of the frame's bottom rows
 * @returns {number[]}
 */
export function cells({ data, width, height }) {
  const wide = width / CELLS;
  return Array.from({ length: CELLS }, (_, cell) => {
    let sum = 0;
    let count = 0;
    for (let y = Math.floor(height * 0.25); y < height * 0.75; y++) {
      for (let x = Math.ceil(cell * wide + wide * 0.25); x < cell * wide + wide * 0.75; x++) {
        sum += data[(y * width + x) * 4 + 1];
        count++;
      }
    }
    return count ? sum / count : 0;
  });
}
