/** `<live-head>` in JSX of React 19: `import type {} from "livehead/react"`. */

import type { DetailedHTMLProps, HTMLAttributes } from "react";
import type { Latency, LiveHead, LiveHeadEventMap, RecordMode, Server, Source, TokenSource } from "./index.js";

type Events = { [Name in keyof LiveHeadEventMap as `on${Name}`]?: (event: LiveHeadEventMap[Name]) => void };

type Base = Omit<DetailedHTMLProps<HTMLAttributes<LiveHead>, LiveHead>, "onError">;

export interface LiveHeadProps extends Base, Events {
  src?: string;
  server?: Server | string;
  avatar?: string;
  latency?: Latency;
  source?: "mic" | "push" | Source | MediaStream | Blob;
  microphone?: boolean;
  microphoneMuted?: boolean;
  session?: string;
  voice?: boolean | "on" | "off";
  muted?: boolean;
  token?: TokenSource;
  seed?: number;
  record?: RecordMode | boolean;
  look?: string | { background: string };
  reconnect?: boolean | "on" | "off";
  controls?: boolean;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "live-head": LiveHeadProps;
    }
  }
}
