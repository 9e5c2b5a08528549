/**
 * How changes become statements: rows of a table all at once, by lists. A statement that must change exactly the rows that it names
 * fails by a division by zero if it does not, so that everything sent after it in the same transaction fails with it.
 */

import type { Statement } from "./driver.ts";
import { type Cell, type Columns, givenRows, rowParameters } from "./parameters.ts";
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

/** `a = given.a, b = given.b`, for these columns of given rows. */
export function assignments(columns: Columns, cells: readonly string[]): string {
  return columns.map(([name], at) => `${name} = ${cells[at] ?? "NULL"}`).join(", ");
}

/** The last of those with the same key. */
export function lastOfEach<T>(entries: readonly T[], keyOf: (entry: T) => string): readonly T[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}
