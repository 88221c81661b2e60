import { box } from "../page.js";

const TOLD_MS = 2500;

/**
 * The button that copies a link to the page as it is set up now.
 *
 * @param {() => string} link
 */
export function shareButton(link) {
  const words = box("share-text");
  const usual = words.textContent;
  let timer = 0;
  box("share").addEventListener("click", async () => {
    clearTimeout(timer);
    try {
      await navigator.clipboard.writeText(link());
      words.textContent = "Copied";
    } catch {
      history.replaceState(history.state, "", link()); // where the clipboard is closed, the address bar has it
      words.textContent = "It is in the address bar";
    }
    timer = window.setTimeout(() => (words.textContent = usual), TOLD_MS);
  });
}
