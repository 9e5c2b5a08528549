/**
 * Loads what a step wants, in one round trip where it can: first what is to be locked, in an order that all steps keep, then
 * looks and lists, then all that is asked for by key. Every read that decides comes after the locks, by a statement of its own:
 * one that has waited for a lock still sees everything else as it was before.
 */

import type { LoadedRows } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import type { Session, SqlRow, Statement, StatementResult } from "./driver.ts";
import { entryListQueries, entryQueries } from "./entry-queries.ts";
import type { Floors } from "./floors.ts";
import type { Lanes } from "./lanes.ts";
import { listQueries } from "./list-queries.ts";
import { type LookQueries, lookQueries } from "./look-queries.ts";
import type { RecentRows } from "./recent-rows.ts";
import {
  keyQueries,
  type Loading,
  laterLockQueries,
  lockQueries,
  type Query,
  recall,
  sessionQuery,
} from "./row-queries.ts";
import { numberAt } from "./row-values.ts";
import { checkReadable, READABLE_BY } from "./schema.ts";
import type { Statements } from "./statements.ts";
import type { StepRows } from "./step-rows.ts";
import { WantedRows } from "./wanted-rows.ts";

/** What all steps of a store share. */
export interface StoreParts {
  readonly statements: Statements;
  readonly ns: number;
  readonly lanes: Lanes;
  readonly floors: Floors;
  readonly recent: RecentRows;
  /** Instead of the server's clock. */
  readonly clock: { now(): number } | undefined;
  /** For messages. */
  readonly location: string;
}

export const CLOCK = `SELECT floor(extract(epoch FROM clock_timestamp())::double precision * 1000), ${READABLE_BY}`;

/** Begins a transaction with these rows, and gives its instant: read once every lock that it waits for is held. */
export async function loadFirst(
  parts: StoreParts,
  session: Session,
  wants: readonly Want[],
  into: LoadedRows,
  known: StepRows,
): Promise<number> {
  const { statements, clock } = parts;
  const loading = { ...parts, into, known };
  const wanted = new WantedRows(wants);
  recall(loading, wanted);
  const begin = statements.begin.map((statement): Query => ({ statement, accept: () => undefined }));
  const locks = [...begin, ...lockQueries(loading, wanted)];
  if (clock === undefined && wanted.looks.length === 1) {
    return await loadRest(loading, parts, session, wanted, undefined, locks);
  }
  let now = 0;
  const time: Query = {
    statement: statements.of(CLOCK),
    accept([row = []]) {
      checkReadable(numberAt(row, 1), parts.location);
      now = numberAt(row, 0);
    },
  };
  if (clock === undefined && wanted.looks.length === 0) {
    await loadRest(loading, parts, session, wanted, undefined, [...locks, time]);
    return now;
  }
  await answer(parts, session, [...locks, time]);
  if (clock !== undefined) now = clock.now();
  await loadRest(loading, parts, session, wanted, now, []);
  return now;
}

/** Loads more for a step that is underway. It waits for no run and no session: others may wait for the items that it holds. */
export async function loadMore(
  parts: StoreParts,
  session: Session,
  wants: readonly Want[],
  into: LoadedRows,
  known: StepRows,
  now: number,
): Promise<void> {
  const loading = { ...parts, into, known };
  const wanted = new WantedRows(wants);
  await loadRest(loading, parts, session, wanted, now, laterLockQueries(loading, wanted));
}

/** Everything but the first locks, after `before`. Gives the instant of the look, if there is one. */
async function loadRest(
  loading: Loading,
  parts: StoreParts,
  session: Session,
  wanted: WantedRows,
  now: number | undefined,
  before: readonly Query[],
): Promise<number> {
  const { heldSessions, sessions, entries, entryLists, lists, looks } = wanted;
  const asked = [...heldSessions, ...sessions];
  const looking: LookQueries[] = looks.map((wants, at) =>
    lookQueries(loading, parts, wants, now, {
      asking: wanted.asking,
      sessions: at === 0 ? asked : [],
      heldRuns: wanted.heldRuns,
    }),
  );
  const queries = [
    ...before,
    ...lists.flatMap((want) => listQueries(loading, want)),
    ...entryQueries(loading, entries),
    ...entryLists.flatMap((want) => entryListQueries(loading, want)),
    ...looking.flatMap((look) => look.first),
    ...keyQueries(loading, wanted),
    ...(looking.length === 0 && asked.length > 0 ? [sessionQuery(loading, asked)] : []),
  ];
  await answer(parts, session, queries);
  for (const look of looking) {
    for (let next = look.next(); next.length > 0; next = look.next()) await answer(parts, session, next);
  }
  return looking[0]?.found()?.now ?? now ?? 0;
}

/** Sends the statements together, and gives each its rows. */
async function answer(parts: StoreParts, session: Session, queries: readonly Query[]): Promise<void> {
  if (queries.length === 0) return;
  const results = await session.run(queries.map(({ statement }): Statement => statement));
  await parts.lanes.learn(session, laneIds(queries, results));
  for (const [at, query] of queries.entries()) query.accept(results[at]?.rows ?? []);
}

function* laneIds(queries: readonly Query[], results: readonly StatementResult[]): Generator<number, undefined> {
  for (const [at, { laneAt }] of queries.entries()) {
    if (laneAt === undefined) continue;
    for (const row of results[at]?.rows ?? []) {
      const id = laneIn(row, laneAt);
      if (id !== undefined) yield id;
    }
  }
}

function laneIn(row: SqlRow, at: number): number | undefined {
  const id = row[at];
  return typeof id === "number" ? id : undefined;
}
