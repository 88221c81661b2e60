/** What `<live-head>` says over the picture, in plain words. Pure. */

/** @typedef {import("../call/session.js").Change} Change */

/**
 * @typedef {object} Words
 * @property {"none" | "busy" | "note" | "error"} kind busy has a spinner; an error is laid over the whole picture
 * @property {string} title
 * @property {string} [remedy]
 */

/** @type {Words} */
const NONE = Object.freeze({ kind: "none", title: "" });

/** @type {Readonly<Record<string, string>>} */
const endings = Object.freeze({
  idle: "Ended after a long silence",
  "time-limit": "The time is up",
  ended: "The conversation is over",
});

/**
 * @param {Pick<Change, "state" | "reason">} change
 * @param {{title: string, remedy: string} | null} error what keeps it from being started, or ended it
 * @param {boolean} asking whether the browser asks for the microphone
 * @returns {Words}
 */
export function words({ state, reason }, error, asking) {
  switch (state) {
    case "connecting":
      if (asking) return { kind: "busy", title: "Allow the microphone" };
      if (reason === "server-starting") return { kind: "busy", title: "The engine is starting…" };
      if (reason === "rate-limit") return { kind: "busy", title: "Waiting for the server…" };
      return { kind: "busy", title: "Connecting…" };
    case "reconnecting":
      return { kind: "busy", title: reason === "switching" ? "Switching over…" : "Reconnecting…" };
    case "degraded":
      if (reason === "network") return { kind: "note", title: "The network is unsteady" };
      if (reason === "draining") return { kind: "note", title: "The server is shutting down" };
      return { kind: "busy", title: reason?.startsWith("engine") ? "The engine is restarting…" : "The picture is behind…" };
    case "closed":
      return reason && endings[reason] ? { kind: "note", title: endings[reason] } : NONE;
    case "live":
      return NONE;
    default:
      return error ? { kind: "error", title: error.title, remedy: error.remedy } : NONE;
  }
}
