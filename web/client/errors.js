/**
 * Everything that can go wrong, each with a stable code, what happened, and what to do next.
 * The words are for the person in front of the page; the code is for programs.
 */

/**
 * @typedef {"microphone-denied" | "microphone-missing" | "microphone-busy" | "microphone-failed" | "microphone-lost"
 *   | "insecure-origin" | "webrtc-unsupported" | "server-unreachable" | "server-full" | "server-starting"
 *   | "server-draining" | "engine-down" | "unauthorized" | "forbidden" | "rate-limit" | "avatar-unknown"
 *   | "refused" | "server-failed" | "media-blocked" | "connection-lost" | "file-unreadable"} Code
 */

/** @type {Readonly<Record<Code, {title: string, remedy: string, passing?: true}>>} */
const words = Object.freeze({
  "microphone-denied": {
    title: "The microphone is blocked",
    remedy: "Allow it in the browser: open the site settings next to the address, set Microphone to Allow, then try again.",
  },
  "microphone-missing": {
    title: "No microphone found",
    remedy: "Plug one in or switch it on, then try again. You can also play an audio file instead.",
  },
  "microphone-busy": {
    title: "The microphone is in use",
    remedy: "Another program holds it. Close that program, or choose another microphone, then try again.",
  },
  "microphone-failed": {
    title: "The microphone could not be opened",
    remedy: "Choose another microphone, or unplug this one and plug it in again, then try again.",
  },
  "microphone-lost": {
    title: "The microphone was disconnected",
    remedy: "Plug it in again or choose another one, then start again.",
  },
  "insecure-origin": {
    title: "This address may not use the microphone",
    remedy:
      "Browsers only allow it on https:// and on localhost. Open the page as http://localhost on the server itself, " +
      "or serve it with TLS (livehead serve --tls-cert … --tls-key …). An audio file works here too.",
  },
  "webrtc-unsupported": {
    title: "This browser has no WebRTC",
    remedy: "Use a current Chrome, Edge, Firefox or Safari. If it is one, an extension or a policy may have switched WebRTC off.",
  },
  "server-unreachable": {
    title: "The server does not answer",
    remedy: "Check that it runs and that this device can reach it, then try again.",
    passing: true,
  },
  "server-full": {
    title: "All places are taken",
    remedy: "The server already talks to as many people as it can. Try again in a moment.",
    passing: true,
  },
  "server-starting": {
    title: "The engine is still starting",
    remedy: "This can take a minute after the server was started. Try again in a moment.",
    passing: true,
  },
  "server-draining": {
    title: "The server is shutting down",
    remedy: "It takes no new calls. Try again when it is back.",
    passing: true,
  },
  "engine-down": {
    title: "The engine has stopped",
    remedy: "The server restarts it by itself. Try again in a moment; if it stays down, the server's log says why.",
    passing: true,
  },
  unauthorized: {
    title: "No valid token",
    remedy: "Reload the page. If that does not help, the page must ask its server for a new session token.",
  },
  forbidden: {
    title: "This page may not use the server",
    remedy: "The server's owner must allow this site's origin (LIVEHEAD_CORS_ORIGINS), or the token must allow this portrait.",
  },
  "rate-limit": {
    title: "Too many tries",
    remedy: "Wait a little, then try again.",
    passing: true,
  },
  "avatar-unknown": {
    title: "This portrait is not there any more",
    remedy: "Choose another portrait.",
  },
  refused: {
    title: "The server refused the call",
    remedy: "The page and the server may be of different versions. Reload the page and try again.",
  },
  "server-failed": {
    title: "The server failed",
    remedy: "Try again. If it happens again, the server's log says why.",
    passing: true,
  },
  "media-blocked": {
    title: "No way through for sound and picture",
    remedy:
      "The server answers, but the network between lets no media pass, mostly because it blocks UDP. " +
      "Try another network. The server's owner can fix it for good with a TURN server (LIVEHEAD_TURN_URLS).",
  },
  "connection-lost": {
    title: "The connection was lost",
    remedy: "Several attempts to reconnect failed. Check the network, then connect again.",
  },
  "file-unreadable": {
    title: "This file cannot be played",
    remedy: "Choose an audio file that the browser can play: WAV, MP3, M4A, Ogg or FLAC.",
  },
});

/** Something went wrong, in words fit for the user. `message` is title and remedy together. */
export class LiveHeadError extends Error {
  /**
   * @param {Code} code
   * @param {{detail?: string, retryAfter?: number, cause?: unknown}} [options] detail: what exactly was reported, for
   *   developers; retryAfter: seconds
   */
  constructor(code, options = {}) {
    const { title, remedy, passing = false } = words[code];
    super(`${title}. ${remedy}`, { cause: options.cause });
    this.name = "LiveHeadError";
    this.code = code;
    this.title = title;
    this.remedy = remedy;
    /** Whether the same thing may work later without anybody changing anything. */
    this.passing = passing;
    this.detail = options.detail ?? "";
    this.retryAfter = options.retryAfter;
  }
}

/**
 * Any thrown thing as a {@link LiveHeadError}.
 *
 * @param {unknown} thrown
 * @returns {LiveHeadError}
 */
export function asError(thrown) {
  if (thrown instanceof LiveHeadError) return thrown;
  return new LiveHeadError("refused", { detail: thrown instanceof Error ? thrown.message : String(thrown), cause: thrown });
}

/** @type {Readonly<Record<string, Code>>} the names that getUserMedia throws, of the W3C text and of older browsers */
const microphone = Object.freeze({
  NotAllowedError: "microphone-denied",
  PermissionDeniedError: "microphone-denied",
  SecurityError: "microphone-denied",
  NotFoundError: "microphone-missing",
  DevicesNotFoundError: "microphone-missing",
  OverconstrainedError: "microphone-missing",
  NotReadableError: "microphone-busy",
  TrackStartError: "microphone-busy",
});

/**
 * What getUserMedia threw, as ours.
 *
 * @param {unknown} thrown
 */
export function microphoneError(thrown) {
  const name = thrown instanceof Error ? thrown.name : "";
  const detail = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new LiveHeadError(microphone[name] ?? "microphone-failed", { detail, cause: thrown });
}

/**
 * A problem+json object (RFC 9457) of the server, as ours.
 *
 * @param {{type?: string, status?: number, title?: string, detail?: string, reason?: string, retry_after?: number}} problem
 * @param {number} [retryAfter] seconds, of a Retry-After header
 */
export function problemError(problem, retryAfter = problem.retry_after) {
  const type = problem.reason ?? problem.type?.split(/[/:#]/).pop() ?? "";
  return new LiveHeadError(problemCode(type, problem.status ?? 500), { detail: problem.detail ?? problem.title, retryAfter });
}

/**
 * @param {string} type the last part of the problem's type
 * @param {number} status
 * @returns {Code}
 */
function problemCode(type, status) {
  if (type === "full") return "server-full";
  if (type === "starting") return "server-starting";
  if (type === "draining") return "server-draining";
  if (type === "engine-down" || type === "engine") return "engine-down";
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "avatar-unknown";
  if (status === 429) return "rate-limit";
  if (status === 503) return "server-full";
  return status >= 500 ? "server-failed" : "refused";
}
