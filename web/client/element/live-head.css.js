/** The shadow style of `<live-head>`: three layers, each over the last: portrait, last frame, live video. */
export const style = `
:host {
  position: relative;
  display: block;
  aspect-ratio: 1;
  overflow: hidden;
  contain: content;
  background: #14161a;
}
:host([hidden]) { display: none; }
img, canvas, video {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  object-fit: cover;
}
img:not([src]), canvas:not([data-held]) { visibility: hidden; }
video { opacity: 0; }
video[data-shown] { opacity: 1; }
slot { position: absolute; inset: 0; display: block; pointer-events: none; }
::slotted(*) { pointer-events: auto; }
button {
  position: absolute;
  left: 50%;
  bottom: 6%;
  translate: -50% 0;
  padding: 0.7em 1.6em;
  border: 0;
  border-radius: 99em;
  font: 600 1rem/1.2 system-ui, sans-serif;
  color: #fff;
  background: rgb(0 0 0 / 0.72);
  cursor: pointer;
}
button:hover { background: rgb(0 0 0 / 0.88); }
button:focus-visible { outline: 3px solid #fff; outline-offset: 2px; }
:host(:not([controls])) button { display: none; }
`;
