import assert from "node:assert/strict";
import test from "node:test";
import { unbroken } from "../../../web/demo/runs.js";

const figures = (...times) => times.map((at) => ({ at: at * 1000, delay: 90 }));
const seconds = (runs) => runs.map((run) => run.map(({ at }) => at / 1000));

test("a line is broken where figures are missing", () => {
  const values = figures(1, 2, 3.2, 9, 10);
  assert.deepEqual(seconds(unbroken(values, () => true)), [[1, 2, 3.2], [9, 10]]);
});

test("a single figure that is not known breaks nothing, more of them do", () => {
  const values = figures(1, 2, 3, 4, 5);
  assert.deepEqual(seconds(unbroken(values, ({ at }) => at !== 2000)), [[1, 3, 4, 5]]);
  assert.deepEqual(seconds(unbroken(values, ({ at }) => at < 1500 || at > 4500)), [[1], [5]]);
});

test("nothing gives nothing", () => {
  assert.deepEqual(unbroken([], () => true), []);
});
