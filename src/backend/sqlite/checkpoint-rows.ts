/**
 * Checkpoints of local runs: a small row that lists read, and the body in rows of its own, one for each addition. Nothing here has anything to
 * do with moving SQLite's log into its file, which `idle-checkpoints.ts` does.
 */

import type { RunStatus } from "../../core/status.ts";
import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { bytesAt, numberAt, textAt } from "./row-values.ts";
import type { Tables } from "./tables.ts";

type CheckpointMethods =
  | "checkpoint"
  | "checkpointBody"
  | "putCheckpoint"
  | "appendCheckpoint"
  | "removeCheckpoint"
  | "checkpoints"
  | "oldCheckpoints";

const COLUMNS = "name, version, status, saved_at, bytes";

export class Checkpoints implements Pick<RowStore, CheckpointMethods> {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  checkpoint(id: string): CheckpointRecord | undefined {
    const { db, ns } = this.#tables;
    const row = db.statement(`SELECT ${COLUMNS} FROM checkpoint WHERE ns = ? AND name = ?`).get(ns, toStoredText(id));
    return row === undefined ? undefined : readCheckpoint(row);
  }

  checkpointBody(id: string): Uint8Array | undefined {
    const { db, ns } = this.#tables;
    const sql = `SELECT body FROM checkpoint_body
      WHERE checkpoint = (SELECT id FROM checkpoint WHERE ns = ? AND name = ?) ORDER BY part`;
    const [only, ...more] = db
      .statement(sql)
      .all(ns, toStoredText(id))
      .map((row) => bytesAt(row, 0));
    return only === undefined || more.length === 0 ? only : new Uint8Array(Buffer.concat([only, ...more]));
  }

  putCheckpoint(record: CheckpointRecord, body: Uint8Array): void {
    const number = this.#putRow(record);
    this.#tables.db.statement("DELETE FROM checkpoint_body WHERE checkpoint = ?").run(number);
    this.#addPart(number, record.version, body);
  }

  appendCheckpoint(record: CheckpointRecord, part: Uint8Array): void {
    this.#addPart(this.#putRow(record), record.version, part);
  }

  removeCheckpoint(id: string): void {
    const { db, ns } = this.#tables;
    const name = toStoredText(id);
    const body = "DELETE FROM checkpoint_body WHERE checkpoint = (SELECT id FROM checkpoint WHERE ns = ? AND name = ?)";
    db.statement(body).run(ns, name);
    db.statement("DELETE FROM checkpoint WHERE ns = ? AND name = ?").run(ns, name);
  }

  checkpoints(
    filter: { readonly status?: readonly RunStatus[] | undefined },
    page: PageRequest,
  ): Page<CheckpointRecord> {
    const limit = pageLimit(page);
    const [after] = decodeCursor("checkpoints", page.cursor, ["string"]) ?? [];
    const beyond = after === undefined ? "" : "AND name > ?";
    const sql = `SELECT ${COLUMNS} FROM checkpoint WHERE ns = ? ${statusCondition(filter.status)} ${beyond}
      ORDER BY name LIMIT ?`;
    const values: SqlValue[] = [this.#tables.ns, ...(after === undefined ? [] : [toStoredText(after)]), limit + 1];
    const rows = this.#tables.db.query(sql, values);
    const entries = rows.slice(0, limit).map(readCheckpoint);
    const last = entries.at(-1);
    if (rows.length <= limit || last === undefined) return { entries };
    return { entries, cursor: encodeCursor("checkpoints", [last.id]) };
  }

  oldCheckpoints(before: number, statuses: readonly RunStatus[], limit: number): readonly string[] {
    const { db, ns } = this.#tables;
    const sql = `SELECT name FROM checkpoint INDEXED BY checkpoint_by_age
      WHERE ns = ? AND saved_at < ? ${statusCondition(statuses)} ORDER BY saved_at, name LIMIT ?`;
    return db.query(sql, [ns, before, limit]).map((row) => textAt(row, 0));
  }

  #putRow({ id, version, status, savedAt, bytes }: CheckpointRecord): number {
    const { db, ns } = this.#tables;
    const sql = `INSERT INTO checkpoint (ns, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (ns, name) DO UPDATE SET version = excluded.version, status = excluded.status,
        saved_at = excluded.saved_at, bytes = excluded.bytes
      RETURNING id`;
    const values = [ns, toStoredText(id), version, RUN_STATUS.encode(status), savedAt, bytes];
    return numberAt(db.statement(sql).get(...values) ?? [], 0);
  }

  /** Parts are numbered by the version that they made. */
  #addPart(checkpoint: number, version: number, body: Uint8Array): void {
    const sql = "INSERT INTO checkpoint_body (checkpoint, part, body) VALUES (?, ?, ?)";
    this.#tables.db.statement(sql).run(checkpoint, version, body);
  }
}

function statusCondition(statuses: readonly RunStatus[] | undefined): string {
  return statuses === undefined ? "" : `AND status IN (${statuses.map(RUN_STATUS.encode).join(", ")})`;
}

function readCheckpoint(row: SqlRow): CheckpointRecord {
  return {
    id: textAt(row, 0),
    version: numberAt(row, 1),
    status: RUN_STATUS.decode(row[2]),
    savedAt: numberAt(row, 3),
    bytes: numberAt(row, 4),
  };
}
