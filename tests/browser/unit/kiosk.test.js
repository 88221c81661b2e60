import assert from "node:assert/strict";
import test from "node:test";
import { Keeper } from "../../../examples/kiosk/keeper.js";

/** A kiosk's call whose element does as the test says; time goes as the test says, too. */
function kiosk(t, fate = () => "error") {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  t.mock.method(Math, "random", () => 0.5);
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const online = new EventTarget();
  globalThis.addEventListener = online.addEventListener.bind(online);
  const head = new EventTarget();
  const seen = { calls: [], waits: [] };
  const tell = (type, detail) => head.dispatchEvent(Object.assign(new Event(type), { detail }));
  const change = (state, error = null) => (Object.assign(head, { state, error }), tell("statechange", { state }));
  head.start = async () => (seen.calls.push(now), change("connecting"), change(fate()));
  head.stop = () => change("closed");
  const keeper = new Keeper(head);
  keeper.onwaiting = (wait) => seen.waits.push(wait);
  const pass = (milliseconds) => {
    for (const until = now + milliseconds; now < until; ) t.mock.timers.tick((now += 100, 100));
  };
  return { keeper, head, seen, pass, change, tell, online };
}

test("it calls again for ever, with pauses that grow to half a minute", (t) => {
  const { keeper, seen, pass } = kiosk(t);
  keeper.start();
  pass(3_600_000);
  assert.deepEqual(seen.waits.slice(0, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.ok(seen.calls.length > 115 && seen.calls.length < 125, "one in half a minute");
  keeper.stop();
  const { length } = seen.calls;
  pass(120_000);
  assert.equal(seen.calls.length, length);
});

test("a call that was up makes it begin with short pauses again", (t) => {
  const fates = ["error", "error", "error", "live"];
  const { keeper, seen, pass, change } = kiosk(t, () => fates.shift() ?? "error");
  keeper.start();
  pass(8000);
  change("closed");
  assert.deepEqual(seen.waits, [1000, 2000, 4000, 1000]);
});

test("it waits as long as the server asks, and for what only people mend", (t) => {
  const { keeper, seen, change } = kiosk(t, () => "connecting");
  keeper.start();
  change("error", { passing: true, retryAfter: 20 });
  change("error", { passing: false });
  assert.deepEqual(seen.waits, [20_000, 30_000]);
});

test("it calls at once when the network is there again", (t) => {
  const { keeper, seen, pass, online } = kiosk(t);
  keeper.start();
  pass(7500);
  const before = seen.calls.length;
  online.dispatchEvent(new Event("online"));
  assert.equal(seen.calls.length, before + 1);
});

test("a call that shows nothing new is given up, one that does is not", (t) => {
  const { keeper, seen, pass, tell, head } = kiosk(t, () => "live");
  keeper.start();
  for (let second = 0; second < 60; second++) {
    tell("stats", { decoded: second * 25 });
    pass(1000);
  }
  assert.equal(seen.calls.length, 1);
  for (let second = 0; second < 14; second++) {
    tell("stats", { decoded: 1475 });
    pass(1000);
  }
  assert.equal(seen.calls.length, 1, "not at the first pause");
  pass(8000);
  assert.equal(seen.calls.length, 2);
  assert.equal(head.state, "live");
});

test("a connection that never comes about is given up", (t) => {
  const { keeper, seen, pass } = kiosk(t, () => "connecting");
  keeper.start();
  pass(110_000);
  assert.equal(seen.calls.length, 1);
  pass(30_000);
  assert.equal(seen.calls.length, 2);
});
