import assert from "node:assert/strict";
import test from "node:test";
import { Relays } from "../../../web/client/call/relays.js";

const NOW = 1_800_000_000_000;
const URL = "turn:head.example:3478?transport=udp";
const STUN = { urls: ["stun:head.example"] };
const turn = (seconds = 600) => ({ urls: [URL], username: `${NOW / 1000 + seconds}:abc`, credential: "xyz" });

/** What is said of a call that these things happened to. */
function told(servers, ...events) {
  const relays = new Relays(servers, NOW);
  const peer = new EventTarget();
  relays.watch(peer);
  for (const [name, properties] of events) peer.dispatchEvent(Object.assign(new Event(name), properties));
  const { code, detail } = relays.blocked();
  return [code, detail];
}

const failed = (errorCode, errorText, url = URL) => ["icecandidateerror", { errorCode, errorText, url }];
const candidate = (type) => ["icecandidate", { candidate: { type, candidate: `candidate:1 1 udp 1 10.0.0.1 5000 typ ${type} raddr 0.0.0.0` } }];

test("without a relay the way is blocked", () => {
  assert.deepEqual(told([]), ["media-blocked", "the server offers no TURN relay"]);
  assert.equal(told([STUN], failed(701, "timed out", "stun:head.example"))[0], "media-blocked");
});

test("a relay that works, and leads nowhere", () => {
  const [code, detail] = told([STUN, turn()], failed(701, "timed out"), candidate("host"), candidate("relay"), ["icecandidate", { candidate: null }]);
  assert.equal(code, "media-blocked");
  assert.match(detail, /may it reach the server/);
  assert.equal(told([turn()], ["icecandidate", { candidate: { candidate: candidate("relay")[1].candidate.candidate } }])[0], "media-blocked");
});

test("a relay that does not answer", () => {
  assert.deepEqual(told([turn()], candidate("host"), failed(701, "TURN allocate request timed out.")), [
    "relay-unreachable",
    `${URL}: 701 TURN allocate request timed out.`,
  ]);
  assert.match(told([turn()])[1], /names no reason/);
  assert.equal(told([{ urls: "turns:head.example", username: "u", credential: "c" }])[0], "relay-unreachable");
});

test("a relay that refuses", () => {
  assert.deepEqual(told([turn()], failed(701, "timed out"), failed(401, "Unauthorized")), ["relay-refused", `${URL}: 401 Unauthorized`]);
  assert.equal(told([turn(-1)], failed(401, "Unauthorized"))[0], "relay-expired");
  assert.equal(told([{ ...turn(), username: "somebody" }], failed(401, ""))[0], "relay-refused");
  assert.equal(told([turn()], failed(486, "Allocation Quota Reached"))[0], "relay-full");
});
