/**
 * The life of a `<live-head>`, as one table. Everything that decides a state lives here; no DOM, no network.
 *
 *     idle ── start ─▶ connecting ── picture ─▶ live ◀─▶ degraded
 *                          │                     │ lose      │ lose
 *                          │                     ▼           ▼
 *                          │                    reconnecting ── picture ─▶ live
 *                          └──── fail ─▶ error ◀── fail ──┘
 *     any of them ── stop ─▶ closed;   closed, error ── start ─▶ connecting
 */

/** @typedef {"idle" | "connecting" | "live" | "degraded" | "reconnecting" | "closed" | "error"} State */
/** @typedef {"start" | "picture" | "degrade" | "recover" | "lose" | "fail" | "stop"} Happening */

/** @type {Readonly<Record<State, Readonly<Partial<Record<Happening, State>>>>>} */
const table = Object.freeze({
  idle: { start: "connecting", fail: "error" },
  connecting: { picture: "live", fail: "error", stop: "closed" },
  live: { degrade: "degraded", lose: "reconnecting", fail: "error", stop: "closed" },
  degraded: { recover: "live", lose: "reconnecting", fail: "error", stop: "closed" },
  reconnecting: { picture: "live", fail: "error", stop: "closed" },
  closed: { start: "connecting", fail: "error" },
  error: { start: "connecting", fail: "error", stop: "closed" },
});

/**
 * The state after something happened. What means nothing in a state leaves it as it is.
 *
 * @param {State} state
 * @param {Happening} happening
 * @returns {State}
 */
export function next(state, happening) {
  return table[state][happening] ?? state;
}

/**
 * Whether a call is up, or being brought up.
 *
 * @param {State} state
 */
export function active(state) {
  return state === "connecting" || state === "live" || state === "degraded" || state === "reconnecting";
}

/** @type {readonly State[]} */
export const states = Object.freeze(/** @type {State[]} */ (Object.keys(table)));
