import assert from "node:assert/strict";
import test from "node:test";
import { ATTEMPTS, hopeless, wait } from "../../../web/client/call/backoff.js";

test("waits double up to a limit, with a fifth of jitter on both sides", () => {
  const waits = Array.from({ length: ATTEMPTS }, (_, index) => wait(index + 1, 0.5));
  assert.deepEqual(waits.slice(0, 4), [0.3, 0.6, 1.2, 2.4]);
  assert.equal(waits.at(-1), 8);
  assert.ok(Math.abs(wait(3, 0) - 0.96) < 1e-9);
  assert.ok(wait(3, 0.999) < 1.44);
});

test("what does not pass by itself, or only after long, is not tried again", () => {
  assert.equal(hopeless({ passing: true }), false);
  assert.equal(hopeless({ passing: true, retryAfter: 60 }), false);
  assert.equal(hopeless({ passing: true, retryAfter: 61 }), true);
  assert.equal(hopeless({ passing: false, retryAfter: 1 }), true);
});
