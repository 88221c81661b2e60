/**
 * An element of the page by its id, of the kind that is expected.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function part(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`#${id} is not a ${kind.name}`);
  return found;
}

/**
 * @param {string} id of an element
 * @returns {HTMLElement}
 */
export function box(id) {
  return part(id, HTMLElement);
}

/**
 * @param {Element} button that holds an icon
 * @param {string} name of a symbol
 */
export function icon(button, name) {
  button.querySelector("use")?.setAttribute("href", `#i-${name}`);
}

/** Whether the user asked for less movement. */
export const calm = matchMedia("(prefers-reduced-motion: reduce)");

/**
 * @param {Element} element
 * @param {string} name of a custom property
 * @returns {string}
 */
export function colour(element, name) {
  return getComputedStyle(element).getPropertyValue(name).trim();
}
