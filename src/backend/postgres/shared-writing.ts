/** Writes what belongs to no run, or lies beside runs: definitions, sessions, entries, checkpoints. */

import type { Changes } from "../remote/changes.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { Statement } from "./driver.ts";
import { entryKey } from "./entry-queries.ts";
import { IN_PROGRESS } from "./item-row.ts";
import { type Cell, type Columns, givenRows, listOf, rowParameters } from "./parameters.ts";
import type { RecentRows } from "./recent-rows.ts";
import { versionKey } from "./row-queries.ts";
import { STATE, STAYING, stateCells, stayingCells } from "./session-row.ts";
import type { Statements } from "./statements.ts";
import type { StepRows } from "./step-rows.ts";
import { exactly, insertion, lastOfEach, type Write } from "./writing.ts";

const PUT_DEFINITIONS = insertion(
  "definition",
  [
    ["hash", "text"],
    ["name", "text"],
    ["version", "text"],
    ["json", "text"],
    ["published_at", "double precision"],
  ],
  {
    hasNamespace: true,
    conflict: `ON CONFLICT (ns, hash) DO UPDATE SET name = excluded.name, version = excluded.version,
      json = excluded.json, published_at = excluded.published_at`,
  },
);
const STANDING: Columns = [
  ["name", "text"],
  ["version", "text"],
  ["hash", "text"],
];
/** One that was looked for and was not there must not be there. */
const INSERT_STANDING = insertion("definition_version", STANDING, { hasNamespace: true });
const PUT_STANDING = insertion("definition_version", STANDING, {
  hasNamespace: true,
  conflict: "ON CONFLICT (ns, name, version) DO UPDATE SET hash = excluded.hash",
});

export function writeDefinitions(
  statements: Statements,
  ns: number,
  { definitions }: Changes,
  known: StepRows,
): Statement[] {
  const records = lastOfEach(definitions, ({ hash }) => hash).map(({ hash, name, version, json, publishedAt }) => {
    return [toStoredText(hash), toStoredText(name), toStoredText(version), toStoredText(json), publishedAt];
  });
  const standing = lastOfEach(definitions, ({ name, version }) => versionKey(name, version));
  const isNew = ({ name, version }: (typeof standing)[number]): boolean => {
    const key = versionKey(name, version);
    return known.hashes.has(key) && known.hashes.get(key) === undefined;
  };
  const cells = ({ name, version, hash }: (typeof standing)[number]): Cell[] => [name, version, hash].map(toStoredText);
  return [
    ...PUT_DEFINITIONS.of(statements, ns, records),
    ...INSERT_STANDING.of(statements, ns, standing.filter(isNew).map(cells)),
    ...PUT_STANDING.of(statements, ns, standing.filter((entry) => !isNew(entry)).map(cells)),
  ];
}

const STATES: Columns = [["session", "bigint"], ...STATE];
const GIVEN_STATES = givenRows(STATES);
/** Two steps that write the same version come into each other's way; of a session that was forgotten nothing is written. */
const PUT_STATES = `WITH
  gone AS (DELETE FROM millrace.session_state USING ${GIVEN_STATES.from}
    WHERE session_state.session = given.session AND session_state.version < given.version),
  made AS (INSERT INTO millrace.session_state (session, ns, ${STATE.map(([name]) => name).join(", ")})
    SELECT session.id, session.ns, ${GIVEN_STATES.cells.slice(1).join(", ")} FROM ${GIVEN_STATES.from} CROSS JOIN LATERAL (
        SELECT id, ns FROM millrace.session WHERE session.id = given.session OFFSET 0) AS session RETURNING 1)
  SELECT 1 / (count(*) = cardinality($1))::integer FROM made`;

const OPENED: Columns = [...STAYING, ...STATE];
const GIVEN_OPENED = givenRows(OPENED, 2);
const names = (columns: Columns): string => columns.map(([name]) => name).join(", ");
const OPEN_SESSIONS = `WITH
  made AS (INSERT INTO millrace.session (ns, ${names(STAYING)})
    SELECT $1::integer, ${GIVEN_OPENED.cells.slice(0, STAYING.length).join(", ")} FROM ${GIVEN_OPENED.from} RETURNING id, name)
  INSERT INTO millrace.session_state (ns, session, ${names(STATE)})
    SELECT $1::integer, made.id, ${GIVEN_OPENED.cells.slice(STAYING.length).join(", ")}
    FROM ${GIVEN_OPENED.from} JOIN made ON made.name = given.name`;

