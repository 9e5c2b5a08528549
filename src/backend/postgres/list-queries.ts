/** Lists that steps ask for seldom: items of a run or a session, runs and checkpoints that are to go. What is in them is locked. */

import { isMillraceError } from "../../core/errors.ts";
import type { ListKey } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { ITEM_STATUS, RUN_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { SqlRow } from "./driver.ts";
import { IN_PROGRESS, ITEM_COLUMNS, ITEM_WIDTH, LANE_AT, PLACE, readItemRow } from "./item-row.ts";
import { listOf } from "./parameters.ts";
import { CHECKPOINT_COLUMNS, type Loading, type Query, readCheckpoint } from "./row-queries.ts";
import { textAt } from "./row-values.ts";
import { RUN_COLUMNS, readRunRow } from "./run-row.ts";
import type { ListWant } from "./wanted-rows.ts";

type Of<K extends Want["kind"]> = Extract<Want, { readonly kind: K }>;

const UNFINISHED_STATUSES = (
  ["pending", "in_progress", "waiting_retry", "waiting", "held", "permanently_failed"] as const
)
  .map(ITEM_STATUS.encode)
  .join(", ");

const ofRun = (condition: string): string => `SELECT ${ITEM_COLUMNS}, run.name FROM millrace.run
  JOIN millrace.item ON item.run = run.id
  WHERE run.ns = $1 AND run.name = $2 AND ${condition} ORDER BY item.number FOR UPDATE OF item`;
const UNFINISHED = ofRun(`item.status IN (${UNFINISHED_STATUSES})`);
const ASIDE = ofRun(`item.place = ${PLACE.aside}`);
const HELD_NODES = `SELECT DISTINCT item.node FROM millrace.run JOIN millrace.item ON item.run = run.id
  WHERE run.ns = $1 AND run.name = $2 AND item.status = ${ITEM_STATUS.encode("held")}`;
const OF_SESSION = `item.session = $2 AND item.status = ${IN_PROGRESS} AND item.ns = $1`;
const RUNS_OF_SESSION = `SELECT ${RUN_COLUMNS} FROM millrace.run
  WHERE run.id IN (SELECT item.run FROM millrace.item WHERE ${OF_SESSION})`;
const ITEMS_OF_SESSION = `SELECT ${ITEM_COLUMNS}, run.name FROM millrace.item JOIN millrace.run ON run.id = item.run
  WHERE ${OF_SESSION} ORDER BY item.run, item.number FOR UPDATE OF item`;
const FINISHED = `SELECT ${RUN_COLUMNS} FROM millrace.run
  WHERE run.ns = $1 AND run.finished_at IS NOT NULL AND run.finished_at < $2::double precision
  ORDER BY run.finished_at, run.name LIMIT $3::integer FOR UPDATE SKIP LOCKED`;
const OLD_CHECKPOINTS = `SELECT ${CHECKPOINT_COLUMNS} FROM millrace.checkpoint
  WHERE ns = $1 AND saved_at < $2::double precision AND status = ANY ($3::smallint[])
  ORDER BY saved_at, name LIMIT $4::integer FOR UPDATE SKIP LOCKED`;

export function listQueries(loading: Loading, want: ListWant): Query[] {
  const { statements, ns } = loading;
  switch (want.kind) {
    case "unfinished":
      return [itemList(loading, want, UNFINISHED, want.runId)];
    case "aside":
      return [itemList(loading, want, ASIDE, want.runId)];
    case "itemsOf":
      return [itemList(loading, want, ITEMS_OF_SESSION, want.session), runsOfSession(loading, want)];
    case "heldNodes":
      return [
        {
          statement: statements.of(HELD_NODES, [ns, toStoredText(want.runId)]),
          accept(rows) {
            const nodes = rows.map((row) => textAt(row, 0));
            loading.into.list(want, nodes.sort(), true);
          },
        },
      ];
    case "finishedRuns":
      return [finishedRuns(loading, want)];
    case "oldCheckpoints":
      return [oldCheckpoints(loading, want)];
  }
}

function itemList(loading: Loading, want: ListWant, text: string, of: string): Query {
  const { statements, ns, lanes, into, known } = loading;
  return {
    statement: statements.of(text, [ns, toStoredText(of)]),
    laneAt: LANE_AT,
    accept(rows) {
      const keys: { readonly runId: string; readonly item: number }[] = [];
      for (const row of rows) {
        const found = want.kind === "itemsOf" ? readable(() => readRow(row)) : readRow(row);
        if (found === undefined) continue;
        const { runId, item } = found.item;
        known.keepItem(found);
        into.item(runId, item, found);
        keys.push({ runId, item });
      }
      into.list(want, keys.sort(byRun), true);
    },
  };

  function readRow(row: SqlRow) {
    return readItemRow(row, textAt(row, ITEM_WIDTH), lanes);
  }
}

/** Nothing for a row that is damaged: what a session holds beside it must not be lost with it. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMillraceError(error, "BACKEND_CORRUPT")) return undefined;
    throw error;
  }
}

/** By a statement of its own, after the items have been locked. */
function runsOfSession({ statements, ns, into, known }: Loading, { session }: Of<"itemsOf">): Query {
  return {
    statement: statements.of(RUNS_OF_SESSION, [ns, toStoredText(session)]),
    accept(rows) {
      for (const row of rows) {
        const found = readRunRow(row);
        known.keepRun(found, false);
        into.run(found.state.id, found.state);
      }
    },
  };
}

function finishedRuns({ statements, ns, into, known }: Loading, want: Of<"finishedRuns">): Query {
  return {
    statement: statements.of(FINISHED, [ns, want.before, want.limit]),
    accept(rows) {
      const keys: ListKey[] = [];
      for (const row of rows) {
        const found = readRunRow(row);
        known.keepRun(found, true);
        into.run(found.state.id, found.state);
        keys.push(found.state.id);
      }
      into.list(want, keys, rows.length < want.limit);
    },
  };
}

function oldCheckpoints({ statements, ns, into }: Loading, want: Of<"oldCheckpoints">): Query {
  const statuses = listOf(want.statuses.map(RUN_STATUS.encode));
  return {
    statement: statements.of(OLD_CHECKPOINTS, [ns, want.before, statuses, want.limit]),
    accept(rows) {
      const records = rows.map(readCheckpoint);
      for (const record of records) into.checkpoint(record.id, record);
      into.list(
        want,
        records.map(({ id }) => id),
        rows.length < want.limit,
      );
    },
  };
}

function byRun(
  a: { readonly runId: string; readonly item: number },
  b: { readonly runId: string; readonly item: number },
): number {
  if (a.runId === b.runId) return a.item - b.item;
  return a.runId < b.runId ? -1 : 1;
}
