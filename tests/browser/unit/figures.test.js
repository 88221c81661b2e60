import assert from "node:assert/strict";
import test from "node:test";
import { FigureHistory, FigureJoiner } from "../../../web/client/figures.js";

const video = (framesDecoded, bytesReceived) => [
  { type: "inbound-rtp", kind: "video", framesDecoded, bytesReceived, packetsReceived: 100, packetsLost: 0, codecId: "C", frameWidth: 512, frameHeight: 512 },
  { type: "codec", id: "C", mimeType: "video/H264" },
  { type: "transport", selectedCandidatePairId: "P" },
  { type: "candidate-pair", id: "P", currentRoundTripTime: 0.02, localCandidateId: "L", remoteCandidateId: "R" },
  { type: "local-candidate", id: "L", candidateType: "relay" },
  { type: "remote-candidate", id: "R", candidateType: "host" },
];

test("both sides are joined, and rates are taken between two samples", () => {
  const joiner = new FigureJoiner();
  assert.equal(joiner.join(video(10, 0), 1000).fps, null);
  joiner.update({ delay_ms: 80, bound_ms: 200, repeated: 3, preset: "low", latency: "auto" });
  const figures = joiner.join(video(60, 250_000), 3000);
  assert.equal(figures.fps, 25);
  assert.equal(figures.kbps, 1000);
  assert.equal(figures.delay, 80);
  assert.equal(figures.repeated, 3);
  assert.deepEqual([figures.preset, figures.latency], ["low", "auto"]);
  assert.equal(figures.queue, null);
  assert.equal(figures.roundTrip, 20);
  assert.equal(figures.path, "turn");
  assert.equal(figures.codec, "H264");
});

test("the history forgets what is too old", () => {
  const history = new FigureHistory(10);
  for (let at = 0; at <= 30_000; at += 1000) history.push({ at });
  assert.equal(history.values[0].at, 20_000);
  assert.equal(history.values.length, 11);
});
