import assert from "node:assert/strict";
import test from "node:test";
import { address, decode, encode, socketAddress } from "../../../web/client/protocol.js";

test("addresses keep the path of a server behind a proxy", () => {
  assert.equal(address("https://example.org/faces", "v1/info"), "https://example.org/faces/v1/info");
  assert.equal(address("https://example.org/faces/?x=1#y", "readyz"), "https://example.org/faces/readyz");
  assert.equal(socketAddress("https://example.org", "v1/signal"), "wss://example.org/v1/signal");
  assert.equal(socketAddress("http://localhost:8080/", "v1/signal"), "ws://localhost:8080/v1/signal");
});

test("what a newer server may say is ignored, what is no JSON is not", () => {
  assert.equal(decode('{"type":"weather"}'), null);
  assert.equal(decode("null"), null);
  assert.deepEqual(decode('{"type":"state","state":"live","reason":null}'), { type: "state", state: "live", reason: null });
  assert.throws(() => decode("{"), SyntaxError);
});

test("what was not given is not sent", () => {
  assert.equal(encode({ type: "offer", sdp: "v=0", avatar: "default", latency: undefined }), '{"type":"offer","sdp":"v=0","avatar":"default"}');
});
