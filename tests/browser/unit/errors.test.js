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
  const codes = [400, 401, 403, 404, 413, 422, 429, 500].map((status) => problemError({ status }).code);
  assert.deepEqual(codes, ["refused", "unauthorized", "forbidden", "avatar-unknown", "too-large", "refused", "rate-limit", "server-failed"]);
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

test("every refusal of the server keeps its name, and says whether another token mends it", () => {
  const refusals = {
    401: ["unauthorized", "key-unknown", "key-revoked", "token-expired", "token-invalid", "key-in-url"],
    403: ["role", "claim", "uses", "forbidden", "origin", "host"],
    413: ["too-large"],
    429: ["rate-limit"],
  };
  for (const [status, names] of Object.entries(refusals)) {
    for (const name of names) {
      const error = problemError({ type: `urn:livehead:${name}`, status: Number(status), detail: "why" }, 7);
      assert.equal(error.code, name);
      assert.equal(error.type, `urn:livehead:${name}`);
      assert.equal(error.status, Number(status));
      assert.equal(error.retryAfter, 7);
      assert.equal(error.wantsToken, status === "401" || ["role", "claim", "uses"].includes(name));
      assert.equal(error.passing, name === "rate-limit");
    }
  }
});

test("a name that objects have by themselves is no code", () => {
  assert.equal(problemError({ type: "urn:livehead:constructor", status: 403 }).code, "forbidden");
});
