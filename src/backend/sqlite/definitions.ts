/** Definitions, stored once per hash, and what a name and version stand for now. */

import type { DefinitionRecord } from "../contract/records.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { SqlRow } from "./driver.ts";
import { numberAt, textAt } from "./row-values.ts";
import type { Tables } from "./tables.ts";

type DefinitionMethods = "definition" | "definitionHash" | "definitions" | "putDefinition";

const COLUMNS = "hash, name, version, json, published_at";

export class Definitions implements Pick<RowStore, DefinitionMethods> {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  definition(hash: string): DefinitionRecord | undefined {
    const { db, ns } = this.#tables;
    const row = db.statement(`SELECT ${COLUMNS} FROM definition WHERE ns = ? AND hash = ?`).get(ns, toStoredText(hash));
    return row === undefined ? undefined : readDefinition(row);
  }

  definitionHash(name: string, version: string): string | undefined {
    const { db, ns } = this.#tables;
    const find = db.statement("SELECT hash FROM definition_version WHERE ns = ? AND name = ? AND version = ?");
    const row = find.get(ns, toStoredText(name), toStoredText(version));
    return row === undefined ? undefined : textAt(row, 0);
  }

  definitions(): readonly DefinitionRecord[] {
    const { db, ns } = this.#tables;
    const rows = db
      .statement(`SELECT ${COLUMNS} FROM definition WHERE ns = ? ORDER BY name, published_at, hash`)
      .all(ns);
    return rows.map(readDefinition);
  }

  putDefinition(record: DefinitionRecord): void {
    const { db, ns } = this.#tables;
    const hash = toStoredText(record.hash);
    const name = toStoredText(record.name);
    const version = toStoredText(record.version);
    const insert = `INSERT INTO definition (ns, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET name = excluded.name, version = excluded.version, json = excluded.json, published_at = excluded.published_at`;
    db.statement(insert).run(ns, hash, name, version, toStoredText(record.json), record.publishedAt);
    const stand = `INSERT INTO definition_version (ns, name, version, hash) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET hash = excluded.hash`;
    db.statement(stand).run(ns, name, version, hash);
  }
}

function readDefinition(row: SqlRow): DefinitionRecord {
  return {
    hash: textAt(row, 0),
    name: textAt(row, 1),
    version: textAt(row, 2),
    json: textAt(row, 3),
    publishedAt: numberAt(row, 4),
  };
}
