import assert from "node:assert/strict";
import test from "node:test";
import { LEAST, fit, sideOf, zoomOf, zoomed } from "../../../web/demo/portraits/crop.js";

const picture = { width: 1200, height: 800 };

test("a square is moved into the picture, and made no larger or smaller than it may be", () => {
  assert.deepEqual(fit({ x: -50.4, y: 20.6, side: 300.2 }, picture), { x: 0, y: 21, side: 300 });
  assert.deepEqual(fit({ x: 1100, y: 700, side: 300 }, picture), { x: 900, y: 500, side: 300 });
  assert.deepEqual(fit({ x: 100, y: 100, side: 5000 }, picture), { x: 100, y: 0, side: 800 });
  assert.equal(fit({ x: 0, y: 0, side: 3 }, picture).side, LEAST);
  assert.deepEqual(fit({ x: 9, y: 9, side: 300 }, { width: 100, height: 90 }), { x: 9, y: 0, side: 90 });
});

test("zooming keeps what is under the finger where it is", () => {
  assert.deepEqual(zoomed({ x: 100, y: 100, side: 400 }, 2), { x: 200, y: 200, side: 200 });
  assert.deepEqual(zoomed({ x: 100, y: 100, side: 400 }, 2, { x: 0, y: 1 }), { x: 100, y: 300, side: 200 });
});

test("the slider goes from the largest square to the smallest, and back", () => {
  assert.equal(sideOf(0, picture), 800);
  assert.ok(Math.abs(sideOf(100, picture) - LEAST) < 1e-9);
  for (const zoom of [0, 17, 50, 100]) assert.ok(Math.abs(zoomOf({ side: sideOf(zoom, picture) }, picture) - zoom) < 1e-9);
  assert.equal(zoomOf({ side: 90 }, { width: 100, height: 90 }), 0);
  assert.equal(sideOf(40, { width: 100, height: 90 }), 90);
});
