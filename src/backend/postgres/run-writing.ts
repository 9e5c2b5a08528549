/** Writes what a step changed of runs and of what goes with them, each kind of change in one statement for all runs. */

import { MillraceError } from "../../core/errors.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { Changes } from "../remote/changes.ts";
import { toStoredFailure } from "../sql/stored-failure.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { Session, SqlRow, Statement } from "./driver.ts";
import { type Columns, givenRows, listOf, rowParameters } from "./parameters.ts";
import type { RecentRows } from "./recent-rows.ts";
import { numberAt } from "./row-values.ts";
import {
  CHANGING,
  changingCells,
  DETAILS,
  detailCells,
  keyDigest,
  STAYING,
  stayingCells,
  tagDigest,
} from "./run-row.ts";
import type { Statements } from "./statements.ts";
import type { KnownRun, StepRows } from "./step-rows.ts";
import { exactly, insertion, readPlaces, updatesInPlace, type Write } from "./writing.ts";

const BLOCK = 256;
const TAKE_BLOCKS = "SELECT nextval('millrace.run_number') FROM generate_series(1, $1::integer)";

/** Numbers for new runs, taken from the server in blocks. */
export class RunNumbers {
  #free: readonly number[] = [];

  async take(session: Session, statements: Statements, count: number): Promise<readonly number[]> {
    const taken = this.#free.slice(0, count);
    this.#free = this.#free.slice(count);
    const blocks = Math.ceil((count - taken.length) / BLOCK);
    if (blocks === 0) return taken;
    const [result] = await session.run([statements.of(TAKE_BLOCKS, [blocks])]);
    const fresh = (result?.rows ?? []).flatMap((row) =>
      Array.from({ length: BLOCK }, (_, place) => numberAt(row, 0) + place),
    );
    const missing = count - taken.length;
    this.#free = [...this.#free, ...fresh.slice(missing)];
    return [...taken, ...fresh.slice(0, missing)];
  }
}

const INSERT_RUNS = insertion("run", [...STAYING, ...CHANGING], { hasNamespace: true });
const INSERT_DETAILS = insertion("run_detail", DETAILS, { hasNamespace: true });
const TAGS: Columns = [
  ["tag", "text"],
  ["created_at", "double precision"],
  ["run_name", "text"],
  ["run", "bigint"],
];
const INSERT_TAGS = insertion("run_tag", TAGS, { hasNamespace: true });
/** Only from the run that the step knew to hold it: from any other a key is not taken, so the new run comes into its way. */
const FREE_KEYS = `UPDATE millrace.run_detail SET key_holder = false
  WHERE ns = $1 AND key_holder AND (key_digest, run) IN (SELECT * FROM unnest($2::text[], $3::bigint[]))`;

/** Each is locked, so it stays where it lies. */
const UPDATED: Columns = [["place_in_table", "tid"], ...CHANGING];
const UPDATE_RUNS = updatesInPlace("run", UPDATED);

const FAILURES: Columns = [
  ["run", "bigint"],
  ["failure", "text"],
];
const UPDATE_FAILURES = `UPDATE millrace.run_detail SET failure = given.failure FROM ${givenRows(FAILURES).from}
  WHERE run_detail.run = given.run`;
const OUTPUTS: Columns = [
  ["run", "bigint"],
  ["output", "bytea"],
];
const GIVEN_OUTPUTS = givenRows(OUTPUTS);
const UPDATE_OUTPUTS = `UPDATE millrace.run_detail SET output = ${GIVEN_OUTPUTS.cells[1]} FROM ${GIVEN_OUTPUTS.from}
  WHERE run_detail.run = given.run`;

/** Locks runs that are as they were loaded, and waits for nobody: others may wait for what this step holds. */
const HOLD_RUNS = exactly(`SELECT run.id FROM unnest($1::tid[], $2::xid[]) AS given(place_in_table, seen)
  JOIN millrace.run ON run.ctid = given.place_in_table WHERE run.xmin = given.seen FOR UPDATE OF run SKIP LOCKED`);

/** Tables whose rows belong to a run, by its number. */
const TABLES_OF_RUN = [
  ...["item", "branch_group", "arrival", "output", "delta", "snapshot", "memo", "progress", "failure", "metric"],
  ...["log", "run_tag", "entry", "run_detail"],
];
const REMOVALS = [
  `DELETE FROM millrace.entry_place WHERE entry IN (SELECT id FROM millrace.entry WHERE run = ANY ($1::bigint[]))`,
  ...TABLES_OF_RUN.map((table) => `DELETE FROM millrace.${table} WHERE run = ANY ($1::bigint[])`),
  "DELETE FROM millrace.run WHERE id = ANY ($1::bigint[])",
];
const REMOVE_AUDIT = "DELETE FROM millrace.audit WHERE ns = $1 AND run = ANY ($2::text[])";

/** Runs that the step would write, of which only a part was read, by name. */
export function partialRuns({ updatedRuns, removedRuns }: Changes, known: StepRows): readonly string[] {
  const runs = [...updatedRuns.map(({ state }) => state.id), ...removedRuns.map(({ id }) => id)];
  return runs.filter((runId) => known.runs.get(runId)?.isPartial === true);
}

