import { LiveHeadError } from "livehead";
import type {} from "livehead/react";
import { useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import type { LiveHead } from "livehead";

/** Where the server is: `?server=…` of the page. */
const server = new URLSearchParams(location.search).get("server") ?? "";

export function App() {
  const head = useRef<LiveHead>(null);
  const [voice, setVoice] = useState<boolean | "on" | "off">("off");
  const [token, setToken] = useState<string | undefined>("abc");
  const [events, setEvents] = useState<string[]>([]);
  const [session, setSession] = useState("");
  const note = (text: string) => setEvents((before) => [...before, text]);
  return (
    <div style={{ display: "flex" }}>
      <live-head
        id="live"
        ref={head}
        src={server}
        server={server}
        avatar="amara"
        latency="low"
        source="push"
        seed={7}
        voice={voice}
        muted={false}
        record={false}
        token={token}
        controls
        onready={() => note("ready")}
        onsessionready={({ detail }) => setSession(detail.session)}
        onstatechange={({ detail: { state } }) => note(state)}
        onerror={({ detail: { error, fatal } }) => note(`${error.code} ${fatal}`)}
      />
      <output id="events">{events.join(" ")}</output>
      <output id="session">{session}</output>
      <button id="start" onClick={() => head.current?.start().catch((error: unknown) => note(error instanceof LiveHeadError ? error.title : "other"))} />
      <button id="voice" onClick={() => setVoice(true)} />
      <button id="forget" onClick={() => setToken(undefined)} />
    </div>
  );
}

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
