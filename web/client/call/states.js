/**
 * The life of a `<live-head>`, as one table. Everything that decides a state lives here; no DOM, no network.
 *
 *     idle ── start ─▶ connecting ──── frame ─▶ live ◀─▶ degraded
 *                          │                     │ lose      │ lose
 *                          │                     ▼           ▼
 *                          │                    reconnecting ─ frame ──▶ live
 *                          └──── fail ─▶ error ◀── fail ──┘
 *     any of them ── stop, end ─▶ closed;   closed, error ── start ─▶ connecting
 *
 * `stop` is the page's wish, `end` the server's, for a reason that is nobody's fault.
 */

/** @typedef {"idle" | "connecting" | "live" | "degraded" | "reconnecting" | "closed" | "error"} State */
/** @typedef {"start" | "frame" | "degrade" | "recover" | "lose" | "fail" | "stop" | "end"} Trigger */

/** @type {Readonly<Record<State, Readonly<Partial<Record<Trigger, State>>>>>} */
const table = Object.freeze({
  idle: { start: "connecting", fail: "error" },
  connecting: { frame: "live", fail: "error", stop: "closed", end: "closed" },
  live: { degrade: "degraded", lose: "reconnecting", fail: "error", stop: "closed", end: "closed" },
  degraded: { recover: "live", lose: "reconnecting", fail: "error", stop: "closed", end: "closed" },
  reconnecting: { frame: "live", fail: "error", stop: "closed", end: "closed" },
  closed: { start: "connecting", fail: "error" },
  error: { start: "connecting", fail: "error", stop: "closed" },
});

/**
 * The state after something happened. What means nothing in a state leaves it as it is.
 *
 * @param {State} state
 * @param {Trigger} trigger
 * @returns {State}
 */
export function next(state, trigger) {
  return table[state][trigger] ?? state;
}

/**
 * Whether a call is up, or being brought up.
 *
 * @param {State} state
 */
export function active(state) {
  return state === "connecting" || state === "live" || state === "degraded" || state === "reconnecting";
}

/** @type {Readonly<Record<string, Trigger>>} */
const endings = Object.freeze({ idle: "end", "time-limit": "end", revoked: "fail", flood: "fail" });

/**
 * What it means that the server closed the session: most reasons are a call that is lost, and worth another.
 *
 * @param {string | null} reason
 * @returns {Trigger}
 */
export function ending(reason) {
  return (reason !== null && Object.hasOwn(endings, reason) && endings[reason]) || "lose";
}

/** @type {readonly State[]} */
export const states = Object.freeze(/** @type {State[]} */ (Object.keys(table)));
