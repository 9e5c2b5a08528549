/**
 * What may be a name: of a workflow, node, queue, label, namespace, event. Names end up in keys, in output and in URLs,
 * so only a small alphabet is taken, and case counts. Refuses everything else; it never rewrites a name.
 */

import type { ErrorCode } from "./error-table.ts";
import { LIMITS } from "./limits.ts";
import { MillraceError } from "./millrace-error.ts";
import { cleanText } from "./text.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Whether something is a name: 1 to 128 letters, digits, `.`, `_` and `-`, starting with a letter or digit. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && name.length <= LIMITS.nameLength && NAME.test(name);
}

/** Gives the name back, or throws `INVALID_VALUE` (or `code`) with a message that starts with `what`. */
export function checkName(name: unknown, what: string, code: ErrorCode = "INVALID_VALUE"): string {
  if (isName(name)) {
    return name;
  }
  throw new MillraceError(code, `${what} ${problemOf(name)}`, {
    hints: [`A name is 1 to ${LIMITS.nameLength} letters, digits, ".", "_" or "-", starting with a letter or digit.`],
  });
}

function problemOf(name: unknown): string {
  if (typeof name !== "string") {
    return `must be a string; it is ${name === null ? "null" : typeof name}`;
  }
  if (name === "") {
    return "must not be empty";
  }
  if (name.length > LIMITS.nameLength) {
    return `must not be longer than ${LIMITS.nameLength} characters; it has ${name.length}`;
  }
  return `has characters that a name cannot have: ${JSON.stringify(cleanText(name, LIMITS.nameLength))}`;
}
