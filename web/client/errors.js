/**
 * Everything that can go wrong, each with a stable code, what happened, and what to do next.
 * The words are for the person in front of the page; the code is for programs.
 */

/**
 * @typedef {"microphone-denied" | "microphone-missing" | "microphone-busy" | "microphone-failed" | "microphone-lost"
 *   | "insecure-origin" | "webrtc-unsupported" | "server-unreachable" | "server-full" | "server-starting"
 *   | "server-draining" | "engine-down" | "unauthorized" | "token-expired" | "token-invalid" | "token-failed"
 *   | "key-unknown" | "key-revoked" | "key-in-url" | "forbidden" | "role" | "claim" | "uses" | "origin" | "host"
 *   | "rate-limit" | "too-large" | "flood" | "avatar-unknown" | "refused" | "server-failed" | "media-blocked"
 *   | "relay-refused" | "relay-expired" | "relay-unreachable" | "relay-full" | "connection-lost" | "file-unreadable" | "microphone-policy" | "session-unknown" | "too-many-viewers" | "no-session"
 *   | "speech-refused" | "say-unavailable" | "say-failed" | "no-picture" | "camera-denied" | "camera-missing" | "camera-failed"
 *   | "camera-insecure" | "consent" | "no-face" | "animation" | "portrait" | "crop" | "unsupported-type" | "too-many-portraits"
 *   | "builtin-portrait" | "disk-full" | "too-many-films" | "still-recording" | "look"} Code
 */

