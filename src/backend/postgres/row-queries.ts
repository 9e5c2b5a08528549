/**
 * Rows that a step asks for by their keys: one statement for all of a kind. Runs and sessions that are to be held are locked in
 * the order of their names, each kind by a statement of its own, before anything else is.
 */

import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { DefinitionRecord } from "../contract/records.ts";
import type { LoadedRows } from "../remote/remote-store.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { SqlRow, Statement } from "./driver.ts";
import { GROUP_COLUMNS, readGroup } from "./group-row.ts";
import { ITEM_COLUMNS, ITEM_WIDTH, LANE_AT, readItemRow } from "./item-row.ts";
import type { Lanes } from "./lanes.ts";
import { listOf } from "./parameters.ts";
import { itemKey, type RecentRows } from "./recent-rows.ts";
import { bytesAt, numberAt, optionalBytesAt, plainTextAt, textAt } from "./row-values.ts";
import {
  DETAIL_COLUMNS,
  isWhole,
  keyDigest,
  RUN_COLUMNS,
  readDetails,
  readRunPlace,
  readRunRow,
  runColumnsIf,
} from "./run-row.ts";
import { readSessionRow, SELECT_SESSIONS } from "./session-row.ts";
import type { Statements } from "./statements.ts";
import type { StepRows } from "./step-rows.ts";
import type { WantedRows } from "./wanted-rows.ts";

/** A statement, and what becomes of its rows. */
export interface Query {
  readonly statement: Statement;
  /** Called in the order in which the statements were sent, once the lanes of all their items are known. */
  accept(rows: readonly SqlRow[]): void;
  /** Where rows are items: the column that has the lane. */
  readonly laneAt?: number | undefined;
}

/** What queries are made from and whom they tell. */
export interface Loading {
  readonly statements: Statements;
  readonly ns: number;
  readonly lanes: Lanes;
  readonly recent: RecentRows;
  readonly into: LoadedRows;
  readonly known: StepRows;
}

/**
 * For each of the given rows its run, and then what it names of it. `OFFSET 0` keeps the server from turning that round and
 * looking through a whole table for what was given, as it might while the table was small when it planned.
 */
const EACH_RUN = `CROSS JOIN LATERAL (
    SELECT run.id, run.name FROM millrace.run WHERE run.ns = $1 AND run.name = given.name OFFSET 0) AS run`;
const GIVEN_ITEMS = `unnest($2::text[], $3::integer[]) AS given(name, number) ${EACH_RUN}`;
const eachItem = (columns: string): string => `CROSS JOIN LATERAL (
    SELECT ${columns} FROM millrace.item WHERE item.run = run.id AND item.number = given.number OFFSET 0) AS item`;

const LOCK_SESSIONS =
  "SELECT id FROM millrace.session WHERE ns = $1 AND name = ANY ($2::text[]) ORDER BY name FOR UPDATE";
/** One after the other, in the order in which they are given. Of one that is as it was known before, little more is told than that. */
const LOCK_RUNS = `SELECT run.* FROM unnest($2::text[], $3::xid[]) AS given(name, seen) CROSS JOIN LATERAL (
    SELECT ${runColumnsIf("run.xmin IS DISTINCT FROM given.seen", [])} FROM millrace.run
    WHERE run.ns = $1 AND run.name = given.name FOR UPDATE) AS run`;
const RUNS = `SELECT ${RUN_COLUMNS} FROM millrace.run WHERE ns = $1 AND name = ANY ($2::text[])`;
const SESSIONS = `${SELECT_SESSIONS} WHERE session.ns = $1 AND session.name = ANY ($2::text[])`;
const ITEMS = `SELECT item.*, run.name FROM ${GIVEN_ITEMS} ${eachItem(ITEM_COLUMNS)}`;

const eachGroup = (columns: string, name: string): string => `CROSS JOIN LATERAL (
    SELECT ${columns} FROM millrace.branch_group
    WHERE branch_group.run = around.run AND branch_group.number = around.number OFFSET 0) AS ${name}`;
const around = (innermost: string): string => `WITH RECURSIVE around(run, number) AS (
    ${innermost}
    UNION
    SELECT around.run, outer_group.parent FROM around ${eachGroup("branch_group.parent", "outer_group")}
      WHERE outer_group.parent IS NOT NULL)
  SELECT found.*, run.name FROM around ${eachGroup(GROUP_COLUMNS, "found")} CROSS JOIN LATERAL (
    SELECT run.name FROM millrace.run WHERE run.id = around.run OFFSET 0) AS run`;
const GROUPS_OF_ITEMS = around(
  `SELECT run.id, item.branch_group FROM ${GIVEN_ITEMS} ${eachItem("item.branch_group")} WHERE item.branch_group IS NOT NULL`,
);
const GROUPS = around(`SELECT run.id, given.number FROM ${GIVEN_ITEMS}`);
const GROUP_WIDTH = 11;

