/**
 * Writes the tables of the documentation that the source of the client has: attributes, properties, methods, events,
 * requests, parts, properties of CSS, codes of errors. Their words are the comments of client/types/index.d.ts, which
 * editors show, too, and those of client/errors.js.
 *
 *     npm run tables             after an `npm install` in this folder
 *     npm run tables -- --check  writes nothing, and fails where a table is stale
 *
 * In a page, each table stands under its marker, `<!-- table: attributes -->`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { Attribute, LiveEvent, Reflected, Request } from "./client/element/vocabulary.js";
import { LiveHeadError, codes } from "./client/errors.js";

const PAGES = ["../docs/embed.md", "../docs/embed-controls.md", "../docs/embed-errors.md"];
/** A type with more fields than these is named instead. */
const MOST_FIELDS = 8;

const types = fileURLToPath(new URL("client/types/index.d.ts", import.meta.url));
const program = ts.createProgram([types], { target: ts.ScriptTarget.ES2022, lib: ["lib.es2023.d.ts", "lib.dom.d.ts"] });
const checker = program.getTypeChecker();
const source = program.getSourceFile(types);

/** The declaration of an exported name. */
function declared(name) {
  return source.statements.find((each) => each.name?.text === name);
}

/** The comment of a declaration, on one line. */
function comment(node) {
  const [doc] = node ? ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc) : [];
  return doc?.comment ? ts.getTextOfJSDocComment(doc.comment).replace(/\s+/g, " ") : "";
}

/** `@csspart name - words` and the like, of the class. */
function tags(kind) {
  return ts.getJSDocTags(declared("LiveHead")).filter((tag) => tag.tagName.text === kind).map((tag) => {
    const [, name, words] = /^(\S+)\s+-\s+(.*)$/s.exec(ts.getTextOfJSDocComment(tag.comment)) ?? [];
    if (!name) throw new Error(`@${kind} ${tag.comment}: write it as @${kind} name - words`);
    return [code(name), words.replace(/\s+/g, " ")];
  });
}

const members = declared("LiveHead").members.filter((each) => each.name);
const getter = (name) => members.find((each) => ts.isGetAccessor(each) && each.name.text === name);
const setter = (name) => members.find((each) => ts.isSetAccessor(each) && each.name.text === name);

/** What an attribute may be: the words that its property takes. */
function values(name) {
  const type = checker.getTypeAtLocation(setter(name).parameters[0]);
  const each = type.isUnion() ? type.types : [type];
  const words = each.filter((one) => one.isStringLiteral()).map((one) => code(one.value));
  if (words.length) return words.join(", ");
  if (each.some((one) => one.flags & ts.TypeFlags.BooleanLike)) return "";
  return each.some((one) => one.flags & ts.TypeFlags.Number) ? "a number" : "text";
}

/** The fields of an event's `detail`. */
function detail(event) {
  const [argument] = event.type.typeArguments;
  const type = checker.getTypeAtLocation(argument);
  const fields = checker.getPropertiesOfType(type).map(({ name }) => name);
  if (!fields.length) return "";
  return fields.length > MOST_FIELDS ? code(argument.getText(source)) : code(`{${fields.join(", ")}}`);
}

const code = (text) => `\`${text.replaceAll("|", "\\|")}\``;
const attributes = Object.values(Attribute);
const isMethod = (each) => ts.isMethodDeclaration(each) && !/^(add|remove)EventListener$/.test(each.name.text);

