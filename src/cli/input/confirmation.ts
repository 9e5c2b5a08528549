/**
 * Asking before much is changed. On a terminal the question is put there, and only a clear yes is one; where nobody can
 * answer, `--yes` must have been given, so that a script never hangs and never does by accident what a person would have
 * been asked about.
 */

import { MillraceError } from "../../index.ts";
import type { Surroundings } from "../surroundings.ts";
import { usage } from "./option-values.ts";

/** More than any answer. */
const MOST_CHARACTERS = 100;

/** Returns when it is confirmed. Throws `USAGE` where nobody can be asked, and `CANCELLED` for any answer but yes. */
export async function confirm(
  around: Surroundings,
  question: string,
  options: { readonly yes?: boolean | undefined; readonly json?: boolean | undefined },
): Promise<void> {
  if (options.yes === true) return;
  if (options.json === true || !around.isInteractive) {
    throw usage("nobody can be asked here whether this is meant", "Add --yes to do it without being asked.");
  }
  around.err.status(`${question} [y/N] `);
  const answer = await firstLine(around.stdin);
  around.err.status("");
  if (/^\s*y(es)?\s*$/i.test(answer)) return;
  throw new MillraceError("CANCELLED", "not confirmed; nothing was done", { hints: ["Answer y, or add --yes."] });
}

async function firstLine(stdin: AsyncIterable<unknown>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stdin) {
    text += chunk instanceof Uint8Array ? decoder.decode(chunk, { stream: true }) : String(chunk);
    if (text.includes("\n") || text.length > MOST_CHARACTERS) break;
  }
  return text.split("\n", 1)[0] ?? "";
}
