/**
 * Aligned tables for people. Cells are cleaned here, so no caller can forget; columns that may shrink give way on a
 * narrow terminal, and nothing is cut where lines may be of any length. A long list is written block by block: the first
 * block decides the widths.
 */

import { plainLine } from "./plain-text.ts";
import type { Output, Tone } from "./terminal.ts";
import { cutStartTo, cutTo, pad, widthOf } from "./text-width.ts";

/** A column of rows of type `R`. */
export interface Column<R> {
  readonly title: string;
  value(row: R): string | number | undefined;
  /** Numbers stand on the right. */
  readonly align?: "left" | "right" | undefined;
  /** The narrowest it may become; absent: it never shrinks. */
  readonly shrinkTo?: number | undefined;
  /** What stays of a cell that is cut; the start if absent. */
  readonly keep?: "start" | "end" | undefined;
  tone?(row: R): Tone | undefined;
}

const GAP = "  ";

/** Writes blocks of rows under one heading. */
export interface TableWriter<R> {
  write(rows: readonly R[]): void;
}

/** A table on the given output. The heading comes with the first block; without rows there is none. */
export function tableWriter<R>(output: Output, columns: readonly Column<R>[]): TableWriter<R> {
  let widths: readonly number[] | undefined;
  return {
    write(rows) {
      if (rows.length === 0) return;
      const cells = rows.map((row) => columns.map((column) => plainLine(String(column.value(row) ?? ""))));
      if (widths === undefined) {
        widths = fitWidths(columns, naturalWidths(columns, cells), output.columns);
        const heading = layOut(
          columns,
          columns.map((column) => column.title),
          widths,
          output,
        );
        output.line(output.tint("dim", heading));
      }
      for (const [at, row] of rows.entries()) {
        output.line(layOut(columns, cells[at] ?? [], widths, output, row));
      }
    },
  };
}

function naturalWidths<R>(columns: readonly Column<R>[], cells: readonly (readonly string[])[]): number[] {
  return columns.map((column, at) =>
    cells.reduce((widest, row) => Math.max(widest, widthOf(row[at] ?? "")), widthOf(column.title)),
  );
}

/** Takes one column from the widest that may still shrink until the line fits, or nothing more can give way. */
function fitWidths<R>(
  columns: readonly Column<R>[],
  natural: readonly number[],
  limit: number | undefined,
): readonly number[] {
  if (limit === undefined) return natural;
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - limit;
  while (excess > 0) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      const may = column.shrinkTo !== undefined && (widths[at] ?? 0) > column.shrinkTo;
      if (may && (widest < 0 || (widths[at] ?? 0) > (widths[widest] ?? 0))) widest = at;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function layOut<R>(
  columns: readonly Column<R>[],
  cells: readonly string[],
  widths: readonly number[],
  output: Output,
  row?: R,
): string {
  const isBounded = output.columns !== undefined;
  let room = output.columns ?? Number.POSITIVE_INFINITY;
  const parts: string[] = [];
  for (const [at, column] of columns.entries()) {
    if (room <= 0) break;
    const width = Math.min(widths[at] ?? 0, room);
    const cell = cells[at] ?? "";
    const cut = column.keep === "end" ? cutStartTo : cutTo;
    const text = isBounded ? cut(cell, width) : cell;
    const isLast = at === columns.length - 1;
    const padded = column.align === "right" ? pad(text, width, "right") : isLast ? text : pad(text, width, "left");
    const tone = row === undefined ? undefined : column.tone?.(row);
    parts.push(tone === undefined ? padded : output.tint(tone, padded));
    room -= width + GAP.length;
  }
  return parts.join(GAP).trimEnd();
}
