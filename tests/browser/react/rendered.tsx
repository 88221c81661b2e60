/** A component on a page that a server renders. */
import "livehead";
import type {} from "livehead/react";
import { useEffect, useState } from "react";

export function Portrait({ onstate }: { onstate: (state: string) => void }) {
  const [mounted, setMounted] = useState(false);
  useEffect(() => setMounted(true), []);
  return <div id="portrait">{mounted && <live-head token={() => "x"} onstatechange={({ detail }) => onstate(detail.state)} />}</div>;
}