const tables = {
  attributes: [["attribute", "values", ""], ...attributes.map((name) => [code(name), values(name), comment(getter(name))])],
  reflected: [["the element sets", ""], ...tags("attr")],
  properties: [
    ["property", "", ""],
    ...members
      .filter((each) => ts.isGetAccessor(each) && !attributes.includes(each.name.text))
      .map((each) => [code(`live.${each.name.text}`), setter(each.name.text) ? "" : "read only", comment(each)]),
  ],
  methods: [["method", ""], ...members.filter(isMethod).map((each) => [code(signature(each)), comment(each)])],
  events: [["event", "`detail`", ""], ...declared("LiveHeadEventMap").members.map((each) => [code(each.name.text), detail(each), comment(each)])],
  requests: [["request", ""], ...requests()],
  parts: [["part", ""], ...tags("csspart")],
  properties_of_css: [["property", ""], ...tags("cssprop")],
  codes: [["code", "what it says", "and what to do", "passes"], ...codes.map(row)],
};

/** `start(): Promise<void>` without the types of what it takes, which editors show. */
function signature(method) {
  const taken = method.parameters.map((each) => each.name.text + (each.questionToken ? "?" : ""));
  const awaited = method.type.getText(source).startsWith("Promise") ? "await " : "";
  return `${awaited}live.${method.name.text}(${taken.join(", ")})`;
}

function requests() {
  const [declaration] = source.statements.flatMap((each) => each.declarationList?.declarations ?? []).filter((each) => each.name.text === "Request");
  return declaration.type.typeArguments[0].members.map((each) => [code(each.type.literal.text), comment(each)]);
}

function row(name) {
  const { title, remedy, passing } = new LiveHeadError(name);
  return [code(name), title, remedy.replaceAll("|", "\\|"), passing ? "yes" : ""];
}

for (const [name, rows] of Object.entries(tables)) {
  for (const cells of rows.slice(1)) if (!cells[name === "codes" ? 2 : cells.length - 1]) throw new Error(`${name}: nothing is said about ${cells[0]}`);
}

/** What the types say and what the code has are the same names. */
function compare(what, said, had) {
  const wrong = [...said.filter((each) => !had.includes(each)), ...had.filter((each) => !said.includes(each))];
  if (wrong.length) throw new Error(`${what}: not both in client/types/index.d.ts and in the code: ${wrong.join(", ")}`);
}

const named = (rows) => rows.slice(1).map(([first]) => first.replaceAll("`", ""));
const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const found = (text, pattern) => [...new Set([...text.matchAll(pattern)].map(([, name]) => name))];
const shadow = ["shadow.html.js", "shadow.css.js", "transparent-video.js"].map((name) => read(`client/element/${name}`)).join("");
compare("attributes that the element sets", named(tables.reflected), Object.values(Reflected));
compare("parts", named(tables.parts), found(shadow, /part="(\w+)"/g));
compare("properties of CSS", named(tables.properties_of_css), found(shadow, /var\((--[\w-]+)/g));
compare("events", named(tables.events), Object.values(LiveEvent));
compare("requests", named(tables.requests), Object.values(Request));

/** @param {string[][]} rows the first is the head */
function markdown([head, ...rows]) {
  const line = (cells) => `| ${cells.join(" | ")} |`.replace(/ {2,}/g, " ");
  return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n") + "\n";
}

const unused = new Set(Object.keys(tables));
const stale = [];
for (const page of PAGES) {
  const before = read(page);
  const after = before.replace(/(<!-- table: (\w+) -->\n)(?:\|.*\n)*/g, (_, marker, name) => {
    if (!tables[name]) throw new Error(`${page} asks for a table ${name}: there are ${Object.keys(tables).join(", ")}`);
    unused.delete(name);
    return marker + markdown(tables[name]);
  });
  if (after === before) continue;
  stale.push(page.replace("../", ""));
  if (!process.argv.includes("--check")) writeFileSync(new URL(page, import.meta.url), after);
}
if (unused.size) throw new Error(`no page has these tables: ${[...unused].join(", ")}`);
if (stale.length && process.argv.includes("--check")) {
  console.error(`${stale.join(" and ")}: the tables are not those of the source. Renew them: npm --prefix web install && npm --prefix web run tables`);
  process.exit(1);
}
console.log(stale.length ? `written: ${stale.join(", ")}` : "the tables are those of the source");
