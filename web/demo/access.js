import { box, part } from "./page.js";

/** @typedef {import("../client/errors.js").LiveHeadError} LiveHeadError */

const STORED = "livehead-token";

/** Errors that say: without another token or key nothing works here. */
const locking = new Set(["unauthorized", "token-expired", "token-invalid", "key-unknown", "key-revoked", "key-in-url"]);

/** @param {LiveHeadError} error */
export function locks(error) {
  return locking.has(error.code);
}

/** The card that asks for a token or key, where the server wants one. What is given is kept for this tab only. */
export class Access {
  #card = part("access", HTMLFormElement);
  #field = part("access-field", HTMLInputElement);
  #button = part("access-button", HTMLButtonElement);
  #forget = part("forget", HTMLButtonElement);
  #timer = 0;

  /** @param {{given: () => void, forgotten: () => void}} on the token has changed; `token` has it */
  constructor(on) {
    this.#card.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = this.#field.value.trim();
      if (!given) return this.#say("Paste a token or a key first.");
      sessionStorage.setItem(STORED, given);
      this.#say("");
      this.#wait("Checking…");
      on.given();
    });
    this.#forget.addEventListener("click", () => {
      this.forget();
      on.forgotten();
    });
    // fragment.js has stored it by now.
    addEventListener("livehead-token", on.given); // of fragment.js, which has stored it
    this.#show();
  }

  /** What was given last in this tab. */
  get token() {
    return sessionStorage.getItem(STORED) ?? undefined;
  }

  get open() {
    return !this.#card.hidden;
  }

  /**
   * Ask for another one.
   *
   * @param {LiveHeadError} [error] why the last one is no good
   */
  ask(error) {
    const tried = this.token !== undefined;
    this.forget();
    this.#ready();
    box("access-title").textContent = title(tried ? error?.code : undefined);
    this.#say(tried && error ? (error.status && error.detail) || error.remedy : "");
    this.#card.hidden = false;
    this.#show();
    // On a phone the keyboard would cover what there is to read.
    if (matchMedia("(pointer: fine)").matches) this.#field.focus();
    if (tried) this.#field.select();
  }

  /**
   * The token could not be checked, for a reason that is not its own.
   *
   * @param {LiveHeadError} error
   * @param {number | null} seconds until it is tried again without the user
   */
  defer(error, seconds) {
    this.#ready();
    this.#say(`${error.title}. ${seconds === null ? error.remedy : "It goes on by itself."}`);
    if (seconds === null) return;
    const until = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - performance.now()) / 1000);
      this.#wait(left > 0 ? `Wait ${left} s` : "Checking…");
      if (left <= 0) clearInterval(this.#timer);
    };
    this.#timer = window.setInterval(tick, 250);
    tick();
  }

  /** It was accepted, or none is needed. */
  accepted() {
    this.#ready();
    this.#field.value = "";
    this.#card.hidden = true;
    this.#show();
  }

  forget() {
    sessionStorage.removeItem(STORED);
    this.#show();
  }

  #show() {
    document.body.toggleAttribute("data-locked", this.open);
    box("side").inert = this.open;
    this.#forget.hidden = this.open || this.token === undefined;
  }

  /** @param {string} words what is wrong */
  #say(words) {
    box("access-error").textContent = words;
    this.#field.toggleAttribute("aria-invalid", words !== "");
  }

  /** @param {string} words */
  #wait(words) {
    this.#button.disabled = true;
    if (this.#button.textContent !== words) this.#button.textContent = words;
  }

  #ready() {
    clearInterval(this.#timer);
    this.#button.disabled = false;
    this.#button.textContent = "Continue";
  }
}

/** @param {string} [code] */
function title(code) {
  if (code === "token-expired") return "This token has expired";
  if (code === "key-revoked") return "This key has been revoked";
  if (code === undefined || code === "unauthorized") return "This server asks for a key";
  return "That did not work";
}
