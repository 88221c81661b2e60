import assert from "node:assert/strict";
import test from "node:test";
import { presetName, presetWords, status } from "../../../web/demo/words.js";

const scene = { portrait: "Maya", kind: "microphone", label: "", measuring: false, asking: false, sampling: false, locked: false };
const at = (state, reason = null) => ({ state, reason, previous: "idle", attempt: 1, attempts: 8, wait: 0 });

test("every source has its invitation and its words during the call", () => {
  const said = (kind, state) => status(at(state), { ...scene, kind, label: "a.mp3" });
  assert.deepEqual(["microphone", "file", "text"].map((kind) => said(kind, "idle")), [
    "Talk, and Maya speaks your words.",
    "Play an audio file, and Maya speaks it.",
    "Write, and Maya says it.",
  ]);
  assert.deepEqual(["microphone", "file", "text"].map((kind) => said(kind, "live")), [
    "Talk, and Maya says it with you.",
    "Maya speaks a.mp3.",
    "Write something, and Maya says it.",
  ]);
});

test("a sample is called one, and leads on", () => {
  assert.equal(status(at("live"), { ...scene, sampling: true }), "Maya speaks. This is a sample.");
  assert.equal(status(at("closed"), { ...scene, sampling: true }), "That was a sample. Now you: talk, and Maya speaks your words.");
});

test("the bound is said to be the server's", () => {
  assert.match(presetWords("low", { bound_ms: 200 }), /On the server .* 200 ms .* network/);
  assert.match(presetWords("low", undefined), /when the engine is ready/);
  assert.equal(presetName("throughput"), "Relaxed");
});
