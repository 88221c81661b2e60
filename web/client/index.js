/** Everything a page may use. Importing it defines the `<live-head>` element. */
export { LiveHead } from "./element/live-head.js";
export { LiveHeadError } from "./errors.js";
export { FigureHistory } from "./figures.js";
export { FileSource } from "./sources/file-source.js";
export { Level } from "./sources/level.js";
export { MicrophoneSource, microphones } from "./sources/microphone-source.js";
export { Server } from "./server.js";
export { Session } from "./call/session.js";
export { NoSource } from "./sources/no-source.js";
export { StreamSource } from "./sources/stream-source.js";
export { LiveEvent, Request, request } from "./element/vocabulary.js";
