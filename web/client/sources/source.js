/**
 * Where the audio comes from. One typedef for all sources: a microphone, a file, a stream of the page's own.
 *
 * @typedef {object} Source
 * @property {"microphone" | "file" | "stream" | "none"} kind
 * @property {string} label for people
 * @property {MediaStream | null} stream what is sent, between `open` and `close`; for a level meter
 * @property {(processing: Processing) => Promise<MediaStreamTrack | null>} open
 *   null where nothing is sent; may be called again after `close`; rejects with a {@link import("../errors.js").LiveHeadError}
 * @property {(processing: Processing) => Promise<MediaStreamTrack | null>} [process] other processing from now on; the track
 *   that is to be sent instead, null where the one that is sent goes on; may reject
 * @property {(again: boolean) => void} begin the portrait is there now: a file starts to play, or goes on after a `hold`
 * @property {() => void} hold the connection was lost: a file waits
 * @property {() => void} close may be called twice
 * @property {((reason: import("../errors.js").LiveHeadError) => void) | null} onlost set by the session: the device went away
 */

/**
 * What the browser may do to a microphone's audio.
 *
 * @typedef {object} Processing
 * @property {boolean} echoCancellation
 * @property {boolean} noiseSuppression
 * @property {boolean} autoGainControl
 */

export {};
