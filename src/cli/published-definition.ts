/**
 * Definitions as the store has them, for commands that run without the code: found by name and version, and read from
 * their JSON. It trusts that what was published is a definition, and says so where it is not.
 */

import { type Backend, type Definition, type DefinitionRecord, MillraceError } from "../index.ts";
import { plainLine } from "./output/plain-text.ts";

const KNOWN_SHOWN = 20;

/** The definition of a record. Throws `BACKEND_CORRUPT` for what is none. */
export function readDefinition({ name, version, json }: DefinitionRecord): Definition {
  try {
    const parsed: unknown = JSON.parse(json);
    if (isDefinition(parsed)) return parsed;
  } catch {
    // Not JSON, then; said below.
  }
  throw new MillraceError("BACKEND_CORRUPT", `the definition of ${name}@${version} is none that this version knows`, {
    hints: ["Upgrade this installation, if a newer one published it."],
  });
}

/** The one published last under the name, of the given version if there is one. Throws `UNKNOWN_WORKFLOW`. */
export async function findDefinition(
  backend: Backend,
  name: string,
  version: string | undefined,
): Promise<{ readonly hash: string; readonly definition: Definition }> {
  const records = await backend.operations.read.definitions();
  const found = records
    .filter((record) => record.name === name && (version ?? record.version) === record.version)
    .reduce<DefinitionRecord | undefined>(
      (last, record) => (last === undefined || record.publishedAt >= last.publishedAt ? record : last),
      undefined,
    );
  if (found !== undefined) return { hash: found.hash, definition: readDefinition(found) };
  const known = [...new Set(records.map((record) => record.name))];
  const label = version === undefined ? name : `${name}@${version}`;
  throw new MillraceError("UNKNOWN_WORKFLOW", `no workflow ${plainLine(label)} has been published here`, {
    hints: [
      known.length === 0 ? "Nothing has been published yet." : `Published: ${known.slice(0, KNOWN_SHOWN).join(", ")}.`,
      "Workers publish theirs; or name a file that exports the workflow: --workflows FILE.",
    ],
  });
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "format" in value && value.format === 1;
}
