/** Types of the package `livehead`. The compiler checks that they agree with the code: see web/types-agree.ts. */

export type Preset = "low" | "balanced" | "throughput";
/** `auto` leaves the preset to the server. */
export type Latency = "auto" | Preset;
export type State = "idle" | "connecting" | "live" | "degraded" | "reconnecting" | "closed" | "error";
/** What the server keeps of a session: nothing, a film, or what renders it again. */
export type RecordMode = "off" | "film" | "replay";
export type MaybeToken = string | null | undefined;
/** A token, or a function that gets a fresh one for each call. */
export type TokenSource = MaybeToken | (() => MaybeToken | Promise<MaybeToken>);
/** Samples in [-1, 1] or 16 bit, mono; an AudioBuffer; an audio file. With a rate, an ArrayBuffer or Blob is PCM16LE, mono. */
export type Audio = ArrayBuffer | Int16Array | Float32Array | AudioBuffer | Blob;

export interface Change {
  state: State;
  previous: State;
  /** Why, in one word: a server's reason, an error's code, or null. */
  reason: string | null;
  /** Of reconnecting, from 1; 0 otherwise. */
  attempt: number;
  /** When it gives up. */
  attempts: number;
  /** Seconds until the next attempt. */
  wait: number;
}

/** Once a second; times in milliseconds; null where it is not known yet. */
export interface Figures {
  at: number;
  delay: number | null;
  bound: number | null;
  generateP50: number | null;
  generateP95: number | null;
  queue: number | null;
  repeated: number | null;
  dropped: number | null;
  skipped: number | null;
  serverFps: number | null;
  skew: number | null;
  fps: number | null;
  roundTrip: number | null;
  buffer: number | null;
  kbps: number | null;
  lost: number | null;
  /** The latency preset that the session has now, and what was chosen. */
  preset: string | null;
  latency: string | null;
  decoded: number | null;
  freezes: number | null;
  codec: string | null;
  size: string | null;
  path: string | null;
}

export interface Playback {
  interrupted: boolean;
  /** How much of it was sent to the viewers, in milliseconds. */
  spokenMs: number;
  /** How much of it a screen has shown; null where none reports that. */
  shownMs: number | null;
}

/** Microphone to screen, in milliseconds. */
export interface Measured {
  p50: number;
  p95: number;
  all: number[];
  missed: number;
  parts: { server: number | null; network: number | null; rest: number | null };
}

export interface Processing {
  echoCancellation: boolean;
  noiseSuppression: boolean;
  autoGainControl: boolean;
}

/** Where the audio comes from that is sent. */
export interface Source {
  kind: "microphone" | "file" | "stream" | "none";
  label: string;
  stream: MediaStream | null;
  open(processing: Processing): Promise<MediaStreamTrack | null>;
  process?(processing: Processing): Promise<MediaStreamTrack | null>;
  begin(again: boolean): void;
  hold(): void;
  close(): void;
  onlost: ((reason: LiveHeadError) => void) | null;
}

export interface Avatar {
  id: string;
  name: string;
  width: number;
  height: number;
  image: string;
}

export interface Info {
  version: string;
  engine: { name: string; variant?: string | null; size?: number; fps?: number; device?: string };
  /** `auto` is the `preset` that a session opened now would get. */
  latency: Record<string, { preset?: Preset; hop: number; lookahead: number; bound_ms: number; delay_ms: { p50: number; p95: number } | null }>;
  default_latency: Latency;
  sessions: {
    active: number;
    max: number | null;
    load: number | null;
    by_preset: Record<string, { active: number; max: number; room: number }>;
    auto?: { active: number; max: number; room: number } | null;
  };
}

export type ErrorCode =
  | "animation" | "avatar-unknown" | "builtin-portrait" | "camera-denied" | "camera-failed" | "camera-insecure"
  | "camera-missing" | "claim" | "connection-lost" | "consent" | "crop" | "disk-full" | "engine-down" | "file-unreadable"
  | "flood" | "forbidden" | "host" | "insecure-origin" | "key-in-url" | "key-revoked" | "key-unknown" | "look"
  | "media-blocked" | "microphone-busy" | "microphone-denied" | "microphone-failed" | "microphone-lost"
  | "microphone-missing" | "microphone-policy" | "no-face" | "no-picture" | "no-session" | "origin" | "portrait"
  | "rate-limit" | "refused" | "relay-expired" | "relay-full" | "relay-refused" | "relay-unreachable" | "role"
  | "say-failed" | "say-unavailable" | "server-draining" | "server-failed" | "server-full" | "server-starting"
  | "server-unreachable" | "session-unknown" | "speech-refused" | "still-recording" | "token-expired" | "token-failed"
  | "token-invalid" | "too-large" | "too-many-films" | "too-many-portraits" | "too-many-viewers" | "unauthorized"
  | "unsupported-type" | "uses" | "webrtc-unsupported";

