import { Server, type Avatar } from "livehead";
import type {} from "livehead/react";
import { useEffect, useState } from "react";
import { useLiveHead } from "./useLiveHead";

const SERVER = import.meta.env.VITE_LIVEHEAD ?? "http://localhost:8080";

export function App() {
  const { props, state, error, speaking, active, start, stop, interrupt } = useLiveHead();
  const [avatars, setAvatars] = useState<Avatar[]>([]);
  const [avatar, setAvatar] = useState("default");

  useEffect(() => {
    // Where the server is down, the element says so.
    new Server(SERVER).avatars().then(setAvatars, () => {});
  }, []);

  return (
    <main>
      <h1>A portrait in React</h1>
      <live-head {...props} src={SERVER} avatar={avatar} latency="low" voice="off" />
      <div className="bar">
        <button onClick={active ? stop : start}>{active ? "Stop" : "Talk"}</button>
        <button onClick={interrupt} disabled={!speaking}>Interrupt</button>
        <select aria-label="Portrait" value={avatar} onChange={({ target }) => setAvatar(target.value)}>
          {avatars.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
      </div>
      <p role="status" data-state={state}>{error ? error.title : WORDS[state]}</p>
    </main>
  );
}

const WORDS = {
  idle: "Press Talk, allow the microphone, and speak.",
  connecting: "Connecting…",
  live: "Live. The portrait says what you say.",
  degraded: "Live, but the picture is behind.",
  reconnecting: "Reconnecting…",
  closed: "The call is over.",
  error: "That did not work.",
};
