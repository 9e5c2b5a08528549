/**
 * Many rows as a few parameters. Each column of the rows becomes one list in the text form of the server, which a
 * statement spreads into rows again; bytes of a column travel as one piece with places and sizes, since lists of bytes
 * would be text of twice the size. Invariant: the same columns give the same statement, however many rows there are.
 */

import type { Parameter } from "./driver.ts";

type ColumnType = "bigint" | "integer" | "smallint" | "double precision" | "boolean" | "text" | "bytea" | "tid" | "xid";

/** Names of columns and their types. */
export type Columns = readonly (readonly [name: string, type: ColumnType])[];

/** A value of a cell. */
export type Cell = string | number | boolean | null | Uint8Array;

export interface GivenRows {
  /** `unnest(…) AS given(…)`. */
  readonly from: string;
  /** What stands for each column, in order. */
  readonly cells: readonly string[];
  /** Number of parameters that it takes. */
  readonly width: number;
}

/** The part of a statement that spreads rows of these columns, whose parameters begin with number `first`. */
export function givenRows(columns: Columns, first = 1): GivenRows {
  const lists: string[] = [];
  const names: string[] = [];
  const cells: string[] = [];
  let next = first;
  const list = (name: string, type: string): void => {
    lists.push(`$${next}::${type}[]`);
    names.push(name);
    next += 1;
  };
  for (const [name, type] of columns) {
    if (type === "bytea") {
      const piece = `$${next}::bytea`;
      next += 1;
      list(`${name}_at`, "integer");
      list(`${name}_size`, "integer");
      cells.push(`substr(${piece}, given.${name}_at, given.${name}_size)`);
    } else {
      list(name, type);
      cells.push(`given.${name}`);
    }
  }
  return { from: `unnest(${lists.join(", ")}) AS given(${names.join(", ")})`, cells, width: next - first };
}

/** The parameters for `givenRows` of the same columns. */
export function rowParameters(columns: Columns, rows: readonly (readonly Cell[])[]): Parameter[] {
  return columns.flatMap(([, type], at): readonly Parameter[] => {
    const cells = rows.map((row) => row[at] ?? null);
    return type === "bytea" ? piecesOf(cells) : [listOf(cells)];
  });
}

/** A list in the text form of the server. */
export function listOf(values: readonly Cell[]): string {
  return `{${values.map(element).join(",")}}`;
}

function element(value: Cell): string {
  switch (typeof value) {
    case "string":
      return NEEDS_ESCAPE.test(value) ? `"${value.replaceAll(NEEDS_ESCAPES, "\\$&")}"` : `"${value}"`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "boolean":
      return value ? "t" : "f";
    default:
      return "NULL";
  }
}

const NEEDS_ESCAPE = /["\\]/;
const NEEDS_ESCAPES = /["\\]/g;

/** All bytes as one piece, and where each cell's lie in it, counted from 1. */
function piecesOf(cells: readonly Cell[]): readonly Parameter[] {
  const places: (number | null)[] = [];
  const sizes: (number | null)[] = [];
  const pieces: Uint8Array[] = [];
  let at = 1;
  for (const cell of cells) {
    if (!(cell instanceof Uint8Array)) {
      places.push(null);
      sizes.push(null);
      continue;
    }
    places.push(at);
    sizes.push(cell.length);
    pieces.push(cell);
    at += cell.length;
  }
  return [Buffer.concat(pieces), listOf(places), listOf(sizes)];
}
