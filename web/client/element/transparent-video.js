const VERTEX = `
attribute vec2 place;
varying vec2 at;
void main() {
  at = vec2(place.x + 1.0, 1.0 - place.y) / 2.0;
  gl_Position = vec4(place, 0, 1);
}`;

/* Compression leaves traces where alpha is 0 and where it is 1: the last steps at either end count as such. */
const FRAGMENT = `
precision mediump float;
uniform sampler2D video;
varying vec2 at;
void main() {
  float alpha = clamp((texture2D(video, vec2(at.x, (at.y + 1.0) / 2.0)).g - 0.03) / 0.94, 0.0, 1.0);
  gl_FragColor = vec4(texture2D(video, vec2(at.x, at.y / 2.0)).rgb * alpha, alpha);
}`;

/**
 * Shows a video whose lower half is the alpha of the upper one as grey, in a canvas behind it: by WebGL, or in two
 * dimensions where there is none. The page lets the video itself be invisible.
 */
export class TransparentVideo {
  #video;
  #canvas = document.createElement("canvas");
  /** @type {(() => void) | null} */
  #paint = null;
  #next = 0;
  #closed = false;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    this.#begin();
    this.#wait();
  }

  /** Draw the frame that the video shows now. @returns {HTMLCanvasElement} with it, until the caller yields */
  draw() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const canvas = this.#canvas;
    if (width && this.#video.readyState >= this.#video.HAVE_CURRENT_DATA) {
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height >> 1) canvas.height = height >> 1;
      this.#paint?.();
    }
    return canvas;
  }

  close() {
    this.#closed = true;
    const video = this.#video;
    if ("cancelVideoFrameCallback" in video) video.cancelVideoFrameCallback(this.#next);
    else cancelAnimationFrame(this.#next);
    this.#canvas.remove();
  }

  /** With a new canvas: one whose context was lost cannot be given another kind. */
  #begin() {
    this.#canvas.remove();
    const canvas = (this.#canvas = document.createElement("canvas"));
    canvas.part.add("transparent");
    this.#paint = byWebGL(canvas, this.#video) ?? inTwoDimensions(canvas, this.#video);
    canvas.addEventListener("webglcontextlost", () => {
      if (this.#closed || canvas !== this.#canvas) return;
      this.#begin();
      this.draw();
    });
    this.#video.after(canvas);
  }

  #wait() {
    const video = /** @type {HTMLVideoElement} */ (this.#video);
    const drawn = () => {
      this.draw();
      this.#wait();
    };
    this.#next = "requestVideoFrameCallback" in video ? video.requestVideoFrameCallback(drawn) : requestAnimationFrame(drawn);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLVideoElement} video
 * @returns {(() => void) | null} null where there is no WebGL
 */
function byWebGL(canvas, video) {
  const gl = canvas.getContext("webgl", { antialias: false, depth: false, powerPreference: "low-power" });
  if (!gl || gl.isContextLost()) return null;
  const program = gl.createProgram();
  for (const [kind, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
  const place = gl.getAttribLocation(program, "place");
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, 2, gl.FLOAT, false, 0, 0);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
  // Pixel for pixel: nothing of one half gets into the other.
  for (const size of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, size, gl.NEAREST);
  return () => {
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLVideoElement} video
 */
function inTwoDimensions(canvas, video) {
  const whole = new OffscreenCanvas(1, 1);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (whole.getContext("2d", { willReadFrequently: true }));
  return () => {
    const { width, height } = canvas;
    if (whole.width !== width) whole.width = width;
    if (whole.height !== 2 * height) whole.height = 2 * height;
    context.drawImage(video, 0, 0);
    const frame = context.getImageData(0, 0, width, height);
    const { data: alpha } = context.getImageData(0, height, width, height);
    for (let i = 0; i < alpha.length; i += 4) frame.data[i + 3] = (alpha[i] - 7.65) / 0.94;
    canvas.getContext("2d")?.putImageData(frame, 0, 0);
  };
}