const LATEST = `CROSS JOIN LATERAL (SELECT stopped_at, until FROM millrace.session_state
    WHERE session_state.session = session.id ORDER BY version DESC LIMIT 1) AS state`;
const IS_OVER = "session.ns = $1 AND coalesce(state.stopped_at, state.until) < $2::double precision";
const FORGOTTEN = "engine.forgotten";
/** Locked by one statement and judged by the next: whoever had one of them before may have renewed it. */
const FORGET_SESSIONS = [
  `WITH locked AS MATERIALIZED (SELECT session.id FROM millrace.session ${LATEST} WHERE ${IS_OVER} FOR UPDATE OF session SKIP LOCKED)
    SELECT set_config('${FORGOTTEN}', (SELECT coalesce(array_agg(id), '{}') FROM locked)::text, true)`,
  `DELETE FROM millrace.session WHERE id IN (SELECT session.id FROM millrace.session ${LATEST}
    WHERE session.id = ANY (current_setting('${FORGOTTEN}')::bigint[]) AND ${IS_OVER} AND NOT EXISTS (
      SELECT 1 FROM millrace.item WHERE item.session = session.name AND item.status = ${IN_PROGRESS} AND item.ns = $1))`,
];
const REMOVE_FORGOTTEN = `DELETE FROM millrace.session_state WHERE session = ANY (current_setting('${FORGOTTEN}')::bigint[])
    AND NOT EXISTS (SELECT 1 FROM millrace.session WHERE session.id = session_state.session)`;

export function writeSessions(
  statements: Statements,
  ns: number,
  changes: Changes,
  known: StepRows,
  recent: RecentRows,
): readonly Write[] {
  const written: Write[] = [];
  const opened = changes.sessions.filter(({ id }) => !known.sessions.has(id));
  if (opened.length > 0) {
    const rows = opened.map((session) => [...stayingCells(session), ...stateCells(session, 1)]);
    written.push({ statement: statements.of(OPEN_SESSIONS, [ns, ...rowParameters(OPENED, rows)]) });
  }
  const states = changes.sessions.flatMap((session) => {
    const row = known.sessions.get(session.id);
    return row === undefined ? [] : [{ id: row.id, version: row.version + 1, session }];
  });
  if (states.length > 0) {
    const rows = states.map(({ id, version, session }) => [id, ...stateCells(session, version)]);
    const settle = (): void => {
      for (const row of states) {
        if (row.session.stoppedAt !== undefined || row.session.swept) recent.sessions.forget(row.session.id);
        else recent.sessions.keep(row.session.id, row);
      }
    };
    written.push({ statement: statements.of(PUT_STATES, rowParameters(STATES, rows)), settle });
  }
  const before = changes.forgetSessionsBefore;
  if (before === undefined) return written;
  const forgetting = FORGET_SESSIONS.map((text) => statements.of(text, [ns, before]));
  return [...written, ...[...forgetting, statements.of(REMOVE_FORGOTTEN)].map((statement) => ({ statement }))];
}

const ENTRY_KEYS: Columns = [
  ["kind", "text"],
  ["name", "text"],
];
const GIVEN_KEYS = givenRows(ENTRY_KEYS, 2);
const OF_GIVEN = "entry.ns = $1 AND entry.kind = given.kind AND entry.name = given.name";
const REMOVE_PLACES = `DELETE FROM millrace.entry_place USING millrace.entry, ${GIVEN_KEYS.from}
  WHERE ${OF_GIVEN} AND entry_place.entry = entry.id`;
const REMOVE_ENTRIES = `DELETE FROM millrace.entry USING ${GIVEN_KEYS.from} WHERE ${OF_GIVEN}`;
const ENTRIES: Columns = [...ENTRY_KEYS, ["run_name", "text"], ["facts", "text"], ["value", "bytea"]];
const GIVEN_ENTRIES = givenRows(ENTRIES, 2);
const INSERT_ENTRIES = `INSERT INTO millrace.entry (ns, kind, name, run, facts, value)
  SELECT $1::integer, given.kind, given.name, run.id, given.facts, ${GIVEN_ENTRIES.cells[4]} FROM ${GIVEN_ENTRIES.from}
    LEFT JOIN millrace.run ON run.ns = $1 AND run.name = given.run_name
  WHERE given.run_name IS NULL OR run.id IS NOT NULL`;
