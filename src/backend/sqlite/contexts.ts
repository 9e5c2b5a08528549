/** Deltas of contexts, dense per run, and folded contexts as a cache. */

import type { DeltaRecord } from "../contract/records.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { bytesAt, numberAt, optionalNumberAt } from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

type ContextMethods = "insertDelta" | "deltasAfter" | "snapshot" | "putSnapshot";

/** Rows asked for at once, so that a long tail of large deltas is not read as a whole to be cut. */
const CHUNK_ROWS = 256;

export class Contexts implements Pick<RowStore, ContextMethods> {
  readonly #tables: Tables;
  readonly #runs: Runs;

  constructor(tables: Tables, runs: Runs) {
    this.#tables = tables;
    this.#runs = runs;
  }

  insertDelta(runId: string, delta: DeltaRecord): void {
    const run = this.#runs.find(runId);
    if (run === undefined) return;
    const insert = this.#tables.db.statement(
      "INSERT INTO delta (run, sequence, maker, epoch, at, body) VALUES (?, ?, ?, ?, ?, ?)",
    );
    insert.run(run.number, delta.sequence, makerOf(runId, delta.item), delta.epoch, delta.at, delta.delta);
  }

  deltasAfter(runId: string, after: number, upTo: number, maxBytes: number): readonly DeltaRecord[] {
    const run = this.#runs.find(runId);
    if (run === undefined) return [];
    const query = this.#tables.db.statement(
      `SELECT sequence, maker, epoch, at, body FROM delta WHERE run = ? AND sequence > ? AND sequence <= ?
      ORDER BY sequence LIMIT ${CHUNK_ROWS}`,
    );
    const deltas: DeltaRecord[] = [];
    let bytes = 0;
    for (let from = after; ; ) {
      const rows = query.all(run.number, from, upTo);
      for (const row of rows) {
        const delta = readDelta(runId, row);
        bytes += delta.delta.length;
        if (deltas.length > 0 && bytes > maxBytes) return deltas;
        deltas.push(delta);
        from = delta.sequence;
      }
      if (rows.length < CHUNK_ROWS) return deltas;
    }
  }

  snapshot(
    runId: string,
    shape: string,
    upTo: number,
  ): { readonly sequence: number; readonly bytes: Uint8Array } | undefined {
    const run = this.#runs.find(runId);
    if (run === undefined) return undefined;
    const query = this.#tables.db.statement(
      "SELECT sequence, body FROM snapshot WHERE run = ? AND shape = ? AND sequence <= ?",
    );
    const row = query.get(run.number, toStoredText(shape), upTo);
    return row === undefined ? undefined : { sequence: numberAt(row, 0), bytes: bytesAt(row, 1) };
  }

  putSnapshot(runId: string, shape: string, sequence: number, bytes: Uint8Array): void {
    const run = this.#runs.find(runId);
    if (run === undefined) return;
    const sql = `INSERT INTO snapshot (run, shape, sequence, body) VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET sequence = excluded.sequence, body = excluded.body`;
    this.#tables.db.statement(sql).run(run.number, toStoredText(shape), sequence, bytes);
  }
}

/** The item's number out of its public id; nothing where the run itself made the delta. */
function makerOf(runId: string, item: string): SqlValue {
  return item === runId ? null : Number(item.slice(runId.length + 1));
}

function readDelta(runId: string, row: SqlRow): DeltaRecord {
  const maker = optionalNumberAt(row, 1);
  return {
    sequence: numberAt(row, 0),
    item: maker === undefined ? runId : `${runId}.${maker}`,
    epoch: numberAt(row, 2),
    at: numberAt(row, 3),
    delta: bytesAt(row, 4),
  };
}
