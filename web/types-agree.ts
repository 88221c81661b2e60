/** The types of the package as they are written agree with what the code has: otherwise this does not compile. */
import * as code from "./client/index.js";
import type * as written from "./client/types/index.js";

const modules: typeof written = code;
const names: Record<keyof typeof code, unknown> = modules;
const codes: written.ErrorCode extends code.LiveHeadError["code"] ? (code.LiveHeadError["code"] extends written.ErrorCode ? true : never) : never = true;

export { codes, names };
