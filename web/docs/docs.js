/** Draws openapi.json, without anything from another site. On a server with keys it asks for one first. */

/** The demo page keeps what it was given under the same name. */
const STORED = "livehead-token";

/**
 * @typedef {{type?: string, enum?: unknown[], const?: unknown, anyOf?: Schema[], $ref?: string, description?: string}} Schema
 * @typedef {{name: string, in: string, required?: boolean, description?: string, schema?: Schema}} Parameter
 * @typedef {{summary?: string, description?: string, tags?: string[], parameters?: Parameter[],
 *   requestBody?: {content: Record<string, unknown>}, responses: Record<string, {description: string}>}} Route
 * @typedef {{info: {version: string, description?: string}, paths: Record<string, Record<string, Route>>}} Api
 */

/** @param {string} id */
const box = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (box("access"));
const field = /** @type {HTMLInputElement} */ (box("key"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = field.value.trim();
  if (given) void load(given);
  else refuse("Paste a key first.");
});

/** @param {string | null} key */
async function load(key) {
  button.disabled = true;
  try {
    const headers = key ? { Authorization: `Bearer ${key}` } : undefined;
    const response = await fetch("openapi.json", { headers });
    if (response.ok) {
      draw(await response.json(), key !== null);
      if (key) sessionStorage.setItem(STORED, key);
      return;
    }
    const { title, detail } = await response.json().catch(() => ({}));
    const words = detail || title || `The server answered ${response.status}.`;
    if (form.hidden && response.status !== 401 && response.status !== 403) {
      box("about").textContent = words;
      return;
    }
    box("about").textContent = "This server describes its API to those who bring a key.";
    form.hidden = false;
    if (key) refuse(words);
  } catch (thrown) {
    box("about").textContent = `openapi.json could not be read: ${thrown}`;
  } finally {
    button.disabled = false;
  }
}

/** @param {string} words */
function refuse(words) {
  box("wrong").textContent = words;
  field.toggleAttribute("aria-invalid", true);
  field.select();
}

/**
 * @param {Api} api
 * @param {boolean} guarded whether it was read with a key, which a link cannot bring
 */
function draw(api, guarded) {
  form.hidden = true;
  field.value = "";
  const link = Object.assign(make("a", "openapi.json"), { href: "openapi.json" });
  const programs = guarded ? "openapi.json, with the key" : link;
  box("about").replaceChildren(`Version ${api.info.version}. ${api.info.description ?? ""} The same for programs: `, programs, ".");
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const tag = route.tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), describe(path, method, route)]);
    }
  }
  box("routes").replaceChildren(...[...groups].flatMap(([tag, routes]) => [make("h2", tag), ...routes]));
}

/**
 * @param {string} path
 * @param {string} method
 * @param {Route} route
 */
function describe(path, method, route) {
  const inside = make("div");
  if (route.description) inside.append(make("p", route.description));
  if (route.parameters?.length) {
    const rows = route.parameters.map((p) => [p.name + (p.required ? " *" : ""), p.in, kind(p.schema), p.description ?? p.schema?.description]);
    inside.append(make("h3", "Parameters"), table(["name", "in", "type", "meaning"], rows));
  }
  if (route.requestBody) inside.append(make("h3", "Body"), make("p", Object.keys(route.requestBody.content).join(", ")));
  const answers = Object.entries(route.responses).map(([status, answer]) => [status, answer.description]);
  inside.append(make("h3", "Answers"), table(["status", "meaning"], answers));
  const head = make("summary", "", make("span", method.toUpperCase()), make("span", path), make("span", route.summary ?? ""));
  head.children[0].className = "method";
  head.children[1].className = "path";
  return make("details", "", head, inside);
}

/**
 * @param {string} name
 * @param {string} [text]
 * @param {...Node} children
 */
function make(name, text = "", ...children) {
  const element = document.createElement(name);
  element.append(text, ...children);
  return element;
}

/**
 * @param {string[]} head
 * @param {unknown[][]} rows
 */
function table(head, rows) {
  const line = (/** @type {unknown[]} */ cells, /** @type {string} */ name) => make("tr", "", ...cells.map((cell) => make(name, String(cell ?? ""))));
  return make("table", "", make("thead", "", line(head, "th")), make("tbody", "", ...rows.map((row) => line(row, "td"))));
}

/**
 * @param {Schema} [schema]
 * @returns {string}
 */
function kind(schema = {}) {
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.anyOf) return schema.anyOf.map(kind).join(" | ");
  return schema.$ref?.split("/").pop() ?? schema.type ?? "";
}

void load(sessionStorage.getItem(STORED));
