import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { Session } from "../../../web/client/call/session.js";

/** What the server does with each offer in turn; the last one goes on. @type {((socket: Socket, offer: any) => void)[]} */
let script = [];
/** Every offer that was sent. */
let offers = [];
/** Every change of the voice in mid-call. */
let voices = [];
/** Status and problem of /v1/ice-servers, by its token. */
let iceServers = () => Response.json([]);
let socket;

class Socket {
  static OPEN = 1;
  readyState = 1;
  constructor(url) {
    this.url = url;
    socket = this;
    queueMicrotask(() => this.onopen?.());
  }
  send(text) {
    const message = JSON.parse(text);
    if (message.type === "voice") return void voices.push(message.on);
    if (message.type !== "offer") return;
    offers.push(message);
    queueMicrotask(() => (script.length > 1 ? script.shift() : script[0])(this, message));
  }
  receive(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  close() {}
}

class Peer {
  connectionState = "new";
  localDescription = { sdp: "v=0" };
  addTransceiver = () => ({ sender: {}, receiver: {} });
  createDataChannel = () => ({});
  addEventListener() {}
  setLocalDescription = async () => {};
  setRemoteDescription = async () => {};
  getStats = async () => new Map();
  close() {}
}

Object.assign(globalThis, { WebSocket: Socket, RTCPeerConnection: Peer, MediaStream: class {}, window: globalThis, document: { baseURI: "http://head.example/" } });
globalThis.fetch = async (url, { headers } = {}) => {
  assert.equal(String(url), "http://head.example/v1/ice-servers");
  return iceServers(headers?.Authorization);
};

const answer = (socket) => socket.receive({ type: "answer", sdp: "v=0", session: "s" });
const refuse = (status, name, retry_after) => (socket) => socket.receive({ type: "error", error: { type: `urn:livehead:${name}`, status, detail: "why", retry_after } });
const source = () => ({ kind: "stream", stream: null, open: async () => ({}), begin() {}, hold() {}, close() { this.closed = true; } });

/** A session, what it said, and the way to let everything that is due happen. */
function open(t, token) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const seen = { changes: [], errors: [], sessions: [], activity: [], recordings: [] };
  const session = new Session({
    session: (id) => seen.sessions.push(id),
    activity: (who, activity) => seen.activity.push([who, activity]),
    change: ({ state, reason, wait }) => seen.changes.push([state, reason, wait]),
    recording: (on, id) => seen.recordings.push([on, id]),
    media() {},
    stats() {},
    error: (error, fatal) => seen.errors.push([error.code, fatal]),
  });
  const from = source();
  const options = { server: "http://head.example/", avatar: "default", source: "mic", voice: false, probe: false, token };
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  };
  t.after(() => session.stop());
  return { session, seen, from, settle, options, start: () => (void session.start(options, from), settle()) };
}

beforeEach(() => {
  script = [answer];
  offers = [];
  voices = [];
  iceServers = () => Response.json([]);
});

test("the token is in the offer and in the request for ICE servers, and in no address", async (t) => {
  let asked;
  iceServers = (authorization) => ((asked = authorization), Response.json([]));
  const { start } = open(t, "abc");
  await start();
  assert.equal(offers[0].token, "abc");
  assert.equal(asked, "Bearer abc");
  assert.ok(!socket.url.includes("abc"));
});

test("a wrong token is an error at once, and no offer is repeated", async (t) => {
  script = [refuse(401, "token-expired")];
  const { session, seen, from, start } = open(t, "abc");
  await start();
  t.mock.timers.tick(60_000);
  assert.equal(session.state, "error");
  assert.equal(offers.length, 1);
  assert.deepEqual(seen.errors, [["token-expired", true]]);
  assert.ok(from.closed, "the microphone is off");
});

