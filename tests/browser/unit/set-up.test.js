import assert from "node:assert/strict";
import test from "node:test";
import { linkTo, readSetUp } from "../../../web/demo/set-up.js";

test("a link brings back what it was made of", () => {
  const setUp = { avatar: "p-1", latency: "balanced", look: "#39424e", source: "text" };
  const link = linkTo("https://head.example/face/?x=1#token=secret", setUp);
  assert.equal(link, "https://head.example/face/?avatar=p-1&latency=balanced&look=%2339424e&source=text");
  assert.deepEqual(readSetUp(link), setUp);
});

test("what everybody has is left out", () => {
  const setUp = { avatar: "default", latency: null, look: "keep", source: "microphone" };
  assert.equal(linkTo("https://head.example/", setUp), "https://head.example/");
});

test("what is not known is not taken", () => {
  const found = readSetUp("https://head.example/?latency=fast&source=radio&avatar=juno");
  assert.deepEqual(found, { avatar: "juno", latency: null, look: null, source: null });
});
