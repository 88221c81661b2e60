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
  assert.match(presetWords("low", { low: { bound_ms: 200 } }), /On the server .* 200 ms .* network/);
  assert.match(presetWords("low", {}), /when the engine is ready/);
  assert.equal(presetName("throughput"), "Relaxed");
});

test("a delay that the server chose is named, with the reason", () => {
  const facts = { auto: { bound_ms: 200 }, low: { bound_ms: 200 }, throughput: { bound_ms: 600 } };
  assert.equal(presetName("auto"), "Automatic");
  assert.match(presetWords("auto", facts), /as soon as .* 200 ms/i);
  assert.equal(presetName("auto", "throughput"), "Automatic, now Relaxed");
  assert.match(presetWords("auto", facts, "throughput"), /Many talk now.* by itself .* 600 ms/);
  assert.match(presetWords("low", facts, "low"), /answers soonest/);
  assert.doesNotMatch(presetWords("low", facts, "low"), /room/);
});