test("what the ICE servers' route refuses needs no offer", async (t) => {
  iceServers = () => Response.json({ type: "urn:livehead:key-revoked", status: 401 }, { status: 401 });
  const { session, seen, start } = open(t, "abc");
  await start();
  assert.equal(session.state, "error");
  assert.deepEqual(seen.errors, [["key-revoked", true]]);
  assert.equal(offers.length, 0);
});

test("a function is asked once more when its token is refused, and not a third time", async (t) => {
  let asked = 0;
  script = [refuse(401, "token-expired"), answer];
  const first = open(t, async () => `token ${++asked}`);
  await first.start();
  assert.deepEqual(offers.map(({ token }) => token), ["token 1", "token 2"]);
  assert.equal(first.session.state, "connecting");
  first.session.stop();

  script = [refuse(403, "uses")];
  await first.start();
  assert.equal(asked, 4);
  assert.equal(first.session.state, "error");
  assert.deepEqual(first.seen.errors, [["uses", true]]);
});

test("a reconnect asks for a fresh token", async (t) => {
  let asked = 0;
  const { session, settle, start } = open(t, () => `token ${++asked}`);
  await start();
  session.shown();
  socket.receive({ type: "state", state: "closed", reason: "media-failed" });
  assert.equal(session.state, "reconnecting");
  t.mock.timers.tick(1000);
  await settle();
  assert.deepEqual(offers.map(({ token }) => token), ["token 1", "token 2"]);
  session.shown();
  assert.equal(session.state, "live");
});

test("a token that is not valid any more ends the reconnecting", async (t) => {
  script = [answer, refuse(401, "token-expired")];
  const { session, seen, settle, start } = open(t, "abc");
  await start();
  session.shown();
  socket.receive({ type: "state", state: "closed", reason: "media-failed" });
  for (let turn = 0; turn < 5; turn++) {
    t.mock.timers.tick(10_000);
    await settle();
  }
  assert.equal(session.state, "error");
  assert.equal(offers.length, 2);
  assert.deepEqual(seen.errors, [["token-expired", true]]);
});

test("a rate limit is waited for, as long as the server says", async (t) => {
  script = [refuse(429, "rate-limit", 4), answer];
  const { session, seen, settle, start } = open(t);
  await start();
  assert.deepEqual(seen.changes.at(-1), ["connecting", "rate-limit", 4]);
  assert.deepEqual(seen.errors, [["rate-limit", false]]);
  t.mock.timers.tick(3900);
  await settle();
  assert.equal(offers.length, 1);
  t.mock.timers.tick(200);
  await settle();
  assert.equal(offers.length, 2);
  assert.equal(session.state, "connecting");
});

test("a rate limit that is too long to wait for is left to the user", async (t) => {
  script = [refuse(429, "rate-limit", 600)];
  const { session, seen, start } = open(t);
  await start();
  assert.equal(session.state, "error");
  assert.deepEqual(seen.errors, [["rate-limit", true]]);
});

test("a full server is met again no sooner than it says", async (t) => {
  script = [answer, refuse(503, "full", 5), answer];
  const { session, settle, start } = open(t);
  await start();
  session.shown();
  socket.receive({ type: "state", state: "closed", reason: "media-failed" });
  t.mock.timers.tick(1000);
  await settle();
  assert.equal(offers.length, 2);
  t.mock.timers.tick(4900);
  await settle();
  assert.equal(offers.length, 2);
  t.mock.timers.tick(200);
  await settle();
  assert.equal(offers.length, 3);
});

for (const reason of ["idle", "time-limit"]) {
  test(`the reason ${reason} ends the call, and it is not called again`, async (t) => {
    const { session, seen, from, settle, start } = open(t);
    await start();
    session.shown();
    socket.receive({ type: "state", state: "closed", reason });
    t.mock.timers.tick(60_000);
    await settle();
    assert.deepEqual(seen.changes.at(-1), ["closed", reason, 0]);
    assert.deepEqual(seen.errors, []);
    assert.equal(offers.length, 1);
    assert.ok(from.closed);
  });
}

