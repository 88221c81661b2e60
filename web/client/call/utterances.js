import { LiveHeadError } from "../errors.js";
import { pcm } from "../sources/pcm.js";
import { Speech } from "./speech.js";

/** @typedef {import("./speech.js").Playback} Playback */

const INTERRUPTED = "urn:livehead:interrupted";

/** What a page lets a portrait say, in whichever session is up. */
export class Utterances {
  /** @type {Speech | null} */
  #speech = null;

  /**
   * @param {{server: import("../server.js").Server, session: string | null, token: import("../token.js").Token}} call
   * @param {string | import("../sources/pcm.js").Audio} what
   * @param {{rate?: number, voice?: string}} options
   * @returns {Promise<Playback | null>} rejects with a {@link LiveHeadError}
   */
  async say({ server, session, token }, what, { rate, voice }) {
    if (!session) throw new LiveHeadError("no-session");
    if (typeof what === "string") {
      await server.say(session, what, voice).catch((error) => {
        if (error.type !== INTERRUPTED) throw error; // somebody wants it unsaid
      });
      return null;
    }
    const samples = await pcm(what, rate);
    if (this.#speech?.session !== session) {
      this.close();
      this.#speech = new Speech(server.url, session, token);
    }
    return this.#speech.say(samples);
  }

  /** @returns {boolean} whether there was a socket to say it on */
  interrupt() {
    return this.#speech?.interrupt() ?? false;
  }

  close() {
    this.#speech?.close();
    this.#speech = null;
  }
}
