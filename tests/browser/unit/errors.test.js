import assert from "node:assert/strict";
import test from "node:test";
import { LiveHeadError, asError, microphoneError, problemError } from "../../../web/client/errors.js";

test("a full server is told from a starting one, by the problem's type and by readyz's reason", () => {
  const full = problemError({ type: "urn:livehead:problem:full", status: 503, detail: "4 of 4" }, 5);
  assert.equal(full.code, "server-full");
  assert.equal(full.retryAfter, 5);
  assert.equal(full.detail, "4 of 4");
  assert.equal(problemError({ status: 503, reason: "starting" }).code, "server-starting");
  assert.equal(problemError({ status: 503, reason: "draining" }).code, "server-draining");
  assert.equal(problemError({ type: "urn:livehead:problem:engine-down", status: 503 }).code, "engine-down");
});

test("the other statuses", () => {
  const codes = [400, 401, 403, 404, 422, 429, 500].map((status) => problemError({ status }).code);
  assert.deepEqual(codes, ["refused", "unauthorized", "forbidden", "avatar-unknown", "refused", "rate-limit", "server-failed"]);
});

test("every way a microphone fails has its own words", () => {
  const codes = ["NotAllowedError", "NotFoundError", "NotReadableError", "AbortError"].map((name) => microphoneError(new DOMException("", name)).code);
  assert.deepEqual(codes, ["microphone-denied", "microphone-missing", "microphone-busy", "microphone-failed"]);
});

test("an error says what happened and what to do", () => {
  const error = new LiveHeadError("media-blocked");
  assert.match(error.message, /TURN/);
  assert.equal(asError(error), error);
  assert.equal(asError(new TypeError("x")).detail, "x");
});
