import assert from "node:assert/strict";
import test from "node:test";
import { fragment } from "../../../web/client/call/sdp-fragment.js";

const OFFER = ["v=0", "a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:ufrg", "a=ice-pwd:password", "a=mid:0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:ufrg", "a=mid:1", ""].join("\r\n");
const CANDIDATE = "candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host";

test("a fragment has the form of RFC 8840: the ICE session, the m-line of the bundle, its candidates", () => {
  const text = fragment(OFFER, [{ candidate: CANDIDATE, sdpMid: "0" }, { candidate: CANDIDATE.replace("192.0.2.1", "192.0.2.2"), sdpMid: "1" }]);
  assert.deepEqual(text.split("\r\n"), [
    "a=ice-ufrag:ufrg", "a=ice-pwd:password", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", `a=${CANDIDATE}`,
    `a=${CANDIDATE.replace("192.0.2.1", "192.0.2.2")}`, "",
  ]);
});

test("the end of the candidates is told, also by the empty candidate that browsers give", () => {
  assert.match(fragment(OFFER, [{ candidate: "", sdpMid: "0" }, null]), /a=mid:0\r\na=end-of-candidates\r\n$/);
});
