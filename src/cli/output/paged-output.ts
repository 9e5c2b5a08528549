/**
 * Writes a list that comes in pages, as a table or as one JSON document, without ever holding more than a page, and
 * stops early when nobody reads any more.
 */

import { rowsDocument } from "./json-output.ts";
import { type Column, tableWriter } from "./table.ts";
import type { Output } from "./terminal.ts";

/** A page, and where the next one begins. */
interface ListPage<R> {
  readonly entries: readonly R[];
  readonly cursor?: string | undefined;
}

/** A list and how its rows look. */
export interface PagedList<R> {
  /** Name of the list in JSON. */
  readonly name: string;
  readonly columns: readonly Column<R>[];
  json(row: R): unknown;
  read(page: { readonly limit: number; readonly cursor: string | undefined }): Promise<ListPage<R>>;
  /** What to say of a list without rows. */
  readonly empty: string;
}

const PAGE_ROWS = 500;

/** Writes all rows, or the first `limit`. */
export async function writePages<R>(
  output: Output,
  list: PagedList<R>,
  options: { readonly json?: boolean | undefined; readonly limit?: number | undefined },
): Promise<void> {
  const rows = options.json === true ? jsonRows(output, list) : tableRows(output, list);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let cursor: string | undefined;
  do {
    const page = await list.read({ limit: Math.min(PAGE_ROWS, left), cursor });
    rows.write(page.entries);
    left -= page.entries.length;
    cursor = page.cursor;
    await output.drained();
  } while (cursor !== undefined && left > 0 && !output.gone);
  rows.end();
}

interface RowsWriter<R> {
  write(rows: readonly R[]): void;
  end(): void;
}

function jsonRows<R>(output: Output, list: PagedList<R>): RowsWriter<R> {
  const document = rowsDocument(output, list.name);
  return {
    write(rows) {
      for (const row of rows) document.row(list.json(row));
    },
    end: () => document.end(),
  };
}

function tableRows<R>(output: Output, list: PagedList<R>): RowsWriter<R> {
  const table = tableWriter(output, list.columns);
  let written = 0;
  return {
    write(rows) {
      written += rows.length;
      table.write(rows);
    },
    end() {
      if (written === 0) output.line(list.empty);
    },
  };
}
