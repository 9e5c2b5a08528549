/** Entries: rows found by kind and name, and their places in lists. */

import { toStoredText } from "../sql/stored-text.ts";
import { DUE_ENTRIES, type Entry, type EntryRange, type RowStore } from "../synchronous/row-store.ts";
import type { SqlRow } from "./driver.ts";
import { numberAt, optionalBytesAt, optionalNumberAt, textAt } from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

type EntryMethods = "entry" | "putEntry" | "removeEntry" | "entries";

const COLUMNS = "entry.id, entry.kind, entry.name, entry.run, entry.facts, entry.value";

export class Entries implements Pick<RowStore, EntryMethods> {
  readonly #tables: Tables;
  readonly #runs: Runs;

  constructor(tables: Tables, runs: Runs) {
    this.#tables = tables;
    this.#runs = runs;
  }

  entry(kind: string, key: string): Entry | undefined {
    const { db, ns } = this.#tables;
    const sql = `SELECT ${COLUMNS} FROM entry WHERE ns = ? AND kind = ? AND name = ?`;
    const row = db.statement(sql).get(ns, toStoredText(kind), toStoredText(key));
    return row && this.#read(row);
  }

  putEntry(entry: Entry): void {
    const { db, ns } = this.#tables;
    const run = entry.runId === undefined ? undefined : this.#runs.find(entry.runId);
    if (entry.runId !== undefined && run === undefined) return;
    this.removeEntry(entry);
    const name = toStoredText(entry.key);
    const row = db
      .statement("INSERT INTO entry (ns, kind, name, run, facts, value) VALUES (?, ?, ?, ?, ?, ?) RETURNING id")
      .get(ns, toStoredText(entry.kind), name, run?.number ?? null, toStoredText(entry.facts), entry.value ?? null);
    const id = numberAt(row ?? [], 0);
    const place = db.statement("INSERT INTO entry_place (ns, list, at, name, entry) VALUES (?, ?, ?, ?, ?)");
    for (const { list, at } of entry.places) place.run(ns, toStoredText(list), at, name, id);
  }

  removeEntry({ kind, key }: Pick<Entry, "kind" | "key">): void {
    const { db, ns } = this.#tables;
    const values = [ns, toStoredText(kind), toStoredText(key)] as const;
    const places =
      "DELETE FROM entry_place WHERE entry = (SELECT id FROM entry WHERE ns = ? AND kind = ? AND name = ?)";
    db.statement(places).run(...values);
    db.statement("DELETE FROM entry WHERE ns = ? AND kind = ? AND name = ?").run(...values);
  }

  entries(list: string, { after, upTo, limit }: EntryRange): readonly Entry[] {
    const { db, ns } = this.#tables;
    const sql = `SELECT ${COLUMNS} FROM entry_place JOIN entry ON entry.id = entry_place.entry
      WHERE entry_place.ns = ? AND entry_place.list = ? AND (entry_place.at, entry_place.name) > (?, ?) AND entry_place.at <= ?
      ORDER BY entry_place.at, entry_place.name LIMIT ?`;
    const from = after === undefined ? [BEFORE_ALL, ""] : [after.at, toStoredText(after.key)];
    const rows = db.statement(sql).all(ns, toStoredText(list), ...from, upTo ?? AFTER_ALL, limit);
    return rows.map((row) => this.#read(row));
  }

  /** When the first entry in the list of due ones is due. */
  firstDue(): number | undefined {
    const { db, ns } = this.#tables;
    const row = db.statement("SELECT min(at) FROM entry_place WHERE ns = ? AND list = ?").get(ns, DUE_ENTRIES);
    return row === undefined ? undefined : optionalNumberAt(row, 0);
  }

  #read(row: SqlRow): Entry {
    const run = optionalNumberAt(row, 3);
    const places = this.#tables.db.statement("SELECT list, at FROM entry_place WHERE entry = ? ORDER BY list");
    return {
      kind: textAt(row, 1),
      key: textAt(row, 2),
      runId: run === undefined ? undefined : this.#runs.nameOf(run),
      facts: textAt(row, 4),
      value: optionalBytesAt(row, 5),
      places: places.all(numberAt(row, 0)).map((place) => ({ list: textAt(place, 0), at: numberAt(place, 1) })),
    };
  }
}

/** Places before and after every other. */
const BEFORE_ALL = -Number.MAX_VALUE;
const AFTER_ALL = Number.MAX_VALUE;
