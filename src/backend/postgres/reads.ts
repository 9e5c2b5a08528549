/** Everything that can be read outside of steps, put together from one file for each noun. Each read is one statement. */

import type { RunState } from "../contract/run.ts";
import type { RemoteReads } from "../remote/remote-store.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import { decodeCursor } from "../synchronous/paging.ts";
import type { Pool } from "./driver.ts";
import { ENTRY_COLUMNS, ENTRY_TABLES, readEntry } from "./entry-queries.ts";
import { GROUP_COLUMNS, readGroup } from "./group-row.ts";
import { historyReads } from "./history-reads.ts";
import { itemReads } from "./item-reads.ts";
import type { Lanes } from "./lanes.ts";
import { listOf } from "./parameters.ts";
import { Reading } from "./reading.ts";
import { CHECKPOINT_COLUMNS, DEFINITION_COLUMNS, readCheckpoint, readDefinition } from "./row-queries.ts";
import { bytesAt, optionalNumberAt, stringsAt, textAt } from "./row-values.ts";
import { listRuns } from "./run-list.ts";
import { keyDigest, RECORD_COLUMNS, RUN_COLUMNS, readRecord, readState } from "./run-row.ts";
import { readSessionRow, SELECT_SESSIONS } from "./session-row.ts";
import type { Statements } from "./statements.ts";

export function postgresReads(
  parts: { readonly statements: Statements; readonly ns: number; readonly lanes: Lanes },
  pool: Pool,
): RemoteReads {
  const reading = new Reading(parts, pool);
  return {
    ...definitionReads(reading),
    ...runReads(reading),
    ...itemReads(reading),
    ...historyReads(reading),
    ...sharedReads(reading),
    ...checkpointReads(reading),
  };
}

const DEFINITION = `SELECT ${DEFINITION_COLUMNS} FROM millrace.definition WHERE ns = $1`;

function definitionReads(reading: Reading) {
  return {
    async definition(hash) {
      const row = await reading.row(`${DEFINITION} AND hash = $2`, [reading.ns, toStoredText(hash)]);
      return row === undefined ? undefined : readDefinition(row);
    },
    async definitions() {
      const rows = await reading.rows(`${DEFINITION} ORDER BY name, published_at, hash`, [reading.ns]);
      return rows.map(readDefinition);
    },
  } satisfies Partial<RemoteReads>;
}

const STATES = `SELECT ${RUN_COLUMNS} FROM millrace.run WHERE run.ns = $1 AND run.name = ANY ($2::text[])`;
const RECORD = `SELECT ${RECORD_COLUMNS} FROM millrace.run JOIN millrace.run_detail ON run_detail.run = run.id
  WHERE run.ns = $1 AND run.name = $2`;
const RUN_BY_KEY = `SELECT run.name FROM millrace.run_detail JOIN millrace.run ON run.id = run_detail.run
  WHERE run_detail.ns = $1 AND run_detail.key_holder AND run_detail.key_digest = $2`;

function runReads(reading: Reading) {
  const { ns } = reading;
  const states = async (runIds: readonly string[]): Promise<readonly RunState[]> => {
    const rows = await reading.rows(STATES, [ns, listOf(runIds.map(toStoredText))]);
    const found = new Map(rows.map(readState).map((state) => [state.id, state]));
    return runIds.flatMap((runId) => found.get(runId) ?? []);
  };
  return {
    runState: async (runId) => (await states([runId]))[0],
    runStates: states,
    async runRecord(runId) {
      const row = await reading.row(RECORD, [ns, toStoredText(runId)]);
      return row === undefined ? undefined : readRecord(row);
    },
    async runIdByKey(workflow, idempotencyKey) {
      const row = await reading.row(RUN_BY_KEY, [ns, keyDigest(workflow, idempotencyKey)]);
      return row === undefined ? undefined : textAt(row, 0);
    },
    runs: (filter, page) => listRuns(reading, filter, page),
    async group(runId, group) {
      const text = `SELECT ${GROUP_COLUMNS} FROM millrace.branch_group JOIN millrace.run ON run.id = branch_group.run
        WHERE run.ns = $1 AND run.name = $2 AND branch_group.number = $3`;
      const row = await reading.row(text, [ns, toStoredText(runId), group]);
      return row === undefined ? undefined : readGroup(row, runId);
    },
  } satisfies Partial<RemoteReads>;
}

