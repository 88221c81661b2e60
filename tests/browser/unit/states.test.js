import assert from "node:assert/strict";
import test from "node:test";
import { active, next, states } from "../../../web/client/states.js";

test("a call comes up, gets unsteady, is lost, comes back and ends", () => {
  const path = ["start", "frame", "degrade", "recover", "lose", "frame", "stop"];
  let state = "idle";
  const seen = path.map((trigger) => (state = next(state, trigger)));
  assert.deepEqual(seen, ["connecting", "live", "degraded", "live", "reconnecting", "live", "closed"]);
});

test("what means nothing in a state leaves it as it is", () => {
  assert.equal(next("idle", "frame"), "idle");
  assert.equal(next("closed", "lose"), "closed");
  assert.equal(next("reconnecting", "degrade"), "reconnecting");
});

test("every state but idle can be left for error, and every active one by stop", () => {
  for (const state of states) {
    assert.equal(next(state, "fail"), "error");
    if (active(state)) assert.equal(next(state, "stop"), "closed");
  }
});