const PAYLOADS = `SELECT run.name, given.number, item.* FROM ${GIVEN_ITEMS} ${eachItem("item.input, item.handed_failure")}`;
const MEMOS = `SELECT run.name, given.number, memo.name, memo.value FROM ${GIVEN_ITEMS} CROSS JOIN LATERAL (
    SELECT memo.id, memo.name, memo.value FROM millrace.memo WHERE memo.run = run.id AND memo.item = given.number OFFSET 0) AS memo
  ORDER BY memo.id`;
const DETAILS = `SELECT run.name, detail.* FROM (
    SELECT run.id, run.name, run.workflow FROM millrace.run WHERE run.ns = $1 AND run.name = ANY ($2::text[]) OFFSET 0) AS run
  CROSS JOIN LATERAL (SELECT ${DETAIL_COLUMNS} FROM millrace.run_detail WHERE run_detail.run = run.id OFFSET 0) AS detail`;
const KEYS = `SELECT held.key_digest, run.name FROM (
    SELECT key_digest, run FROM millrace.run_detail WHERE ns = $1 AND key_holder AND key_digest = ANY ($2::text[]) OFFSET 0) AS held
  CROSS JOIN LATERAL (SELECT run.name FROM millrace.run WHERE run.id = held.run OFFSET 0) AS run`;
export const DEFINITION_COLUMNS = "hash, name, version, json, published_at";
const DEFINITIONS = `SELECT ${DEFINITION_COLUMNS} FROM millrace.definition WHERE ns = $1 AND hash = ANY ($2::text[])`;
const HASHES = `SELECT standing.name, standing.version, standing.hash FROM unnest($2::text[], $3::text[]) AS given(name, version)
  JOIN millrace.definition_version AS standing ON standing.ns = $1 AND standing.name = given.name AND standing.version = given.version
  ORDER BY 1, 2 FOR UPDATE OF standing`;
const SNAPSHOTS = `SELECT run.name, given.shape, snapshot.sequence FROM unnest($2::text[], $3::text[]) AS given(name, shape)
  ${EACH_RUN} CROSS JOIN LATERAL (
    SELECT sequence FROM millrace.snapshot WHERE snapshot.run = run.id AND snapshot.shape = given.shape OFFSET 0) AS snapshot`;
export const CHECKPOINT_COLUMNS = "name, version, status, saved_at, bytes";
const CHECKPOINTS = `SELECT ${CHECKPOINT_COLUMNS} FROM millrace.checkpoint WHERE ns = $1 AND name = ANY ($2::text[]) ORDER BY name FOR UPDATE`;

/** What has to be locked before all else, in this order. */
export function lockQueries(loading: Loading, wanted: WantedRows): Query[] {
  const { statements, ns } = loading;
  const queries: Query[] = [];
  const { heldSessions, heldRuns } = wanted;
  if (heldSessions.size > 0) {
    queries.push({ statement: statements.of(LOCK_SESSIONS, [ns, names(heldSessions)]), accept: () => undefined });
  }
  if (heldRuns.size > 0) queries.push(heldRunQuery(loading, heldRuns));
  return [...queries, ...sharedLockQueries(loading, wanted)];
}

/** What is locked of a step that is underway: it waits for no run and no session, since others may wait for what it holds. */
export function laterLockQueries(loading: Loading, wanted: WantedRows): Query[] {
  const runs = wanted.heldRuns.size > 0 ? [runQuery(loading, wanted.heldRuns)] : [];
  return [...runs, ...sharedLockQueries(loading, wanted)];
}

function sharedLockQueries(loading: Loading, wanted: WantedRows): Query[] {
  const { checkpoints, hashes } = wanted;
  return [
    ...(checkpoints.length > 0 ? [checkpointQuery(loading, checkpoints)] : []),
    ...(hashes.length > 0 ? [hashQuery(loading, wanted)] : []),
  ];
}

/** Gives what is known from before of sessions and items that the step will hold, and takes it off the list. */
export function recall({ recent, into, known }: Loading, wanted: WantedRows): void {
  for (const id of wanted.heldSessions) {
    const row = recent.sessions.get(id);
    if (row === undefined) continue;
    known.keepSession(row);
    into.session(id, row.session);
    wanted.heldSessions.delete(id);
  }
  wanted.dropItems(({ runId, item, hold }) => {
    const row = hold ? recent.items.get(itemKey(runId, item)) : undefined;
    // The groups around an item are read with it.
    if (row === undefined || row.item.group !== undefined) return false;
    known.keepItem(row, "recalled");
    into.item(runId, item, row);
    return true;
  });
}

