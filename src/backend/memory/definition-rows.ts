/** Definitions in memory, once per hash, and what each name and version stands for. */

import type { DefinitionRecord } from "../contract/records.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { compareText } from "./ordered-rows.ts";

type DefinitionMethods = Pick<RowStore, "definition" | "definitionHash" | "definitions" | "putDefinition">;

export function definitionRows(journal: Journal): DefinitionMethods {
  const byHash = new Map<string, DefinitionRecord>();
  const byName = new Map<string, string>();
  return {
    definition: (hash) => byHash.get(hash),
    definitionHash: (name, version) => byName.get(JSON.stringify([name, version])),
    definitions: () => [...byHash.values()].sort(compareDefinitions),
    putDefinition(record) {
      journal.set(byHash, record.hash, record);
      journal.set(byName, JSON.stringify([record.name, record.version]), record.hash);
    },
  };
}

function compareDefinitions(a: DefinitionRecord, b: DefinitionRecord): number {
  return compareText(a.name, b.name) || a.publishedAt - b.publishedAt || compareText(a.hash, b.hash);
}