/** `message` is title and remedy together, in words fit for the user. */
export class LiveHeadError extends Error {
  constructor(code: ErrorCode, options?: { detail?: string; status?: number; type?: string; retryAfter?: number; cause?: unknown });
  code: ErrorCode;
  title: string;
  remedy: string;
  /** Whether the same thing may work later without anybody changing anything. */
  passing: boolean;
  /** Whether another token may mend it. */
  wantsToken: boolean;
  /** What exactly was reported, for developers. */
  detail: string;
  /** HTTP status of the server's answer. */
  status: number | undefined;
  /** Problem type of the server's answer (RFC 9457). */
  type: string | undefined;
  /** Seconds. */
  retryAfter: number | undefined;
}

/** The HTTP side of a server. */
export class Server {
  constructor(src: string, token?: TokenSource);
  url: string;
  info(): Promise<Info>;
  avatars(): Promise<Avatar[]>;
  iceServers(): Promise<RTCIceServer[]>;
  image(id: string): string;
  say(session: string, text: string, voice?: string): Promise<void>;
}

/** What `<live-head>` dispatches; none of it bubbles. */
export interface LiveHeadEventMap {
  /** The last three while it reconnects, `wait` in seconds. */
  statechange: CustomEvent<Change>;
  /** The server has answered, and your backend may be told; again after a reconnect, with a new id. */
  sessionready: CustomEvent<{ session: string }>;
  /** The portrait's first frame is on the screen. */
  ready: CustomEvent<null>;
  /** The portrait begins to speak. */
  speaking: CustomEvent<null>;
  /** It has ceased to. */
  silent: CustomEvent<null>;
  /** Somebody at the microphone begins to speak. */
  userspeaking: CustomEvent<null>;
  /** And has ceased to. */
  usersilent: CustomEvent<null>;
  /** Whether the server keeps a recording of the call, and its id, for `/v1/recordings/{id}`. */
  recordingchange: CustomEvent<{ recording: boolean; id: string | null }>;
  /** The latency preset that the call has now: `by` the `server`, as its load allows, or the `client`; null for the first one. */
  latencychange: CustomEvent<{ preset: Preset; by: "server" | "client" | null }>;
  /** Once a second: `delay`, `bound`, `fps`, `repeated`, `roundTrip`, … in milliseconds. */
  stats: CustomEvent<Figures>;
  /** Fatal when the call is over. */
  error: CustomEvent<{ error: LiveHeadError; fatal: boolean }>;
  /** The audio source that is in use now. */
  sourcechange: CustomEvent<{ source: Source }>;
  /** Forced when the browser refused to play audio, so that you can ask for a click. */
  voicechange: CustomEvent<{ muted: boolean; forced: boolean }>;
}

/**
 * `<live-head src="https://server" avatar="default" controls>`: talk, and a portrait speaks.
 *
 * Every attribute is a property, too, which takes what the attribute does; null and undefined remove it.
 *
 * @attr state - `idle`, `connecting`, `live`, `degraded`, `reconnecting`, `closed`, `error`
 * @attr reason - why, in one word: `network`, `engine-down`, `draining`, `connection-lost`, `switching`, or an error's code; with `closed`: `idle` (nobody spoke for long), `time-limit` (it lasted as long as it may) or `ended` (the session that was joined is over)
 * @attr recording - the server keeps a recording of this call
 * @slot - anything inside the element is laid over the picture
 * @csspart placeholder - the neutral shape, where there is no portrait
 * @csspart poster - the portrait's image before a call
 * @csspart held - the last frame while it reconnects
 * @csspart video - the live picture
 * @csspart transparent - the live picture of the look `transparent`
 * @csspart recording - the dot that says that it is recorded
 * @csspart notice - the words of an error, over the whole picture
 * @csspart status - the words of a state, in a corner
 * @csspart toggle - the button
 * @cssprop --live-head-background - what is behind the picture: `#2e323a`, with the look `transparent` nothing
 * @cssprop --live-head-fit - how the picture fills the element, as `object-fit` has it: `cover`
 */