for (const [reason, code] of [["revoked", "key-revoked"], ["flood", "flood"]]) {
  test(`the reason ${reason} is an error, and it is not called again`, async (t) => {
    const { session, seen, settle, start } = open(t, () => "abc");
    await start();
    session.shown();
    socket.receive({ type: "state", state: "closed", reason });
    t.mock.timers.tick(60_000);
    await settle();
    assert.equal(session.state, "error");
    assert.deepEqual(seen.errors, [[code, true]]);
    assert.equal(offers.length, 1);
  });
}

test("a session that never connected is told as media that are blocked", async (t) => {
  const { seen, start } = open(t);
  await start();
  socket.receive({ type: "state", state: "closed", reason: "never-connected" });
  assert.deepEqual(seen.errors, [["media-blocked", true]]);
});

test("a stop while the token is on its way leaves nothing behind", async (t) => {
  let give;
  const { session, seen, settle, start } = open(t, () => new Promise((resolve) => (give = resolve)));
  await start();
  session.stop();
  give("abc");
  await settle();
  assert.equal(session.state, "closed");
  assert.equal(offers.length, 0);
  assert.deepEqual(seen.errors, []);
});

test("a start is over when the first frame is shown, and a second one waits for the same", async (t) => {
  const { session, seen, from, settle, options } = open(t);
  let over = 0;
  const first = session.start(options, from).then(() => over++);
  const second = session.start(options, from).then(() => over++);
  await settle();
  assert.deepEqual(seen.sessions, ["s"]);
  assert.equal(session.id, "s");
  assert.equal(over, 0);
  session.shown();
  await Promise.all([first, second]);
  assert.equal(offers.length, 1);
});

test("a start that fails rejects with what the error handler got, one that is stopped with an AbortError", async (t) => {
  script = [refuse(404, "not-found")];
  const { session, seen, from, options } = open(t);
  await assert.rejects(session.start(options, from), { name: "LiveHeadError", code: "avatar-unknown", detail: "why" });
  assert.deepEqual(seen.errors, [["avatar-unknown", true]]);
  script = [answer];
  const stopped = session.start(options, from);
  session.stop();
  await assert.rejects(stopped, { name: "AbortError" });
  assert.equal(session.id, null);
});

test("the voice is switched on and off in mid-call without a new one", async (t) => {
  const { session, start } = open(t);
  await start();
  session.shown();
  session.change({ voice: true });
  session.change({ voice: true });
  session.change({ voice: false });
  assert.equal(session.state, "live");
  assert.equal(offers.length, 1);
  assert.deepEqual(voices, [true, false]);
});

test("what cannot be changed in mid-call takes a new one", async (t) => {
  const { session, seen, settle, start } = open(t);
  await start();
  session.shown();
  session.change({ source: "push" });
  assert.deepEqual(seen.changes.at(-1), ["reconnecting", "switching", 0]);
  t.mock.timers.tick(0);
  await settle();
  assert.equal(offers.length, 2);
  assert.equal(offers[1].source, "push");
});

test("who speaks is told, whichever way it comes", async (t) => {
  const { seen, start } = open(t);
  await start();
  socket.receive({ type: "avatar", state: "speaking", k: 7 });
  socket.receive({ type: "user", state: "silent" });
  assert.deepEqual(seen.activity, [["avatar", "speaking"], ["user", "silent"]]);
});

test("what is to be recorded is in the offer, and the server says that it is", async (t) => {
  const { session, seen, from, settle, options, start } = open(t);
  await start();
  assert.ok(!("record" in offers[0]), "servers need not know it");
  socket.receive({ type: "recording", on: true, id: "abc" });
  session.stop();
  for (const record of ["off", "film", "replay"]) {
    void session.start({ ...options, record }, from).catch(() => {});
    await settle();
    session.stop();
  }
  assert.deepEqual(offers.slice(1).map(({ record }) => record), [undefined, 1, "replay"]);
  assert.deepEqual(seen.recordings, [[true, "abc"]]);
});
