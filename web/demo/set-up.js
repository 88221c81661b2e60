/** What a link to this page asks for: portrait, delay, background, and what one speaks with. Pure. */

/**
 * @typedef {object} SetUp
 * @property {string | null} avatar
 * @property {string | null} latency
 * @property {string | null} look
 * @property {string | null} source `microphone`, `file` or `text`
 */

const kinds = new Set(["microphone", "file", "text"]);
const presets = new Set(["auto", "low", "balanced", "throughput"]);

/**
 * @param {string} address of the page
 * @returns {SetUp} null for what is missing or not known
 */
export function readSetUp(address) {
  const query = new URL(address).searchParams;
  const known = (/** @type {string | null} */ value, /** @type {Set<string>} */ values) => (value && values.has(value) ? value : null);
  return {
    avatar: query.get("avatar"),
    latency: known(query.get("latency"), presets),
    look: query.get("look"),
    source: known(query.get("source"), kinds),
  };
}

/**
 * @param {string} address of the page
 * @param {SetUp} setUp what is null, or as everybody has it, is left out
 * @returns {string} without a fragment, which may hold a token
 */
export function linkTo(address, setUp) {
  const link = new URL(address);
  link.hash = link.search = "";
  const usual = { avatar: "default", latency: null, look: "keep", source: "microphone" };
  for (const [name, value] of Object.entries(setUp)) {
    if (value && value !== usual[/** @type {keyof SetUp} */ (name)]) link.searchParams.set(name, value);
  }
  return link.href;
}
