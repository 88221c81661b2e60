/** What `<live-head>` lays over its picture: words, a spinner, the button. */
export class Overlay {
  #status;
  #notice;
  #button;

  /**
   * @param {ShadowRoot} root with the markup in it
   * @param {() => void} toggle
   */
  constructor(root, toggle) {
    this.#status = /** @type {HTMLElement} */ (root.querySelector("[part=status]"));
    this.#notice = /** @type {HTMLElement} */ (root.querySelector("[part=notice]"));
    this.#button = /** @type {HTMLElement} */ (root.querySelector("button"));
    this.#button.addEventListener("click", toggle);
  }

  /**
   * @param {import("./words.js").Words} words
   * @param {boolean} active whether the button stops, or starts
   */
  show({ kind, title, remedy = "" }, active) {
    const error = kind === "error";
    const status = kind === "busy" || kind === "note";
    this.#notice.toggleAttribute("data-shown", error);
    this.#status.toggleAttribute("data-shown", status);
    this.#status.toggleAttribute("data-busy", kind === "busy");
    write(this.#notice, "strong", error ? title : "");
    write(this.#notice, "span", error ? remedy : "");
    write(this.#status, "span", status ? title : "");
    const label = active ? "Stop" : error ? "Try again" : "Start";
    this.#button.toggleAttribute("data-active", active);
    this.#button.setAttribute("aria-label", label);
    write(this.#button, "span", label);
  }
}

/**
 * Text that stays the same is not written again: it would be read aloud again.
 *
 * @param {HTMLElement} parent
 * @param {string} child
 * @param {string} text
 */
function write(parent, child, text) {
  const element = /** @type {HTMLElement} */ (parent.querySelector(child));
  if (element.textContent !== text) element.textContent = text;
}
