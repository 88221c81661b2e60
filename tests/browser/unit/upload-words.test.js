import assert from "node:assert/strict";
import test from "node:test";
import { problemError } from "../../../web/client/errors.js";
import { uploadWords } from "../../../web/demo/portraits/words.js";

const problems = {
  413: ["too-large"],
  415: ["unsupported-type"],
  422: ["animation", "consent", "crop", "no-face", "portrait"],
  403: ["role", "builtin-portrait"],
  409: ["too-many-portraits"],
  429: ["rate-limit"],
  501: ["not-configured"],
  503: ["unavailable"],
  507: ["disk-full"],
};

test("everything that can keep a picture from becoming a portrait has words of its own", () => {
  const titles = new Set();
  const all = Object.entries(problems).flatMap(([status, names]) => names.map((name) => ({ status: Number(status), name })));
  for (const { status, name } of all) {
    const { title, remedy } = uploadWords(problemError({ type: `urn:livehead:${name}`, status, detail: "What to do." }));
    assert.ok(title && remedy, name);
    assert.doesNotMatch(`${title} ${remedy}`, /call|talk|aloud/i, name);
    titles.add(title);
  }
  assert.equal(titles.size, all.length);
});

test("what is not known is told in the server's words", () => {
  const error = problemError({ type: "urn:livehead:malformed", status: 400, detail: "The form is cut off." });
  assert.equal(uploadWords(error).remedy, "The form is cut off.");
});
