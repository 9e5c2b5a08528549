/** Reads of contexts and of what happened: deltas, snapshots, arrivals, outputs, failures, metrics, logs, audit. */

import type { LogLine } from "../contract/commit.ts";
import type { AuditEntry } from "../contract/control.ts";
import type { DeltaRecord, FailureEntry } from "../contract/records.ts";
import type { PageRequest } from "../contract/run.ts";
import type { RemoteReads } from "../remote/remote-store.ts";
import { fromStoredFailure } from "../sql/stored-failure.ts";
import { toStoredText } from "../sql/stored-text.ts";
import { decodeCursor } from "../synchronous/paging.ts";
import type { Parameter, SqlRow } from "./driver.ts";
import type { Reading } from "./reading.ts";
import { bytesAt, damaged, numberAt, optionalNumberAt, optionalTextAt, plainTextAt, textAt } from "./row-values.ts";

const THE_RUN = "(SELECT run.id FROM millrace.run WHERE run.ns = $1 AND run.name = $2)";

export function historyReads(reading: Reading) {
  return {
    ...contextReads(reading),
    ...branchReads(reading),
    ...happenedReads(reading),
  } satisfies Partial<RemoteReads>;
}

/** Rows of deltas that are looked at in one go. */
const CHUNK_ROWS = 1_000;
/** What fits, and the first one however large it is. */
const DELTAS = `SELECT sequence, maker, epoch, at, body FROM (
    SELECT chunk.*, sum(octet_length(body)) OVER (ORDER BY sequence) AS total FROM (
      SELECT delta.* FROM millrace.delta WHERE delta.run = ${THE_RUN} AND delta.sequence > $3 AND delta.sequence <= $4
      ORDER BY delta.sequence LIMIT ${CHUNK_ROWS}) AS chunk) AS entry
  WHERE total <= $5::double precision OR total = octet_length(body) ORDER BY sequence`;
const SNAPSHOT = `SELECT snapshot.sequence, snapshot.body FROM millrace.snapshot
  WHERE snapshot.run = ${THE_RUN} AND snapshot.shape = $3 AND snapshot.sequence <= $4`;
/** Beyond the last sequence of any run. */
const NO_END = 2_147_483_647;

function contextReads(reading: Reading) {
  const { ns } = reading;
  return {
    async deltasAfter(runId, after, upTo, maxBytes) {
      const deltas: DeltaRecord[] = [];
      let bytes = 0;
      for (let from = after; ; ) {
        const end = Math.min(upTo, NO_END);
        const rows = await reading.rows(DELTAS, [ns, toStoredText(runId), from, end, maxBytes - bytes]);
        for (const row of rows) {
          const delta = readDelta(runId, row);
          bytes += delta.delta.length;
          if (deltas.length > 0 && bytes > maxBytes) return deltas;
          deltas.push(delta);
          from = delta.sequence;
        }
        if (rows.length < CHUNK_ROWS) return deltas;
      }
    },
    async snapshot(runId, shape, upTo) {
      const values = [ns, toStoredText(runId), toStoredText(shape), Math.min(upTo, NO_END)];
      const row = await reading.row(SNAPSHOT, values);
      return row === undefined ? undefined : { sequence: numberAt(row, 0), bytes: bytesAt(row, 1) };
    },
  } satisfies Partial<RemoteReads>;
}

const POSITION = "path, commit_number, place_in_emission, source";

interface Placed {
  readonly list: string;
  readonly table: string;
  readonly columns: string;
  readonly where: string;
  readonly values: readonly Parameter[];
}

function branchReads(reading: Reading) {
  return {
    arrivals(runId, group, join, page) {
      const where = "AND branch_group = $3 AND join_node = $4";
      const values = [group, toStoredText(join)];
      const list = { list: "arrivals", table: "arrival", columns: "node, value", where, values };
      return placedPage(reading, runId, page, list, (row) => ({
        runId,
        group,
        join,
        ...placeOf(row),
        node: textAt(row, 4),
        value: bytesAt(row, 5),
      }));
    },
    outputs(runId, page) {
      const list = { list: "outputs", table: "output", columns: "value", where: "", values: [] };
      return placedPage(reading, runId, page, list, (row) => ({ ...placeOf(row), value: bytesAt(row, 4) }));
    },
  } satisfies Partial<RemoteReads>;
}

/** In branch order: path, then commit, then index. */
async function placedPage<T>(
  reading: Reading,
  runId: string,
  page: PageRequest,
  { list, table, columns, where, values }: Placed,
  read: (row: SqlRow) => T,
) {
  const after = decodeCursor(list, page.cursor, ["string", "number", "number", "number"]);
  const first = 3 + values.length;
  const places = `$${first}::text, $${first + 1}::integer, $${first + 2}::bigint, $${first + 3}::integer`;
  const beyond = after === undefined ? "" : `AND (${POSITION}) > (${places})`;
  const from = after === undefined ? [] : [toStoredText(after[0]), after[1], after[2], after[3]];
  const text = `SELECT ${POSITION}, ${columns} FROM millrace.${table} WHERE run = ${THE_RUN} ${where} ${beyond}
    ORDER BY ${POSITION} LIMIT $${first + from.length}`;
  return await reading.page(list, page, text, [reading.ns, toStoredText(runId), ...values, ...from], read, (row) => {
    const { path, commit, index, from: source } = placeOf(row);
    return [path, commit, index, source];
  });
}

