/**
 * What is in the shadow root of `<live-head>`. The layers of the picture, each over the last: placeholder, portrait, last
 * frame, live video; over them words, a button, and whatever the page puts inside the element.
 */
export const markup = `
<div class="size"></div>
<div class="frame">
  <svg part="placeholder" viewBox="0 0 100 100" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
    <circle cx="50" cy="42" r="17"/><path d="M14 104c0-24 16-36 36-36s36 12 36 36z"/>
  </svg>
  <img part="poster" alt="" decoding="async" crossorigin="anonymous">
  <canvas part="held"></canvas>
  <video part="video" playsinline disablepictureinpicture disableremoteplayback></video>
  <div part="recording" role="img" aria-label="Recording"></div>
  <div part="notice" role="alert"><div><strong></strong><span></span></div></div>
  <div part="status" role="status"><i aria-hidden="true"></i><span></span></div>
  <button part="toggle" type="button" aria-label="Start">
    <svg class="play" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="M8 5.2v13.6L18.8 12z"/></svg>
    <svg class="stop" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><rect x="6.5" y="6.5" width="11" height="11" rx="1.5"/></svg>
    <span></span>
  </button>
</div>
<slot></slot>`;
