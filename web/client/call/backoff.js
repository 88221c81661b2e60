/** How long to wait before each attempt to connect again, and when not to try: doubling, with jitter, up to a limit. Pure. */

/** Attempts before giving up: with the waits below, over a minute, so that a network that is gone for one ends no call. */
export const ATTEMPTS = 14;

const FIRST = 0.3;
const LONGEST = 8;
/** A server that asks to wait for longer is not tried again without the user. */
const LONGEST_ASKED = 60;

/**
 * @param {number} attempt counted from 1
 * @param {number} [chance] in [0, 1): where in the jitter the wait falls; ±20 %, so that the clients of a
 *   server that restarted do not all come back in the same instant
 * @returns {number} seconds
 */
export function wait(attempt, chance = Math.random()) {
  return Math.min(LONGEST, FIRST * 2 ** (attempt - 1)) * (0.8 + 0.4 * chance);
}

/**
 * Whether it makes no sense to try again without the user.
 *
 * @param {{passing: boolean, retryAfter?: number}} error retryAfter in seconds
 */
export function hopeless({ passing, retryAfter = 0 }) {
  return !passing || retryAfter > LONGEST_ASKED;
}