export class LiveHead extends HTMLElement {
  /** Address of the server, which may have a path; the page's own server when missing. */
  get src(): string;
  set src(url: string | null | undefined);
  /** The HTTP side of the server: `await live.server.avatars()`, `await live.server.info()`. */
  get server(): Server;
  set server(given: Server | string | null | undefined);
  /** An id from `/v1/avatars`; may be changed during a call. */
  get avatar(): string;
  set avatar(id: string | null | undefined);
  /** The server's default when missing; with `auto` it gives the call the lowest delay that its load allows. May be changed during a call. */
  get latency(): Latency | undefined;
  set latency(preset: Latency | null | undefined);
  /**
   * Who speaks: `mic`, the default, whoever is at this page; `push` a backend, or the page by `say()`, and no microphone is
   * asked for. The property also takes where the audio comes from that is sent, and gives that.
   */
  get source(): Source;
  set source(given: "mic" | "push" | Source | MediaStream | Blob | (string & {}) | null | undefined);
  /** What the attribute `source` says. */
  get mode(): "mic" | "push";
  /** With `source="push"` or `session`: the microphone is sent all the same, for a backend that listens. */
  get microphone(): boolean;
  set microphone(on: boolean | string | null | undefined);
  /** Silence is sent instead of the microphone, while it is true. */
  get microphoneMuted(): boolean;
  set microphoneMuted(on: boolean);
  /** The id of a session that is there already: it is joined as one of its viewers, and none is opened. */
  get session(): string | null;
  set session(id: string | null | undefined);
  /**
   * Whether the portrait's audio is sent here, in step with the picture; may be switched during a call. `off` when missing,
   * `on` with `source="push"` or `session`.
   */
  get voice(): boolean;
  set voice(on: boolean | "on" | "off" | null | undefined);
  /** The portrait's voice is not heard in this browser. */
  get muted(): boolean;
  set muted(on: boolean | string | null | undefined);
  /** An access token, for servers with keys; better set as a property, which may be a function that gets one. */
  get token(): TokenSource;
  set token(source: TokenSource);
  /** The same seed gives the same idle movements. */
  get seed(): number | null;
  set seed(seed: number | string | null | undefined);
  /** What is behind the portrait: one of these, `#rrggbb`, or the id of an avatar whose image it is; may be changed during a call. */
  get look(): string | null;
  set look(look: "keep" | "blur" | "transparent" | (string & {}) | { background: string } | null | undefined);
  /** What the server keeps of the next call: a film, or what renders it again. Without a value a film. */
  get record(): RecordMode;
  set record(mode: RecordMode | boolean | null | undefined);
  /** Whether a call that is lost is made again, with the same options. `on` when missing. */
  get reconnect(): boolean;
  set reconnect(on: boolean | "on" | "off" | null | undefined);
  /** A start and stop button is shown. */
  get controls(): boolean;
  set controls(on: boolean | string | null | undefined);
  /** As the attribute. */
  get state(): State;
  /** A call is up, or being brought up. */
  get active(): boolean;
  /** The session's id on the server, for a backend; null while there is none. */
  get sessionId(): string | null;
  /** As the attribute. */
  get recording(): boolean;
  /** The latency preset that the call has now, which with `latency="auto"` the server chooses; null while there is none. */
  get preset(): Preset | null;
  /** What went wrong last; null after a start. */
  get error(): LiveHeadError | null;
  /** The video element, to draw from. */
  get video(): HTMLVideoElement;
  /**
   * Calls the server. Resolves when the portrait's first frame is on the screen; rejects with a `LiveHeadError`, or with an
   * `AbortError` where `stop()` came first.
   */
  start(): Promise<void>;
  /** Ends the call. May be called twice. */
  stop(): void;
  /** Drops what has not been shown; the portrait falls to rest. */
  interrupt(): void;
  /**
   * Lets the portrait speak, with `source="push"` or `session`. A text: resolves with null when its first audio is there.
   * Audio: when it was spoken or interrupted.
   */
  say(what: string | Audio, options?: { rate?: number; voice?: string }): Promise<Playback | null>;
  /** Silences the portrait's voice in this browser. */
  mute(): void;
  /** Lets it be heard again. */
  unmute(): void;
  /** Measures the time from microphone to picture, with tones and the test pattern. */
  measure(options?: { bursts?: number; progress?: (done: number, of: number) => void; signal?: AbortSignal }): Promise<Measured>;
  addEventListener<K extends keyof LiveHeadEventMap>(
    type: K,
    listener: (this: LiveHead, event: LiveHeadEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof LiveHeadEventMap>(
    type: K,
    listener: (this: LiveHead, event: LiveHeadEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void;
}

/** A microphone of this device. */
export class MicrophoneSource implements Source {
  constructor(deviceId?: string);
  deviceId: string;
  kind: "microphone";
  get label(): string;
  stream: MediaStream | null;
  onlost: Source["onlost"];
  open(processing: Processing): Promise<MediaStreamTrack | null>;
  process(processing: Processing): Promise<MediaStreamTrack | null>;
  begin(): void;
  hold(): void;
  close(): void;
}

/** An audio file, played into the call as if it were spoken. Fires `progress` while it plays, `ended` at its end. */
export class FileSource extends EventTarget implements Source {
  constructor(file: Blob & { name?: string });
  file: Blob & { name?: string };
  kind: "file";
  get label(): string;
  get duration(): number;
  get position(): number;
  get playing(): boolean;
  get loop(): boolean;
  set loop(on: boolean);
  stream: MediaStream | null;
  onlost: Source["onlost"];
  check(): Promise<number>;
  open(processing: Processing): Promise<MediaStreamTrack | null>;
  begin(again: boolean): void;
  hold(): void;
  play(): Promise<void>;
  pause(): void;
  close(): void;
}

/** A stream of the page's own, which is never stopped. */
export class StreamSource implements Source {
  constructor(stream: MediaStream);
  kind: "stream";
  get label(): string;
  stream: MediaStream | null;
  onlost: Source["onlost"];
  open(processing: Processing): Promise<MediaStreamTrack | null>;
  begin(): void;
  hold(): void;
  close(): void;
}

/** Nothing of this device is sent. */
export class NoSource implements Source {
  kind: "none";
  label: string;
  stream: MediaStream | null;
  onlost: Source["onlost"];
  open(): Promise<null>;
  begin(): void;
  hold(): void;
  close(): void;
}

export interface SessionOptions {
  server: string;
  session?: string;
  avatar: string;
  latency?: Latency;
  source: "mic" | "push";
  voice: boolean;
  probe: boolean;
  token?: TokenSource;
  seed?: number;
  record?: RecordMode;
  /** What is behind the portrait. */
  look?: string;
  /** False where a call that is lost is not made again. */
  reconnect?: boolean;
}

export interface SessionHandlers {
  change(change: Change): void;
  session(session: string): void;
  media(stream: MediaStream): void;
  activity(who: "avatar" | "user", activity: "speaking" | "silent"): void;
  recording?(on: boolean, id: string | null): void;
  /** The latency preset that the session has now; `by` null for the first one. */
  latency?(preset: Preset, by: "server" | "client" | null): void;
  stats(figures: Figures): void;
  error(error: LiveHeadError, fatal: boolean): void;
}

/** A conversation without an element. */
export class Session {
  constructor(handlers: SessionHandlers);
  state: State;
  id: string | null;
  get active(): boolean;
  muted: boolean;
  start(options: SessionOptions, source: Source): Promise<void>;
  stop(): void;
  /** To be called when the first frame of each call is on the screen. */
  shown(): void;
  use(source: Source): Promise<Source | null>;
  change(changes: Partial<SessionOptions>): void;
  interrupt(): void;
}

/** The last figures, oldest first. */
export class FigureHistory {
  constructor(seconds?: number);
  seconds: number;
  push(figures: Figures): void;
  clear(): void;
  get values(): readonly Figures[];
}

/** The loudness of a stream, for a meter. */
export class Level {
  constructor(stream: MediaStream);
  /** 0 for −60 dBFS and under, 1 for full scale. */
  read(): number;
  close(): void;
}

export function microphones(): Promise<MediaDeviceInfo[]>;

export const LiveEvent: Readonly<{
  STATE: "statechange";
  SESSION: "sessionready";
  READY: "ready";
  SPEAKING: "speaking";
  SILENT: "silent";
  USER_SPEAKING: "userspeaking";
  USER_SILENT: "usersilent";
  RECORDING: "recordingchange";
  STATS: "stats";
  ERROR: "error";
  SOURCE: "sourcechange";
  VOICE: "voicechange";
}>;

export const Request: Readonly<{
  /** Call. */
  START: "startrequest";
  /** End the call. */
  STOP: "stoprequest";
  /** The portrait's voice is not to be heard here. */
  MUTE: "muterequest";
  /** It is to be heard. */
  UNMUTE: "unmuterequest";
  /** The portrait is to fall silent. */
  INTERRUPT: "interruptrequest";
  /** Another portrait: its id is the `detail`. */
  AVATAR: "avatarrequest";
  /** Another preset, or `auto`: its name is the `detail`. */
  LATENCY: "latencyrequest";
}>;

/** Ask the `<live-head>` round a control for something. */
export function request(control: EventTarget, name: string, detail?: unknown): void;

declare global {
  interface HTMLElementTagNameMap {
    "live-head": LiveHead;
  }
}
