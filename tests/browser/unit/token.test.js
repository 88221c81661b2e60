import assert from "node:assert/strict";
import test from "node:test";
import { LiveHeadError } from "../../../web/client/errors.js";
import { Token } from "../../../web/client/token.js";

test("a string is a token, and asking again gives the same", async () => {
  const token = new Token("abc");
  assert.equal(await token.get(), "abc");
  assert.equal(await token.renew(), "abc");
  assert.equal(token.renewable, false);
});

test("nothing, and nothing in other forms, is no token", async () => {
  for (const nothing of [undefined, null, ""]) assert.equal(await new Token(nothing).get(), undefined);
  assert.equal(await new Token(() => null).get(), undefined);
});

test("a function is asked once, and again only for a renewed one", async () => {
  let asked = 0;
  const token = new Token(async () => `token ${++asked}`);
  assert.equal(token.renewable, true);
  assert.deepEqual(await Promise.all([token.get(), token.get()]), ["token 1", "token 1"]);
  assert.equal(await token.get(), "token 1");
  assert.equal(await token.renew(), "token 2");
  assert.equal(await token.get(), "token 2");
});

test("another source forgets what the last one gave, also what it gives too late", async () => {
  let resolve;
  const token = new Token(() => new Promise((given) => (resolve = given)));
  const late = token.get();
  token.source = "new";
  resolve("old");
  assert.equal(await late, "old");
  assert.equal(await token.get(), "new");
});

test("a function that fails is an error with words, and may be asked again", async () => {
  let fails = true;
  const token = new Token(() => {
    if (fails) throw new Error("backend is down");
    return "abc";
  });
  await assert.rejects(token.renew(), (error) => error.code === "token-failed" && error.detail === "backend is down" && error.passing);
  fails = false;
  assert.equal(await token.renew(), "abc");
  const own = new LiveHeadError("rate-limit", { retryAfter: 3 });
  await assert.rejects(new Token(() => Promise.reject(own)).get(), (error) => error === own);
});
