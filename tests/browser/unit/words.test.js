import assert from "node:assert/strict";
import test from "node:test";
import { ending, states } from "../../../web/client/call/states.js";
import { words } from "../../../web/client/element/words.js";
import { LiveHeadError } from "../../../web/client/errors.js";

const change = (state, reason = null) => ({ state, reason });

test("a call that is being made says so, and asks for the microphone while that is awaited", () => {
  assert.deepEqual(words(change("connecting"), null, false), { kind: "busy", title: "Connecting…" });
  assert.equal(words(change("connecting"), null, true).title, "Allow the microphone");
  assert.equal(words(change("connecting", "server-starting"), null, false).title, "The engine is starting…");
});

test("an error has its title and what to do", () => {
  const error = new LiveHeadError("server-full");
  assert.deepEqual(words(change("error", "server-full"), error, false), { kind: "error", title: error.title, remedy: error.remedy });
});

test("a portrait that is there and lives needs no words", () => {
  for (const state of ["idle", "live", "closed"]) assert.equal(words(change(state), null, false).kind, "none");
});

test("every other state has words", () => {
  for (const state of states) {
    if (["idle", "live", "closed"].includes(state)) continue;
    const { kind, title } = words(change(state), new LiveHeadError("connection-lost"), false);
    assert.notEqual(kind, "none");
    assert.ok(title);
  }
});

test("a call that the server ended for nobody's fault says why", () => {
  for (const reason of ["idle", "time-limit"]) {
    assert.equal(ending(reason), "end");
    assert.equal(words(change("closed", reason), null, false).kind, "note");
  }
});