/** Runs that the step has to hold to its end and does not yet, by name. */
export function runsToHold(changes: Changes, known: StepRows): readonly string[] {
  const { insertedRuns, updatedRuns, removedRuns, held } = changes;
  const runs = [...updatedRuns.map(({ state }) => state.id), ...removedRuns.map(({ id }) => id), ...held.runs];
  const made = new Set(insertedRuns.map(({ state }) => state.id));
  return [...new Set(runs)].filter((runId) => known.runs.get(runId)?.held !== true && !made.has(runId)).sort();
}

export function holdRuns(statements: Statements, runIds: readonly string[], known: StepRows): Statement[] {
  if (runIds.length === 0) return [];
  const runs = runIds.map((runId) => knownRun(known, runId)).sort((a, b) => a.id - b.id);
  const versions = listOf(runs.map(({ version }) => version));
  return [statements.of(HOLD_RUNS, [listOf(runs.map(({ place }) => place)), versions])];
}

export function insertRuns(
  statements: Statements,
  ns: number,
  { insertedRuns, now }: Changes,
  known: StepRows,
): Statement[] {
  if (insertedRuns.length === 0) return [];
  const runs = insertedRuns.map((run) => ({ ...run, id: knownRun(known, run.state.id).id }));
  const keys = runs.flatMap(({ id, details: { workflow, idempotencyKey } }) =>
    idempotencyKey === undefined ? [] : [[keyDigest(workflow, idempotencyKey), id] as const],
  );
  // Of several new runs under one key the last holds it.
  const holders = new Map(keys);
  const freed = [...holders.keys()].flatMap((key) => {
    const before = known.keyHolders.get(key);
    return before === undefined ? [] : [[key, knownRun(known, before).id] as const];
  });
  const tags = runs.flatMap(({ id, state, details }) =>
    Object.entries(details.tags).map(([name, value]) => [
      tagDigest(name, value),
      state.createdAt,
      toStoredText(state.id),
      id,
    ]),
  );
  return [
    ...INSERT_RUNS.of(
      statements,
      ns,
      runs.map(({ id, state, details }) => [
        ...stayingCells(id, state, details.workflow),
        ...changingCells(state, now),
      ]),
    ),
    ...(freed.length === 0
      ? []
      : [statements.of(FREE_KEYS, [ns, listOf(freed.map(([key]) => key)), listOf(freed.map(([, run]) => run))])]),
    ...INSERT_DETAILS.of(
      statements,
      ns,
      runs.map(({ id, details }) => detailCells(id, details, [...holders.values()].includes(id))),
    ),
    ...INSERT_TAGS.of(statements, ns, tags),
  ];
}

export function updateRuns(
  statements: Statements,
  changes: Changes,
  known: StepRows,
  recent: RecentRows,
): readonly Write[] {
  const { updatedRuns, runFailures, runOutputs, now } = changes;
  const written: Write[] = [];
  if (updatedRuns.length > 0) {
    const runs = updatedRuns.map(({ state }) => ({ state, ...knownRun(known, state.id) })).sort((a, b) => a.id - b.id);
    const rows = runs.map(({ state, place }) => [place, ...changingCells(state, now)]);
    const settle = (row: SqlRow): void => {
      const { places, version } = readPlaces(row);
      for (const [at, { id, state }] of runs.entries()) {
        const place = places[at];
        if (place === undefined || isTerminalRun(state.status)) recent.runs.forget(state.id);
        else recent.runs.keep(state.id, { id, state, version, place });
      }
    };
    written.push({ statement: statements.of(UPDATE_RUNS, rowParameters(UPDATED, rows)), settle });
  }
  if (runFailures.length > 0) {
    const rows = runFailures.map(({ runId, failure }) => [
      knownRun(known, runId).id,
      failure === undefined ? null : toStoredFailure(failure),
    ]);
    written.push({ statement: statements.of(UPDATE_FAILURES, rowParameters(FAILURES, rows)) });
  }
  if (runOutputs.length > 0) {
    const rows = runOutputs.map(({ runId, output }) => [knownRun(known, runId).id, output]);
    written.push({ statement: statements.of(UPDATE_OUTPUTS, rowParameters(OUTPUTS, rows)) });
  }
  return written;
}

export function removeRuns(statements: Statements, ns: number, { removedRuns }: Changes, known: StepRows): Statement[] {
  if (removedRuns.length === 0) return [];
  const ids = listOf(removedRuns.map(({ id }) => knownRun(known, id).id).sort((a, b) => a - b));
  return [
    ...REMOVALS.map((text) => statements.of(text, [ids])),
    statements.of(REMOVE_AUDIT, [ns, listOf(removedRuns.map(({ id }) => toStoredText(id)))]),
  ];
}

export function knownRun(known: StepRows, runId: string): KnownRun {
  const run = known.runs.get(runId);
  if (run === undefined) throw new MillraceError("INTERNAL", `a step wrote something of run ${runId} without it`);
  return run;
}
