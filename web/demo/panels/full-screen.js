import { box, icon, part } from "../page.js";

/** The stage in full screen, its controls with it. */
export function fullScreenButton() {
  const button = part("wide", HTMLButtonElement);
  const stage = box("stage");
  if (!document.fullscreenEnabled) button.hidden = true; // as on an iPhone
  button.addEventListener("click", () => void (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen()).catch(() => {}));
  document.addEventListener("fullscreenchange", () => {
    const on = document.fullscreenElement === stage;
    button.setAttribute("aria-pressed", String(on));
    icon(button, on ? "narrow" : "wide");
  });
}
