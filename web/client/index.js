/** Everything a page may use. Importing it defines the `<live-head>` element. */
export { LiveHead } from "./live-head.js";
export { LiveHeadError } from "./errors.js";
export { FigureHistory } from "./figures.js";
export { FileSource } from "./file-source.js";
export { Level } from "./level.js";
export { MicrophoneSource, microphones } from "./microphone-source.js";
export { Server } from "./server.js";
export { Session } from "./session.js";
export { StreamSource } from "./stream-source.js";
export { LiveEvent, Request, request } from "./vocabulary.js";
