/** The shadow style of `<live-head>`. */
export const style = `
:host {
  position: relative;
  display: block;
  min-width: 0;
  max-width: 100%;
  aspect-ratio: 1;
  overflow: hidden;
  contain: content;
  background: var(--live-head-background, #2e323a);
}
:host([hidden]) { display: none; }
:host([look*="transparent"]) { background: var(--live-head-background, none); }
/* What it measures where its container leaves that open, as in a row of a flex box. */
.size { width: 320px; max-width: 100%; }
.frame {
  position: absolute;
  inset: 0;
  container-type: size;
  font: 500 0.875rem/1.4 system-ui, sans-serif;
  color: #fff;
}
[part="placeholder"], img, canvas, video {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  object-fit: var(--live-head-fit, cover);
}
[part="placeholder"] { fill: #4b515d; }
img:not([src]), img[data-missing], [part="held"]:not([data-held]) { visibility: hidden; }
video { opacity: 0; }
video[data-shown] { opacity: 1; }
:host([look*="transparent"]) :is([part="placeholder"], [part="poster"]) { display: none; }
:host([look*="transparent"]) video { opacity: 0; }
video:not([data-shown]) + [part="transparent"] { display: none; }
slot { position: absolute; inset: 0; display: block; pointer-events: none; }
::slotted(*) { pointer-events: auto; }

[part="status"], [part="notice"] { visibility: hidden; overflow-wrap: anywhere; }
[part="status"][data-shown], [part="notice"][data-shown] { visibility: visible; }
[part="status"] {
  position: absolute;
  inset: 0.75rem auto auto 0.75rem;
  max-width: calc(100% - 1.5rem);
  box-sizing: border-box;
  display: flex;
  align-items: center;
  gap: 0.5em;
  padding: 0.35em 0.8em;
  border-radius: 1.1em;
  background: rgb(12 13 16 / 0.78);
}
i {
  flex: none;
  width: 0.8em;
  height: 0.8em;
  border: 2px solid rgb(255 255 255 / 0.35);
  border-top-color: #fff;
  border-radius: 50%;
  animation: turn 0.8s linear infinite;
}
[part="status"]:not([data-busy]) i { display: none; }
@keyframes turn { to { rotate: 1turn; } }
@media (prefers-reduced-motion: reduce) { i { animation-duration: 4s; } }
[part="notice"] {
  position: absolute;
  inset: 0;
  box-sizing: border-box;
  display: flex;
  flex-direction: column;
  justify-content: center;
  padding: 1.25rem;
  background: rgb(12 13 16 / 0.78);
  box-shadow: inset 0 0 0 1px rgb(255 255 255 / 0.1);
}
/* What is too long for the place is scrolled: it fades out at the edge. */
[part="notice"] div {
  overflow: auto;
  max-height: 100%;
  padding-block-end: 1em;
  box-sizing: border-box;
  mask-image: linear-gradient(#000 calc(100% - 1.4em), transparent);
}
:host([controls]) [part="notice"] { padding-bottom: 4.5rem; }
strong { font-weight: 650; font-size: 1.0625rem; line-height: 1.3; text-wrap: balance; }
strong, [part="notice"] span { display: block; max-width: 34rem; }
[part="notice"] span { margin-top: 0.35em; color: rgb(255 255 255 / 0.86); }

[part="recording"] {
  position: absolute;
  inset: 0.75rem 0.75rem auto auto;
  width: 0.75rem;
  height: 0.75rem;
  border-radius: 50%;
  background: #e5484d;
  box-shadow: 0 0 0 3px rgb(12 13 16 / 0.55);
}
:host(:not([recording])) [part="recording"] { display: none; }

button {
  position: absolute;
  right: 0.75rem;
  bottom: 0.75rem;
  display: flex;
  align-items: center;
  gap: 0.3em;
  height: 2.75rem;
  min-width: 2.75rem;
  box-sizing: border-box;
  justify-content: center;
  padding: 0 1.1em 0 0.8em;
  border: 0;
  border-radius: 99em;
  font: 600 0.9375rem/1 system-ui, sans-serif;
  color: #14161a;
  background: #fff;
  box-shadow: 0 1px 6px rgb(0 0 0 / 0.35);
  cursor: pointer;
}
button:hover { background: #e9ebef; }
button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; }
button svg { flex: none; width: 1.35em; height: 1.35em; fill: currentColor; }
button[data-active] .play, button:not([data-active]) .stop { display: none; }
:host(:not([controls])) button { display: none; }

/* A mouth is in the middle, low down: on small pictures the button keeps to its corner, without a word. */
@container (max-width: 340px) or (max-height: 260px) {
  button { right: 0.5rem; bottom: 0.5rem; padding: 0; }
  button span { display: none; }
  [part="status"] { inset: 0.5rem auto auto 0.5rem; max-width: calc(100% - 1rem); font-size: 0.75rem; }
  [part="notice"] { padding: 0.75rem; font-size: 0.8125rem; }
  :host([controls]) [part="notice"] { padding-bottom: 3.5rem; }
  strong { font-size: 0.9375rem; }
}
@container (max-width: 220px) or (max-height: 140px) {
  button { height: 2.25rem; min-width: 2.25rem; }
  [part="notice"] { padding: 0.5rem 0.5rem 0; font-size: 0.75rem; line-height: 1.3; }
  :host([controls]) [part="notice"] { padding-bottom: 2.75rem; }
  strong { font-size: 0.8125rem; }
}
`;