const PUT_ENTRIES = `${INSERT_ENTRIES} ON CONFLICT (ns, kind, name) DO UPDATE
  SET run = excluded.run, facts = excluded.facts, value = excluded.value`;
const PLACES: Columns = [...ENTRY_KEYS, ["list", "text"], ["at", "double precision"]];
const GIVEN_PLACES = givenRows(PLACES, 2);
const INSERT_PLACES = `INSERT INTO millrace.entry_place (ns, entry, list, at, name)
  SELECT $1::integer, entry.id, given.list, given.at, given.name FROM ${GIVEN_PLACES.from}
    JOIN millrace.entry ON ${OF_GIVEN}`;

export function writeEntries(statements: Statements, ns: number, { entries }: Changes, known: StepRows): Statement[] {
  if (entries.length === 0) return [];
  const keys = entries.map(({ kind, key }) => [toStoredText(kind), toStoredText(key)]);
  const removed = keys.filter((_, at) => entries[at]?.after === undefined);
  const written = [statements.of(REMOVE_PLACES, [ns, ...rowParameters(ENTRY_KEYS, keys)])];
  if (removed.length > 0) written.push(statements.of(REMOVE_ENTRIES, [ns, ...rowParameters(ENTRY_KEYS, removed)]));
  const put = entries.flatMap(({ after }) => after ?? []);
  // One that was looked for and was not there must not be there.
  const isNew = ({ kind, key }: (typeof put)[number]): boolean => known.entries.get(entryKey(kind, key)) === false;
  const groups = [
    { text: INSERT_ENTRIES, rows: put.filter(isNew) },
    { text: PUT_ENTRIES, rows: put.filter((entry) => !isNew(entry)) },
  ];
  for (const { text, rows } of groups) {
    if (rows.length === 0) continue;
    const cells = rows.map(({ kind, key, runId, facts, value }) => [
      toStoredText(kind),
      toStoredText(key),
      runId === undefined ? null : toStoredText(runId),
      toStoredText(facts),
      value ?? null,
    ]);
    written.push(statements.of(text, [ns, ...rowParameters(ENTRIES, cells)]));
  }
  const places = put.flatMap(({ kind, key, places: lists }) =>
    lists.map(({ list, at }) => [toStoredText(kind), toStoredText(key), toStoredText(list), at]),
  );
  if (places.length > 0) written.push(statements.of(INSERT_PLACES, [ns, ...rowParameters(PLACES, places)]));
  return written;
}

const INSERT_CHECKPOINT = `INSERT INTO millrace.checkpoint (ns, name, version, status, saved_at, bytes)
  VALUES ($1, $2, $3, $4, $5, $6)`;
const UPDATE_CHECKPOINT = exactly(`UPDATE millrace.checkpoint SET version = $3, status = $4, saved_at = $5, bytes = $6
  WHERE ns = $2 AND name = ANY ($1::text[]) RETURNING 1`);
const THE_CHECKPOINT = "(SELECT id FROM millrace.checkpoint WHERE ns = $1 AND name = $2)";
const REMOVE_BODY = `DELETE FROM millrace.checkpoint_body WHERE checkpoint = ${THE_CHECKPOINT}`;
/** Parts are numbered by the version that they made. */
const ADD_PART = `INSERT INTO millrace.checkpoint_body (checkpoint, part, body) VALUES (${THE_CHECKPOINT}, $3, $4)`;
const REMOVE_CHECKPOINT = "DELETE FROM millrace.checkpoint WHERE ns = $1 AND name = $2";

export function writeCheckpoints(statements: Statements, ns: number, { checkpoints }: Changes): Statement[] {
  return checkpoints.flatMap((change): Statement[] => {
    const name = toStoredText(change.kind === "remove" ? change.id : change.record.id);
    const removeBody = statements.of(REMOVE_BODY, [ns, name]);
    if (change.kind === "remove") return [removeBody, statements.of(REMOVE_CHECKPOINT, [ns, name])];
    const { record, body } = change;
    const { version, status, savedAt, bytes } = record;
    const cells = [version, RUN_STATUS.encode(status), savedAt, bytes];
    const row =
      version === 1
        ? statements.of(INSERT_CHECKPOINT, [ns, name, ...cells])
        : statements.of(UPDATE_CHECKPOINT, [listOf([name]), ns, ...cells]);
    const part = statements.of(ADD_PART, [ns, name, version, body]);
    return change.kind === "put" ? [row, removeBody, part] : [row, part];
  });
}
