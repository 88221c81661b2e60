import assert from "node:assert/strict";
import test from "node:test";
import { ShownReporter } from "../../../web/client/element/shown-reporter.js";

/** A video that presents a frame whenever it is told to. */
class Video {
  #callback = null;

  requestVideoFrameCallback(callback) {
    this.#callback = callback;
    return 1;
  }

  cancelVideoFrameCallback() {
    this.#callback = null;
  }

  present(at, frame = {}) {
    const callback = this.#callback;
    this.#callback = null;
    callback?.(at, { rtpTimestamp: at * 90, receiveTime: at - 40, presentationTime: at, ...frame });
  }
}

function reporter() {
  const video = new Video();
  const sent = [];
  const one = new ShownReporter(video, (message) => sent.push(message));
  one.start();
  return { video, sent, one, at: () => sent.map(({ rtp }) => rtp / 90) };
}

function clock(context) {
  let now = 0;
  context.mock.method(performance, "now", () => now);
  return (at) => (now = at);
}

test("the first frame is reported, and then one now and then, at most four a second", () => {
  const { video, sent, at } = reporter();
  for (let now = 1000; now <= 11_000; now += 40) video.present(now);
  assert.deepEqual(sent[0], { type: "shown", rtp: 90_000 });
  assert.ok(sent.length >= 30 && sent.length <= 40, `${sent.length} in ten seconds`);
  const times = at();
  for (let i = 4; i < times.length; i++) assert.ok(times[i] - times[i - 4] >= 1000);
});

test("once the portrait falls silent, the first frame that came after that is reported at once", (context) => {
  const set = clock(context);
  const { video, one, at } = reporter();
  video.present(1000);
  set(1100);
  one.follow("silent");
  video.present(1120); // received before
  assert.deepEqual(at(), [1000]);
  video.present(1160);
  assert.deepEqual(at(), [1000, 1160]);
  for (let now = 1200; now < 2160; now += 40) video.present(now);
  assert.deepEqual(at(), [1000, 1160], "silence is reported once a second");
  video.present(2160);
  assert.equal(at().length, 3);
});

test("where the browser does not say when a frame was received, some time is allowed for its way", (context) => {
  const set = clock(context);
  const { video, one, at } = reporter();
  video.present(1000, { receiveTime: undefined });
  set(1050);
  one.follow("silent");
  video.present(1120, { receiveTime: undefined });
  video.present(1160, { receiveTime: undefined });
  assert.deepEqual(at(), [1000, 1160]);
});

test("however often it falls silent, four a second are sent at most", (context) => {
  const set = clock(context);
  const { video, one, at } = reporter();
  for (let now = 1000; now < 6000; now += 40) {
    set(now - 40);
    one.follow("silent");
    video.present(now);
  }
  const times = at();
  assert.ok(times.length >= 18);
  for (let i = 4; i < times.length; i++) assert.ok(times[i] - times[i - 4] >= 1000);
});

test("a browser that does not tell RTP timestamps, or when frames are presented, reports nothing", () => {
  const { video, sent } = reporter();
  video.present(1000, { rtpTimestamp: undefined });
  assert.deepEqual(sent, []);
  new ShownReporter({}, () => assert.fail()).start();
});

test("after stop it watches no more, and may start again", () => {
  const { video, one, at } = reporter();
  video.present(1000);
  one.stop();
  video.present(2000);
  video.present(3000);
  assert.deepEqual(at(), [1000]);
  one.start();
  one.start();
  video.present(4000);
  assert.deepEqual(at(), [1000, 4000]);
});
