import { useRef, useState } from "react";
import type { LiveHead, LiveHeadError, LiveHeadEventMap, State } from "livehead";

/** The state of a `<live-head>` as the state of a component, and the handlers that keep it so. */
export function useLiveHead() {
  const head = useRef<LiveHead>(null);
  const [state, setState] = useState<State>("idle");
  const [error, setError] = useState<LiveHeadError | null>(null);
  const [speaking, setSpeaking] = useState(false);
  return {
    state,
    error,
    speaking,
    active: state !== "idle" && state !== "closed" && state !== "error",
    // A start that fails is told by the event `error`, too.
    start: () => void head.current?.start().catch(() => {}),
    stop: () => head.current?.stop(),
    interrupt: () => head.current?.interrupt(),
    props: {
      ref: head,
      onstatechange: ({ detail }: LiveHeadEventMap["statechange"]) => {
        setState(detail.state);
        if (detail.state === "connecting") setError(null);
      },
      onerror: ({ detail }: LiveHeadEventMap["error"]) => setError(detail.error),
      onspeaking: () => setSpeaking(true),
      onsilent: () => setSpeaking(false),
    },
  };
}