/** @type {Readonly<Record<Code, {title: string, remedy: string, passing?: true, wantsToken?: true}>>} */
const words = Object.freeze({
  "microphone-denied": {
    title: "The microphone is blocked",
    remedy: "Allow it in the browser: open the site settings next to the address, set Microphone to Allow, then try again.",
  },
  "microphone-policy": {
    title: "This frame may not use the microphone",
    remedy: 'The page round it does not pass the permission on. Its owner adds allow="microphone" to the iframe.',
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
    title: "An access token is needed",
    remedy: "This server answers only those who bring one. Reload the page; if that does not help, its owner must provide a token.",
    wantsToken: true,
  },
  "token-expired": {
    title: "The access token has expired",
    remedy: "Reload the page to get a new one, then start again.",
    wantsToken: true,
  },
  "token-invalid": {
    title: "The access token is not valid",
    remedy: "It is damaged, or it was made by another server. Reload the page to get a new one.",
    wantsToken: true,
  },
  "token-failed": {
    title: "The page got no access token",
    remedy: "Its own server did not give one. Try again in a moment; if that does not help, the page's owner must look.",
    passing: true,
  },
  "key-unknown": {
    title: "This API key is not known",
    remedy: "It is mistyped, or it was revoked. Use another one.",
    wantsToken: true,
  },
  "key-revoked": {
    title: "Access was withdrawn",
    remedy: "The API key behind it has been revoked. The server's owner can give you a new one.",
    wantsToken: true,
  },
  "key-in-url": {
    title: "An API key stood in an address",
    remedy: "Addresses are kept in logs, so the key is no secret any more. Revoke it, and give pages access tokens instead.",
    wantsToken: true,
  },
  forbidden: {
    title: "The server does not allow this",
    remedy: "Its owner can tell why: the server's log has a line for each refusal.",
  },
  role: {
    title: "The access token does not allow this",
    remedy: "A call needs a token with the role open. Use another token, or an API key.",
    wantsToken: true,
  },
  claim: {
    title: "The access token is for something else",
    remedy: "It is limited to another portrait, source or session. Choose the one it is for, or use another token.",
    wantsToken: true,
  },
  uses: {
    title: "The access token is used up",
    remedy: "It was made for a certain number of calls. Use a new one.",
    wantsToken: true,
  },
  origin: {
    title: "This site may not use the server",
    remedy: "The server's owner must allow the site's origin (LIVEHEAD_CORS_ORIGINS).",
  },
  host: {
    title: "The server does not go by this name",
    remedy: "Open it as localhost or by its address. The server's owner can add the name (LIVEHEAD_ALLOWED_HOSTS).",
  },
  "rate-limit": {
    title: "Too many tries",
    remedy: "The server takes only so many from one client at a time. In a moment it takes more.",
    passing: true,
  },
  "too-large": {
    title: "Too large for the server",
    remedy: "Save it smaller and try again: a picture may have 10 MB and 40 million pixels. The server's owner sets other limits.",
  },
  flood: {
    title: "The server ended the call",
    remedy: "This browser sent far more than a call needs. Reload the page, then start again.",
  },
  "avatar-unknown": {
    title: "This portrait is not there any more",
    remedy: "Choose another portrait.",
  },
  "session-unknown": {
    title: "This conversation is over",
    remedy: "Or it never was there. Start a new one.",
  },
  "too-many-viewers": {
    title: "Too many are watching",
    remedy: "This conversation takes no more viewers. Try again when one of them has left.",
    passing: true,
  },
  "no-session": {
    title: "There is no call",
    remedy: "Start one first; then the portrait can speak.",
  },
  "speech-refused": {
    title: "The portrait takes no speech from here",
    remedy: 'Something else speaks through it already, the call was not started with source="push", or the access token does not allow to speak.',
  },
  "say-unavailable": {
    title: "This server cannot read text aloud",
    remedy: "Its owner can choose a speech synthesis, as in livehead serve --tts espeak.",
  },
  "say-failed": {
    title: "The text was not spoken",
    remedy: "The server's speech synthesis gave no audio. Try again in a moment; if that does not help, the server's log says why.",
    passing: true,
  },
  "no-picture": {
    title: "No picture comes",
    remedy: "The server answers, but sends none. Try again. If it happens again, the server's log says why.",
    passing: true,
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
  "relay-refused": {
    title: "The relay refuses the call",
    remedy:
      "No direct way leads through this network, and the server's TURN relay rejects its credentials. Try another network. " +
      "The server's owner must give both the same secret (LIVEHEAD_TURN_SECRET) and the right time.",
  },
  "relay-expired": {
    title: "The relay's credentials have expired",
    remedy: "They are good for minutes, and their time is over already: the clock of this device or of the server is wrong. Set it, then try again.",
  },
  "relay-unreachable": {
    title: "The relay does not answer",
    remedy:
      "No direct way leads through this network, and the server's TURN relay cannot be reached. Try another network. " +
      "The server's owner can check that it runs, and that its port is open (LIVEHEAD_TURN_URLS).",
  },
  "relay-full": {
    title: "The relay is full",
    remedy: "No direct way leads through this network, and the server's TURN relay takes no more calls. Try again in a moment.",
    passing: true,
  },
  "connection-lost": {
    title: "The connection was lost",
    remedy: "Several attempts to reconnect failed. Check the network, then connect again.",
  },
  "camera-denied": {
    title: "The camera is blocked",
    remedy: "Allow it in the browser: open the site settings next to the address, set Camera to Allow, then try again. Or upload a picture.",
  },
  "camera-missing": {
    title: "No camera found",
    remedy: "Plug one in or switch it on, then try again. Or upload a picture.",
  },
  "camera-failed": {
    title: "The camera could not be opened",
    remedy: "Another program may hold it. Close that program, then try again. Or upload a picture.",
  },
  "camera-insecure": {
    title: "This address may not use the camera",
    remedy: "Browsers only allow it on https:// and on localhost. You can upload a picture instead.",
  },
  consent: {
    title: "Consent is missing",
    remedy: "A portrait is taken only with the consent of whoever is in it. Tick the statement, then try again.",
  },
  "no-face": {
    title: "There is no face in the picture",
    remedy: "Choose a picture of one person who looks into the camera, with the whole head in it.",
  },
  animation: {
    title: "The picture moves",
    remedy: "A portrait is one still picture. Save one of its frames as JPEG or PNG, and choose that.",
  },
  portrait: {
    title: "This picture cannot be used",
    remedy: "It is damaged or too small. Choose a JPEG, PNG or WebP picture of at least 128 by 128 pixels.",
  },
  crop: {
    title: "The part that was chosen does not fit",
    remedy: "It must lie within the picture. Move it, or choose the picture again.",
  },
  "unsupported-type": {
    title: "This is no picture that can be used",
    remedy: "Choose a photo or painting as JPEG, PNG or WebP.",
  },
  "too-many-portraits": {
    title: "There is no room for another portrait",
    remedy: "Delete one that you do not need, then try again.",
  },
  "builtin-portrait": {
    title: "This portrait came with the server",
    remedy: "Only portraits of your own can be renamed or deleted.",
  },
  "disk-full": {
    title: "The server's disk is full",
    remedy: "Delete portraits or films that you do not need. Its owner can make more room.",
  },
  "too-many-films": {
    title: "There is no room for another film",
    remedy: "Delete one that you do not need, then start again. Or call without a film.",
  },
  "still-recording": {
    title: "The film is still being made",
    remedy: "End the call first; a moment later the film is there.",
  },
  look: {
    title: "The engine cannot give it this background",
    remedy: "Choose another background.",
  },
  "file-unreadable": {
    title: "This file cannot be played",
    remedy: "Choose an audio file that the browser can play: WAV, MP3, M4A, Ogg or FLAC.",
  },
});

/** Every code there is. @type {readonly Code[]} */
export const codes = Object.freeze(/** @type {Code[]} */ (Object.keys(words)));

/** Something went wrong, in words fit for the user. `message` is title and remedy together. */
export class LiveHeadError extends Error {
  /**
   * @param {Code} code
   * @param {{detail?: string, status?: number, type?: string, retryAfter?: number, cause?: unknown}} [options] detail:
   *   what exactly was reported, for developers; status, type: of the server's answer; retryAfter: seconds
   */
  constructor(code, options = {}) {
    const { title, remedy, passing = false, wantsToken = false } = words[code];
    super(`${title}. ${remedy}`, { cause: options.cause });
    this.name = "LiveHeadError";
    this.code = code;
    this.title = title;
    this.remedy = remedy;
    /** Whether the same thing may work later without anybody changing anything. */
    this.passing = passing;
    /** Whether another token may mend it. */
    this.wantsToken = wantsToken;
    this.detail = options.detail ?? "";
    /** HTTP status of the server's answer; undefined where it gave none. */
    this.status = options.status;
    /** Problem type of the server's answer (RFC 9457), `urn:livehead:…`. */
    this.type = options.type;
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
  const code = microphone[name] ?? "microphone-failed";
  return new LiveHeadError(code === "microphone-denied" && !allowed() ? "microphone-policy" : code, { detail, cause: thrown });
}

/** Whether the pages round this one let it use the microphone at all. Not every browser tells. */
function allowed() {
  const page = /** @type {any} */ (globalThis.document);
  return (page?.permissionsPolicy ?? page?.featurePolicy)?.allowsFeature("microphone") ?? true;
}

/**
 * A problem+json object (RFC 9457) of the server, as ours.
 *
 * @param {{type?: string, status?: number, title?: string, detail?: string, reason?: string, retry_after?: number}} problem
 * @param {number} [retryAfter] seconds, of a Retry-After header
 */
export function problemError(problem, retryAfter = problem.retry_after) {
  const { status = 500, type } = problem;
  const name = problem.reason ?? type?.split(/[/:#]/).pop() ?? "";
  return new LiveHeadError(problemCode(name, status), { detail: problem.detail ?? problem.title, status, type, retryAfter });
}

/** @type {Readonly<Record<string, Code>>} what the server calls otherwise than this page */
const renamed = Object.freeze({
  full: "server-full",
  starting: "server-starting",
  draining: "server-draining",
  engine: "engine-down",
  failed: "server-failed",
  "synthesis-failed": "say-failed",
  "synthesis-timeout": "say-failed",
  "synthesis-busy": "say-failed",
});

/** @type {ReadonlySet<string>} problems of the server that keep their name */
const kept = new Set(["engine-down", "unauthorized", "token-expired", "token-invalid", "key-unknown", "key-revoked", "key-in-url",
  "forbidden", "role", "claim", "uses", "origin", "host", "rate-limit", "too-large", "too-many-viewers", "consent", "no-face",
  "animation", "portrait", "crop", "unsupported-type", "too-many-portraits", "builtin-portrait", "disk-full", "too-many-films",
  "still-recording", "look"]);

/**
 * @param {string} name the last part of the problem's type
 * @param {number} status
 * @returns {Code}
 */
function problemCode(name, status) {
  if (Object.hasOwn(renamed, name)) return renamed[name];
  if (kept.has(name)) return /** @type {Code} */ (name);
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "avatar-unknown";
  if (status === 413) return "too-large";
  if (status === 429) return "rate-limit";
  if (status === 501) return "say-unavailable";
  if (status === 503) return "server-full";
  return status >= 500 ? "server-failed" : "refused";
}
