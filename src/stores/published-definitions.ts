/**
 * The definitions that a backend holds, read back into their typed form. A definition never changes under its hash, so
 * those read once are kept. It trusts what `publish` stored and checks only that it is JSON of a known format.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { DefinitionRecord } from "../backend/contract/records.ts";
import { MillraceError } from "../core/errors.ts";
import { DEFINITION_FORMAT, type Definition } from "../definition/definition.ts";

/** A definition and the hash that runs refer to it by. */
export interface PublishedDefinition {
  readonly hash: string;
  readonly definition: Definition;
}

/** Looks up what was published. */
export interface PublishedDefinitions {
  /** By hash. Throws `UNKNOWN_WORKFLOW` if nobody published it. */
  get(hash: string): Promise<PublishedDefinition>;
  /** The one published last under a workflow's name, of the given version if there is one. Throws `UNKNOWN_WORKFLOW`. */
  newest(name: string, version?: string): Promise<PublishedDefinition>;
  all(): Promise<readonly PublishedDefinition[]>;
}

/** Definitions kept in memory at most; beyond it the oldest is read again. */
const KEPT_DEFINITIONS = 256;

/** A reader of the definitions of a backend. */
export function publishedDefinitions(operations: BackendOperations): PublishedDefinitions {
  const kept = new Map<string, PublishedDefinition>();

  const keep = (record: DefinitionRecord): PublishedDefinition => {
    const known = kept.get(record.hash);
    if (known !== undefined) return known;
    const published = { hash: record.hash, definition: parseDefinition(record) };
    kept.set(record.hash, published);
    const [oldest] = kept.keys();
    if (kept.size > KEPT_DEFINITIONS && oldest !== undefined) kept.delete(oldest);
    return published;
  };

  return {
    async get(hash) {
      const known = kept.get(hash);
      if (known !== undefined) return known;
      const record = await operations.read.definition(hash);
      if (record === undefined) throw new MillraceError("UNKNOWN_WORKFLOW", `no definition ${hash} has been published`);
      return keep(record);
    },
    async newest(name, version) {
      const records = await operations.read.definitions();
      const candidates = records.filter((one) => one.name === name && (version ?? one.version) === one.version);
      const last = candidates.reduce<DefinitionRecord | undefined>(
        (best, one) => (best === undefined || one.publishedAt >= best.publishedAt ? one : best),
        undefined,
      );
      if (last !== undefined) return keep(last);
      const known = [...new Set(records.map((one) => one.name))];
      throw new MillraceError("UNKNOWN_WORKFLOW", `no workflow ${labelOf(name, version)} has been published here`, {
        hints: [
          known.length === 0
            ? "Nothing has been published in this namespace: start a worker that has the workflow, or pass the workflow itself."
            : `Published here: ${known.slice(0, 20).join(", ")}. Start a worker that has the workflow, or pass the workflow itself.`,
        ],
      });
    },
    async all() {
      return (await operations.read.definitions()).map(keep);
    },
  };
}

function labelOf(name: string, version: string | undefined): string {
  return JSON.stringify(version === undefined ? name : `${name}@${version}`);
}

function parseDefinition(record: DefinitionRecord): Definition {
  const label = `the definition of ${record.name}@${record.version}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(record.json);
  } catch (cause) {
    throw new MillraceError("BACKEND_CORRUPT", `${label} is not JSON`, { cause });
  }
  if (!isDefinition(parsed)) {
    throw new MillraceError("BACKEND_CORRUPT", `${label} is of no format that this version knows`, {
      hints: ["Upgrade this installation, if a newer one published it."],
    });
  }
  return parsed;
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "format" in value && value.format === DEFINITION_FORMAT;
}
