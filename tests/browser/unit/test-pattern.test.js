import assert from "node:assert/strict";
import test from "node:test";
import { CELLS, cells, read } from "../../../web/client/test-pattern.js";

const bits = (k, loudness) => {
  const check = (k >> 8) ^ (k & 255) ^ loudness;
  return `1010${k.toString(2).padStart(16, "0")}${loudness.toString(2).padStart(4, "0")}${check.toString(2).padStart(8, "0")}`;
};

test("codes are read back, damaged ones are not", () => {
  for (const [k, loudness] of [[0, 0], [65535, 15], [0x1234, 9], [0x8000, 1]]) {
    const brightness = [...bits(k, loudness)].map((bit) => (bit === "1" ? 200 : 40));
    assert.deepEqual(read(brightness), { k, loudness });
    brightness[17] = 240 - brightness[17];
    assert.equal(read(brightness), null);
  }
  assert.equal(read(new Array(CELLS).fill(255)), null);
});

test("cells are read from a strip of any width", () => {
  for (const width of [512, 320]) {
    const data = new Uint8ClampedArray(width * 16 * 4);
    const code = bits(4242, 7);
    for (let i = 0; i < width * 16; i++) data.fill(code[Math.floor(((i % width) * CELLS) / width)] === "1" ? 235 : 16, i * 4, i * 4 + 4);
    assert.deepEqual(read(cells({ data, width, height: 16 })), { k: 4242, loudness: 7 });
  }
});
