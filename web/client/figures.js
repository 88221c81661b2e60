/**
 * Figures of a live call: what the server reports once a second, joined with what the browser measures.
 *
 * @typedef {object} Figures times in milliseconds; a figure that is not known yet is null
 * @property {number} at performance.now() of this sample
 * @property {number | null} delay server: a block's first sample in, to the block sent
 * @property {number | null} bound server: what the delay never passes
 * @property {number | null} generateP50
 * @property {number | null} generateP95
 * @property {number | null} queue
 * @property {number | null} repeated in all
 * @property {number | null} dropped in all
 * @property {number | null} skipped in all
 * @property {number | null} serverFps frames sent a second
 * @property {number | null} skew server: audio to video
 * @property {number | null} fps frames shown a second, in this browser
 * @property {number | null} roundTrip on the network
 * @property {number | null} buffer how long the browser holds a frame back before it shows it
 * @property {number | null} kbps audio and video received
 * @property {number | null} lost share of packets lost on the way here, 0…1
 * @property {number | null} decoded frames in all
 * @property {number | null} freezes in all
 * @property {string | null} preset server: the latency preset that the session has now
 * @property {string | null} latency server: what was chosen, `auto` or a preset
 * @property {string | null} codec
 * @property {string | null} size width × height of the video
 * @property {string | null} path `direct`, `stun` or `turn`
 */

/** @typedef {import("./protocol.js").ServerStats} ServerStats */
/** @typedef {Record<string, any>} Report one entry of an RTCStatsReport */

/** Joins both sides. Pure: fed with the server's messages and with stats reports. */
export class FigureJoiner {
  /** @type {ServerStats | null} */
  #server = null;
  /** @type {{at: number, video: Report, bytes: number} | null} */
  #last = null;

  /** @param {ServerStats} stats */
  update(stats) {
    this.#server = stats;
  }

  /**
   * @param {Iterable<Report>} reports the values of an RTCStatsReport
   * @param {number} now milliseconds
   * @returns {Figures}
   */
  join(reports, now) {
    const entries = [...reports];
    const inbound = entries.filter(({ type }) => type === "inbound-rtp");
    const video = inbound.find(({ kind }) => kind === "video") ?? {};
    const bytes = inbound.reduce((sum, entry) => sum + (entry.bytesReceived ?? 0), 0);
    const pair = chosenPair(entries);
    const before = this.#last;
    this.#last = { at: now, video, bytes };
    const seconds = before ? (now - before.at) / 1000 : 0;
    const change = (/** @type {string} */ name) =>
      before && video[name] !== undefined ? video[name] - (before.video[name] ?? 0) : null;
    const frames = change("framesDecoded");
    const emitted = change("jitterBufferEmittedCount");
    const waited = change("jitterBufferDelay");
    const server = this.#server;
    return {
      at: now,
      delay: server?.delay_ms ?? null,
      bound: server?.bound_ms ?? null,
      generateP50: server?.generate_ms?.p50 ?? null,
      generateP95: server?.generate_ms?.p95 ?? null,
      queue: server?.queue ?? null,
      repeated: server?.repeated ?? null,
      dropped: server?.dropped ?? null,
      skipped: server?.skipped ?? null,
      serverFps: server?.fps ?? null,
      skew: server?.skew_ms ?? null,
      fps: frames === null || seconds <= 0 ? null : frames / seconds,
      roundTrip: pair?.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
      buffer: waited === null || !emitted ? null : (waited / emitted) * 1000,
      kbps: before && seconds > 0 ? ((bytes - before.bytes) * 8) / 1000 / seconds : null,
      lost: video.packetsReceived ? Math.max(0, video.packetsLost ?? 0) / (video.packetsReceived + (video.packetsLost ?? 0)) : null,
      decoded: video.framesDecoded ?? null,
      freezes: video.freezeCount ?? null,
      preset: server?.preset ?? null,
      latency: server?.latency ?? null,
      codec: entries.find(({ id }) => id === video.codecId)?.mimeType?.replace("video/", "") ?? null,
      size: video.frameWidth ? `${video.frameWidth} × ${video.frameHeight}` : null,
      path: pair ? pathOf(entries, pair) : null,
    };
  }
}

/** @param {Report[]} entries */
function chosenPair(entries) {
  const id = entries.find(({ type }) => type === "transport")?.selectedCandidatePairId;
  return entries.find((entry) => entry.type === "candidate-pair" && (id ? entry.id === id : entry.nominated && entry.state === "succeeded"));
}

/**
 * @param {Report[]} entries
 * @param {Report} pair
 * @returns {string}
 */
function pathOf(entries, pair) {
  const kinds = [pair.localCandidateId, pair.remoteCandidateId].map((id) => entries.find((entry) => entry.id === id)?.candidateType);
  if (kinds.includes("relay")) return "turn";
  return kinds.includes("srflx") ? "stun" : "direct";
}

/** The last figures, oldest first, for a graph. */
export class FigureHistory {
  /** @type {Figures[]} */
  #kept = [];

  /** @param {number} [seconds] how far back it reaches */
  constructor(seconds = 60) {
    this.seconds = seconds;
  }

  /** @param {Figures} figures */
  push(figures) {
    this.#kept.push(figures);
    const oldest = figures.at - this.seconds * 1000;
    while (this.#kept[0].at < oldest) this.#kept.shift();
  }

  clear() {
    this.#kept = [];
  }

  /** @returns {readonly Figures[]} */
  get values() {
    return this.#kept;
  }
}
