/**
 * The scripts, from their files, and how they are run: by their digest, and with their text where the server does not know
 * them yet. Each begins with what all have in common.
 */

import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Connection } from "./connection.ts";
import type { Argument } from "./driver.ts";
import type { Reply } from "./reply.ts";
import { isUnknownScript, toStoreError } from "./store-errors.ts";

export type ScriptName = "load" | "apply" | "read" | "peek" | "reserve" | "compare-and-set";

/** The text of a script as it is sent to a server. */
export function scriptText(name: ScriptName): string {
  return `${fileText("writing")}\n${fileText(name)}`;
}

function fileText(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), "utf8");
}

interface Script {
  readonly text: string;
  readonly digest: string;
}

const KNOWN = new Map<ScriptName, Script>();

function scriptOf(name: ScriptName): Script {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const text = scriptText(name);
  // How Redis names scripts.
  const script = { text, digest: hash("sha1", text, "hex") };
  KNOWN.set(name, script);
  return script;
}

/** Runs a script on a partition. `prefix` is what all keys of the partition begin with. */
export async function runScript(
  connection: Connection,
  name: ScriptName,
  prefix: string,
  args: readonly Argument[],
): Promise<Reply> {
  const { text, digest } = scriptOf(name);
  try {
    return await connection.call(prefix, ["EVALSHA", digest, "1", prefix, ...args]);
  } catch (error) {
    if (!isUnknownScript(error)) throw toStoreError(error, connection.location);
  }
  try {
    return await connection.call(prefix, ["EVAL", text, "1", prefix, ...args]);
  } catch (error) {
    throw toStoreError(error, connection.location);
  }
}
