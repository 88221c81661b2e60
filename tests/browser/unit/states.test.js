import assert from "node:assert/strict";
import test from "node:test";
import { active, ending, next, states } from "../../../web/client/call/states.js";

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
    if (active(state)) assert.equal(next(state, "end"), "closed");
  }
});

test("a session that had its time is over, one that was ended for cause has failed, any other is called again", () => {
  assert.equal(ending("idle"), "end");
  assert.equal(ending("time-limit"), "end");
  assert.equal(ending("revoked"), "fail");
  assert.equal(ending("flood"), "fail");
  for (const reason of ["draining", "media-failed", "constructor", "", null]) assert.equal(ending(reason), "lose");
});
