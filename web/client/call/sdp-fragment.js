/**
 * `application/trickle-ice-sdpfrag` (RFC 8840): candidates of an offer that was sent already. Pure.
 *
 * @param {string} sdp the offer: its user name fragment and password, which all its media share
 * @param {readonly (Pick<RTCIceCandidate, "candidate" | "sdpMid"> | null)[]} candidates null when there are no more
 * @returns {string}
 */
export function fragment(sdp, candidates) {
  const lines = sdp.split(/\r?\n/);
  const shared = ["a=ice-ufrag:", "a=ice-pwd:"].map((name) => lines.find((line) => line.startsWith(name))).filter(Boolean);
  const ended = candidates.includes(null) ? ["a=end-of-candidates"] : [];
  // A bundle has one transport: candidates are those of its first m-line, whose mid tells which it is.
  const first = lines.findIndex((line) => line.startsWith("m="));
  const mid = lines.slice(first).find((line) => line.startsWith("a=mid:")) ?? "a=mid:0";
  const found = candidates.flatMap((candidate) => (candidate?.candidate ? [`a=${candidate.candidate}`] : []));
  return [...shared, lines[first] ?? "m=audio 9 UDP/TLS/RTP/SAVPF 0", mid, ...found, ...ended, ""].join("\r\n");
}
