/** What the types say without React. */
import "livehead";
import { LiveHead, type Playback } from "livehead";

const head = document.createElement("live-head");
const same: LiveHead = head;
document.querySelector("live-head")?.addEventListener("sessionready", ({ detail }) => detail.session.toUpperCase());
head.addEventListener("click", (event) => event.preventDefault());
head.voice = "off";
head.token = async () => "fresh";
// @ts-expect-error a number is no token
head.token = 7;
// @ts-expect-error the state is the element's own affair
head.state = "live";
const playback: Playback | null = await same.say(new Int16Array(10), { rate: 24_000 });
export default playback?.shownMs;
