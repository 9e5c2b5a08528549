/**
 * How changes become statements: rows of a table all at once, by lists. A statement that must change exactly the rows that it names
 * fails by a division by zero if it does not, so that everything sent after it in the same transaction fails with it.
 */

import type { SqlRow, Statement } from "./driver.ts";
import { type Cell, type Columns, givenRows, rowParameters } from "./parameters.ts";
import { plainTextAt } from "./row-values.ts";
import type { Statements } from "./statements.ts";

/** Rows to be inserted into one table. */
export interface Insertion {
  /** No statement for no rows. */
  of(statements: Statements, ns: number, rows: readonly (readonly Cell[])[]): readonly Statement[];
}

/** `conflict`: what follows the rows, such as `ON CONFLICT DO NOTHING`. The namespace goes into every row of a table that has one. */
export function insertion(
  table: string,
  columns: Columns,
  { hasNamespace = false, conflict = "" }: { readonly hasNamespace?: boolean; readonly conflict?: string } = {},
): Insertion {
  const { from, cells } = givenRows(columns, hasNamespace ? 2 : 1);
  const names = columns.map(([name]) => name);
  const text = `INSERT INTO millrace.${table} (${[...(hasNamespace ? ["ns"] : []), ...names].join(", ")})
    SELECT ${[...(hasNamespace ? ["$1::integer"] : []), ...cells].join(", ")} FROM ${from} ${conflict}`;
  return {
    of(statements, ns, rows) {
      if (rows.length === 0) return [];
      return [statements.of(text, [...(hasNamespace ? [ns] : []), ...rowParameters(columns, rows)])];
    },
  };
}

/** Fails unless as many rows came of the statement as the first parameter names. */
export function exactly(statement: string): string {
  return `WITH changed AS (${statement}) SELECT 1 / (count(*) = cardinality($1))::integer FROM changed`;
}

/**
 * Updates rows by where they lie in the table, given as the first column, and tells where they lie then, in the order in
 * which they are given, and which version they are. Fails unless it finds all of them.
 */
export function updatesInPlace(table: string, columns: Columns, condition = ""): string {
  const { from, cells } = givenRows(columns);
  const set = columns.flatMap(([name], at) => (name in NOT_SET ? [] : [`${name} = ${cells[at] ?? "NULL"}`]));
  return `WITH changed AS (UPDATE millrace.${table} SET ${set.join(", ")}
      FROM ${from.replace(" AS given(", " WITH ORDINALITY AS given(").replace(/\)$/, ", ordinal)")}
      WHERE ${table}.ctid = given.place_in_table ${condition} RETURNING given.ordinal, ${table}.ctid AS place)
    SELECT array_agg(changed.place ORDER BY changed.ordinal)::text, pg_current_xact_id()::xid::text,
      1 / (count(*) = cardinality($1))::integer FROM changed`;
}

/** Columns by which rows are found, not set. */
const NOT_SET: Readonly<Record<string, true>> = { place_in_table: true, seen: true };

/** What `updatesInPlace` tells: the places in their order, and the version of all of them. */
export function readPlaces(row: SqlRow): { readonly places: readonly string[]; readonly version: string } {
  const places = plainTextAt(row, 0).match(/\(\d+,\d+\)/g) ?? [];
  return { places, version: plainTextAt(row, 1) };
}

/** A statement, and what becomes of its answer once everything is committed. */
export interface Write {
  readonly statement: Statement;
  readonly settle?: ((row: SqlRow) => void) | undefined;
}

/** The last of those with the same key. */
export function lastOfEach<T>(entries: readonly T[], keyOf: (entry: T) => string): readonly T[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}
