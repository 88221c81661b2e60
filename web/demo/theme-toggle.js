import { icon } from "./page.js";

/**
 * Light or dark: the system's wish until the button is pressed, then the user's.
 *
 * @param {HTMLButtonElement} button
 * @param {() => void} changed
 */
export function themeToggle(button, changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => {
    button.setAttribute("aria-pressed", String(dark()));
    icon(button, dark() ? "sun" : "moon");
    changed();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("livehead-theme", root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}