const BACKLOG = `SELECT min(lane.queue), min(lane.definition), min(array_to_json(lane.labels)::text), sum(entry.ready), min(entry.oldest)
  FROM millrace.lane CROSS JOIN LATERAL (
    SELECT count(*) AS ready, min(item.ready_at) AS oldest FROM millrace.item WHERE item.lane = lane.id AND item.place = 1
    UNION ALL SELECT count(*), min(item.ready_at) FROM millrace.item WHERE item.lane = lane.id AND item.place = 2
    UNION ALL SELECT count(*), min(item.ready_at) FROM millrace.item WHERE item.lane = lane.id AND item.place = 7) AS entry
  WHERE lane.ns = $1 GROUP BY lane.queue, lane.definition, lane.labels HAVING sum(entry.ready) > 0 ORDER BY min(lane.id)`;

/** What belongs to no run, or lies beside runs. */
function sharedReads(reading: Reading) {
  const { ns } = reading;
  return {
    async session(id) {
      const text = `${SELECT_SESSIONS} WHERE session.ns = $1 AND session.name = $2`;
      const row = await reading.row(text, [ns, toStoredText(id)]);
      return row === undefined ? undefined : readSessionRow(row).session;
    },
    async sessions() {
      const text = `${SELECT_SESSIONS} WHERE session.ns = $1 ORDER BY session.started_at DESC, session.name DESC`;
      return (await reading.rows(text, [ns])).map((row) => readSessionRow(row).session);
    },
    async backlog() {
      const rows = await reading.rows(BACKLOG, [ns]);
      return rows.map((row) => ({
        queue: textAt(row, 0),
        definition: textAt(row, 1),
        labels: stringsAt(row, 2),
        ready: Number(row[3]),
        oldestReadyAt: optionalNumberAt(row, 4),
      }));
    },
    async entry(kind, key) {
      const text = `SELECT ${ENTRY_COLUMNS} FROM ${ENTRY_TABLES} WHERE entry.ns = $1 AND entry.kind = $2 AND entry.name = $3`;
      const row = await reading.row(text, [ns, toStoredText(kind), toStoredText(key)]);
      return row === undefined ? undefined : readEntry(row);
    },
    async entries(list, { after, upTo, limit }) {
      const text = `SELECT ${ENTRY_COLUMNS} FROM millrace.entry_place AS spot JOIN ${ENTRY_TABLES} ON entry.id = spot.entry
        WHERE spot.ns = $1 AND spot.list = $2 AND (spot.at, spot.name) > ($3::double precision, $4::text) AND spot.at <= $5::double precision
        ORDER BY spot.at, spot.name LIMIT $6`;
      const from = [after?.at ?? Number.NEGATIVE_INFINITY, after === undefined ? "" : toStoredText(after.key)];
      const values = [ns, toStoredText(list), ...from, upTo ?? Number.POSITIVE_INFINITY, limit];
      return (await reading.rows(text, values)).map(readEntry);
    },
  } satisfies Partial<RemoteReads>;
}

function checkpointReads(reading: Reading) {
  const { ns } = reading;
  const columns = `SELECT ${CHECKPOINT_COLUMNS} FROM millrace.checkpoint WHERE ns = $1`;
  return {
    async checkpoint(id) {
      const row = await reading.row(`${columns} AND name = $2`, [ns, toStoredText(id)]);
      return row === undefined ? undefined : readCheckpoint(row);
    },
    async checkpointBody(id) {
      const text = `SELECT part.body FROM millrace.checkpoint JOIN millrace.checkpoint_body AS part ON part.checkpoint = checkpoint.id
        WHERE checkpoint.ns = $1 AND checkpoint.name = $2 ORDER BY part.part`;
      const rows = await reading.rows(text, [ns, toStoredText(id)]);
      const [only, ...more] = rows.map((row) => bytesAt(row, 0));
      return only === undefined || more.length === 0 ? only : new Uint8Array(Buffer.concat([only, ...more]));
    },
    async checkpoints(filter, page) {
      const [after] = decodeCursor("checkpoints", page.cursor, ["string"]) ?? [];
      const text = `${columns} AND ($2::smallint[] IS NULL OR status = ANY ($2::smallint[])) AND ($3::text IS NULL OR name > $3::text)
        ORDER BY name LIMIT $4`;
      const statuses = filter.status === undefined ? null : listOf(filter.status.map(RUN_STATUS.encode));
      const values = [ns, statuses, after === undefined ? null : toStoredText(after)];
      return await reading.page("checkpoints", page, text, values, readCheckpoint, (row) => [textAt(row, 0)]);
    },
  } satisfies Partial<RemoteReads>;
}