/** Everything else that is asked for by key. */
export function keyQueries(loading: Loading, wanted: WantedRows): Query[] {
  const queries: Query[] = [];
  if (wanted.runs.size > 0) queries.push(runQuery(loading, wanted.runs));
  if (wanted.items.length > 0) queries.push(itemQuery(loading, wanted));
  const inGroups = wanted.items.filter(({ hold }) => hold);
  if (inGroups.length > 0) queries.push(groupQuery(loading, GROUPS_OF_ITEMS, inGroups));
  if (wanted.groups.length > 0) {
    const given = wanted.groups.map(({ runId, group }) => ({ runId, item: group }));
    queries.push(groupQuery(loading, GROUPS, given, true));
  }
  if (wanted.payloads.length > 0) queries.push(payloadQuery(loading, wanted));
  if (wanted.memos.length > 0) queries.push(memoQuery(loading, wanted));
  if (wanted.details.length > 0) queries.push(detailQuery(loading, wanted));
  if (wanted.keys.length > 0) queries.push(keyQuery(loading, wanted));
  if (wanted.definitions.length > 0) queries.push(definitionQuery(loading, wanted));
  if (wanted.snapshots.length > 0) queries.push(snapshotQuery(loading, wanted));
  return queries;
}

export function sessionQuery(
  { statements, ns, into, known }: Loading,
  asked: readonly string[],
  text = SESSIONS,
): Query {
  return {
    statement: statements.of(text, [ns, names(asked)]),
    accept(rows) {
      const missing = new Set(asked);
      for (const row of rows) {
        const found = readSessionRow(row);
        known.keepSession(found);
        into.session(found.session.id, found.session);
        missing.delete(found.session.id);
      }
      for (const id of missing) into.session(id, undefined);
    },
  };
}

export function readDefinition(row: SqlRow): DefinitionRecord {
  return {
    hash: textAt(row, 0),
    name: textAt(row, 1),
    version: textAt(row, 2),
    json: textAt(row, 3),
    publishedAt: numberAt(row, 4),
  };
}

export function readCheckpoint(row: SqlRow): CheckpointRecord {
  return {
    id: textAt(row, 0),
    version: numberAt(row, 1),
    status: RUN_STATUS.decode(row[2]),
    savedAt: numberAt(row, 3),
    bytes: numberAt(row, 4),
  };
}

function names(texts: Iterable<string>): string {
  return listOf([...texts].map(toStoredText));
}

type Given = readonly { readonly runId: string; readonly item: number }[];

function givenItems(ns: number, given: Given): readonly [number, string, string] {
  return [ns, names(given.map(({ runId }) => runId)), listOf(given.map(({ item }) => item))];
}

function runQuery({ statements, ns, into, known }: Loading, asked: ReadonlySet<string>): Query {
  return {
    statement: statements.of(RUNS, [ns, names(asked)]),
    accept(rows) {
      const missing = new Set(asked);
      for (const row of rows) {
        const found = readRunRow(row);
        known.keepRun(found, false);
        into.run(found.state.id, found.state);
        missing.delete(found.state.id);
      }
      for (const runId of missing) into.run(runId, undefined);
    },
  };
}

function heldRunQuery({ statements, ns, recent, into, known }: Loading, asked: ReadonlySet<string>): Query {
  const runIds = [...asked].sort();
  const before = new Map(runIds.map((runId) => [runId, recent.runs.get(runId)]));
  const seen = runIds.map((runId) => before.get(runId)?.version ?? null);
  return {
    statement: statements.of(LOCK_RUNS, [ns, names(runIds), listOf(seen)]),
    accept(rows) {
      const missing = new Set(asked);
      for (const row of rows) {
        const place = readRunPlace(row);
        const state = before.get(place.runId)?.state;
        const found = isWhole(row) || state === undefined ? readRunRow(row) : { ...place, state };
        known.keepRun(found, true);
        into.run(found.state.id, found.state);
        missing.delete(found.state.id);
      }
      for (const runId of missing) into.run(runId, undefined);
    },
  };
}

function itemQuery({ statements, ns, lanes, into, known }: Loading, { items }: WantedRows): Query {
  return {
    statement: statements.of(ITEMS, givenItems(ns, items)),
    laneAt: LANE_AT,
    accept(rows) {
      const missing = new Map(items.map(({ runId, item }) => [`${runId}.${item}`, { runId, item }]));
      for (const row of rows) {
        const found = readItemRow(row, textAt(row, ITEM_WIDTH), lanes);
        const { runId, item } = found.item;
        known.keepItem(found);
        into.item(runId, item, found);
        missing.delete(`${runId}.${item}`);
      }
      for (const { runId, item } of missing.values()) into.item(runId, item, undefined);
    },
  };
}

