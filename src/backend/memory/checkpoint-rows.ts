/** Checkpoints in memory, in the order of their ids. Bodies are copied on the way in and out: nobody outside holds ours. */

import { Buffer } from "node:buffer";
import type { CheckpointRecord } from "../contract/checkpoints.ts";
import { decodeCursor } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { compareText, OrderedRows } from "./ordered-rows.ts";
import { copyOf, pageOf } from "./row-page.ts";

const CHECKPOINTS = "checkpoints";

type CheckpointMethods = Pick<
  RowStore,
  | "checkpoint"
  | "checkpointBody"
  | "putCheckpoint"
  | "appendCheckpoint"
  | "removeCheckpoint"
  | "checkpoints"
  | "oldCheckpoints"
>;

interface CheckpointRow {
  readonly id: string;
  readonly record: CheckpointRecord;
  /** Grows, through the journal, for as long as the checkpoint is added to. */
  readonly parts: Uint8Array[];
}

export function checkpointRows(journal: Journal): CheckpointMethods {
  const byId = new Map<string, CheckpointRow>();
  const inOrder = new OrderedRows<{ readonly id: string }, CheckpointRow>(journal, (a, b) => compareText(a.id, b.id));

  function remove(id: string): void {
    const row = byId.get(id);
    if (row === undefined) return;
    journal.set(byId, id, undefined);
    inOrder.remove(row);
  }

  function put(row: CheckpointRow): void {
    remove(row.id);
    journal.set(byId, row.id, row);
    inOrder.insert(row);
  }

  return {
    checkpoint: (id) => byId.get(id)?.record,
    checkpointBody(id) {
      const parts = byId.get(id)?.parts;
      return parts && new Uint8Array(Buffer.concat(parts));
    },
    putCheckpoint(record, body) {
      put({ id: record.id, record, parts: [copyOf(body)] });
    },
    appendCheckpoint(record, part) {
      const parts = byId.get(record.id)?.parts;
      if (parts === undefined) return;
      journal.append(parts, copyOf(part));
      put({ id: record.id, record, parts });
    },
    removeCheckpoint: remove,
    checkpoints({ status }, page) {
      const [id] = decodeCursor(CHECKPOINTS, page.cursor, ["string"]) ?? [];
      return pageOf(CHECKPOINTS, inOrder.ascending(id === undefined ? undefined : { id }), page, {
        entry: ({ record }) => record,
        position: (row) => [row.id],
        where: ({ record }) => status === undefined || status.includes(record.status),
      });
    },
    oldCheckpoints: (before, statuses, limit) =>
      [...byId.values()]
        .map(({ record }) => record)
        .filter(({ savedAt, status }) => savedAt < before && statuses.includes(status))
        .sort((a, b) => a.savedAt - b.savedAt || compareText(a.id, b.id))
        .slice(0, limit)
        .map(({ id }) => id),
  };
}