function placeOf(row: SqlRow) {
  return { path: textAt(row, 0), commit: numberAt(row, 1), index: numberAt(row, 2), from: numberAt(row, 3) };
}

interface Happened {
  readonly list: string;
  readonly from: string;
  readonly columns: string;
  readonly where: readonly string[];
  readonly values: readonly Parameter[];
}

function happenedReads(reading: Reading) {
  const { ns } = reading;
  const ofRun = (runId: string, table: string, item?: number): Pick<Happened, "where" | "values"> => ({
    where: [`${table}.run = ${THE_RUN}`, ...(item === undefined ? [] : [`${table}.item = $3`])],
    values: [ns, toStoredText(runId), ...(item === undefined ? [] : [item])],
  });
  return {
    failures(filter, page) {
      const { runId, item } = filter;
      const columns = `run.name, failure.item, failure.node, failure.attempt, failure.epoch, failure.failure, failure.outcome,
        failure.worker, failure.at`;
      const anyRun = { where: ["failure.ns = $1", ...(item === undefined ? [] : ["failure.item = $2"])], values: [ns] };
      const picked =
        runId === undefined
          ? { ...anyRun, values: item === undefined ? [ns] : [ns, item] }
          : ofRun(runId, "failure", item);
      const from = "millrace.failure JOIN millrace.run ON run.id = failure.run";
      return happenedPage(reading, page, { list: "failures", from, columns, ...picked }, readFailure);
    },
    metrics(runId, page) {
      const columns = "metric.item, metric.node, metric.name, metric.value, metric.at";
      const list = { list: "metrics", from: "millrace.metric", columns, ...ofRun(runId, "metric") };
      return happenedPage(reading, page, list, (row) => ({
        runId,
        item: numberAt(row, 1),
        node: textAt(row, 2),
        name: textAt(row, 3),
        value: numberAt(row, 4),
        at: numberAt(row, 5),
      }));
    },
    logs({ runId, item }, page) {
      const columns = "log.item, log.attempt, log.at, log.level, log.message, log.data";
      const list = { list: "logs", from: "millrace.log", columns, ...ofRun(runId, "log", item) };
      return happenedPage(reading, page, list, (row) => {
        const data = optionalTextAt(row, 6);
        return {
          runId,
          item: numberAt(row, 1),
          attempt: numberAt(row, 2),
          at: numberAt(row, 3),
          level: readLevel(plainTextAt(row, 4)),
          message: textAt(row, 5),
          ...(data === undefined ? {} : { data }),
        };
      });
    },
    audit(runId, page) {
      const columns = "audit.at, audit.action, audit.actor, audit.detail, audit.item";
      const where = ["audit.ns = $1", "audit.run = $2"];
      const list = { list: "audit", from: "millrace.audit", columns, where, values: [ns, toStoredText(runId)] };
      return happenedPage(reading, page, list, (row) => ({
        runId,
        at: numberAt(row, 1),
        action: readAction(plainTextAt(row, 2)),
        actor: optionalTextAt(row, 3),
        detail: textAt(row, 4),
        item: optionalNumberAt(row, 5),
      }));
    },
  } satisfies Partial<RemoteReads>;
}

/** Oldest first. */
async function happenedPage<T>(
  reading: Reading,
  page: PageRequest,
  { list, from, columns, where, values }: Happened,
  read: (row: SqlRow) => T,
) {
  const [after] = decodeCursor(list, page.cursor, ["number"]) ?? [0];
  const id = `${from.split(" ")[0]?.replace("millrace.", "") ?? ""}.id`;
  const text = `SELECT ${id}, ${columns} FROM ${from} WHERE ${where.join(" AND ")} AND ${id} > $${values.length + 1}
    ORDER BY ${id} LIMIT $${values.length + 2}`;
  return await reading.page(list, page, text, [...values, after], read, (row) => [numberAt(row, 0)]);
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

function readFailure(row: SqlRow): FailureEntry {
  return {
    runId: textAt(row, 1),
    item: numberAt(row, 2),
    node: textAt(row, 3),
    attempt: numberAt(row, 4),
    epoch: numberAt(row, 5),
    failure: fromStoredFailure(plainTextAt(row, 6)),
    outcome: readOutcome(plainTextAt(row, 7)),
    workerId: textAt(row, 8),
    at: numberAt(row, 9),
  };
}

/** One of the words; anything else means that the store is damaged. */
function oneOf<W extends string>(what: string, words: readonly W[]): (stored: string) => W {
  return (stored) => {
    const found = words.find((word) => word === stored);
    if (found === undefined) throw damaged(what);
    return found;
  };
}

const readOutcome = oneOf<FailureEntry["outcome"]>("a failure with an unknown outcome", [
  "retried",
  "failedOver",
  "failed",
  "stalled",
]);

const readLevel = oneOf<LogLine["level"]>("a log line of an unknown level", ["debug", "info", "warn", "error"]);

const readAction = oneOf<AuditEntry["action"]>("an audit entry of an unknown action", [
  ...(["cancel", "pause", "resume", "retryItem", "complete", "fail", "enqueue", "merge", "setAttempts"] as const),
  ...(["completeWait", "delete"] as const),
]);