function groupQuery({ statements, ns, into }: Loading, text: string, given: Given, areAsked = false): Query {
  return {
    statement: statements.of(text, givenItems(ns, given)),
    accept(rows) {
      if (areAsked) for (const { runId, item } of given) into.group(runId, item, undefined);
      for (const row of rows) {
        const group = readGroup(row, textAt(row, GROUP_WIDTH));
        into.group(group.runId, group.group, group);
      }
    },
  };
}

function payloadQuery({ statements, ns, into }: Loading, { payloads }: WantedRows): Query {
  return {
    statement: statements.of(PAYLOADS, givenItems(ns, payloads)),
    accept(rows) {
      for (const { runId, item } of payloads) into.payload(runId, item, undefined);
      for (const row of rows) {
        const payload = { input: optionalBytesAt(row, 2), failure: optionalBytesAt(row, 3) };
        into.payload(textAt(row, 0), numberAt(row, 1), payload);
      }
    },
  };
}

function memoQuery({ statements, ns, into }: Loading, { memos }: WantedRows): Query {
  return {
    statement: statements.of(MEMOS, givenItems(ns, memos)),
    accept(rows) {
      const found = new Map(memos.map(({ runId, item }) => [`${runId}.${item}`, new Map<string, Uint8Array>()]));
      for (const row of rows) found.get(`${textAt(row, 0)}.${numberAt(row, 1)}`)?.set(textAt(row, 2), bytesAt(row, 3));
      for (const { runId, item } of memos) into.memos(runId, item, found.get(`${runId}.${item}`) ?? new Map());
    },
  };
}

function detailQuery({ statements, ns, into }: Loading, { details }: WantedRows): Query {
  return {
    statement: statements.of(DETAILS, [ns, names(details)]),
    accept(rows) {
      for (const runId of details) into.runDetails(runId, undefined);
      for (const row of rows) into.runDetails(textAt(row, 0), readDetails(row, 1));
    },
  };
}

function keyQuery({ statements, ns, into, known }: Loading, { keys }: WantedRows): Query {
  const digests = keys.map(({ workflow, idempotencyKey }) => keyDigest(workflow, idempotencyKey));
  return {
    statement: statements.of(KEYS, [ns, listOf(digests)]),
    accept(rows) {
      const holders = new Map(rows.map((row) => [plainTextAt(row, 0), textAt(row, 1)]));
      for (const [at, { workflow, idempotencyKey }] of keys.entries()) {
        const digest = digests[at] ?? "";
        known.keyHolders.set(digest, holders.get(digest));
        into.runIdByKey(workflow, idempotencyKey, holders.get(digest));
      }
    },
  };
}

function definitionQuery({ statements, ns, into }: Loading, { definitions }: WantedRows): Query {
  return {
    statement: statements.of(DEFINITIONS, [ns, names(definitions)]),
    accept(rows) {
      for (const hash of definitions) into.definition(hash, undefined);
      for (const row of rows) into.definition(textAt(row, 0), readDefinition(row));
    },
  };
}

function hashQuery({ statements, ns, into, known }: Loading, { hashes }: WantedRows): Query {
  const values = [ns, names(hashes.map(({ name }) => name)), names(hashes.map(({ version }) => version))];
  return {
    statement: statements.of(HASHES, values),
    accept(rows) {
      const standing = new Map(rows.map((row) => [versionKey(textAt(row, 0), textAt(row, 1)), textAt(row, 2)]));
      for (const { name, version } of hashes) {
        const hash = standing.get(versionKey(name, version));
        known.hashes.set(versionKey(name, version), hash);
        into.definitionHash(name, version, hash);
      }
    },
  };
}

export function versionKey(name: string, version: string): string {
  return JSON.stringify([name, version]);
}

function snapshotQuery({ statements, ns, into }: Loading, { snapshots }: WantedRows): Query {
  const values = [ns, names(snapshots.map(({ runId }) => runId)), names(snapshots.map(({ shape }) => shape))];
  return {
    statement: statements.of(SNAPSHOTS, values),
    accept(rows) {
      for (const { runId, shape } of snapshots) into.snapshot(runId, shape, undefined);
      for (const row of rows) into.snapshot(textAt(row, 0), textAt(row, 1), numberAt(row, 2));
    },
  };
}

function checkpointQuery({ statements, ns, into }: Loading, ids: readonly string[]): Query {
  return {
    statement: statements.of(CHECKPOINTS, [ns, names(ids)]),
    accept(rows) {
      for (const id of ids) into.checkpoint(id, undefined);
      for (const row of rows) {
        const record = readCheckpoint(row);
        into.checkpoint(record.id, record);
      }
    },
  };
}
