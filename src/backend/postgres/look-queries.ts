/**
 * What a look finds, as a step asks for it: the rows with their runs, and the sessions that hold or held them. The runs
 * are read by a statement after the look: whoever changed a run before the look held its items is seen then, and
 * whoever does so later finds the items held.
 */

import { isMillraceError } from "../../core/errors.ts";
import type { Want } from "../remote/wants.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { Found, FoundItems, Look } from "./claim-look.ts";
import { lookStatement, RUNS_SETTING, readLook, SESSIONS_SETTING, WHOLE_RUNS_SETTING } from "./claim-look.ts";
import type { SqlRow } from "./driver.ts";
import { lockedEntriesQuery } from "./entry-queries.ts";
import type { Floors } from "./floors.ts";
import { type ItemRow, LANE_AT, readItemRow } from "./item-row.ts";
import { type Loading, type Query, sessionQuery } from "./row-queries.ts";
import { numberAt } from "./row-values.ts";
import { CLAIM_COLUMNS, isWhole, type RunRow, readClaimedRun, readRunRow, runColumnsIf } from "./run-row.ts";
import { checkReadable } from "./schema.ts";
import { SELECT_SESSIONS } from "./session-row.ts";
import type { LookWants } from "./wanted-rows.ts";
import { lookOf } from "./wanted-rows.ts";

/**
 * All of a run whose timeout is due or of which an item is, and of others what a claim needs. Adds to what the look left behind of
 * sessions those that committed last in the runs.
 */
const RUNS_LEFT = `WITH
  found AS MATERIALIZED (
    SELECT ${runColumnsIf("run.is_whole", CLAIM_COLUMNS)} FROM (
      SELECT run.*, run.xmin, run.ctid, run.id = ANY (whole.ids) AS is_whole
      FROM (SELECT current_setting('${WHOLE_RUNS_SETTING}')::bigint[] AS ids OFFSET 0) AS whole CROSS JOIN millrace.run
      WHERE run.id = ANY (current_setting('${RUNS_SETTING}')::bigint[]) OFFSET 0) AS run),
  left_behind AS MATERIALIZED (SELECT set_config('${SESSIONS_SETTING}', (current_setting('${SESSIONS_SETTING}')::text[] ||
    (SELECT coalesce(array_agg(DISTINCT affinity), '{}') FROM found WHERE affinity <> $1::text))::text, true) AS sessions)
  SELECT found.* FROM left_behind CROSS JOIN found WHERE left_behind.sessions IS NOT NULL`;

const SESSIONS_LEFT = `${SELECT_SESSIONS} WHERE session.ns = $1
  AND session.name = ANY ($2::text[] || current_setting('${SESSIONS_SETTING}')::text[])`;

/** The queries of a look, round trip by round trip. */
export interface LookQueries {
  readonly first: readonly Query[];
  /** What was found, once the first were accepted. */
  found(): Found | undefined;
  /** What remains to be asked by what was found so far; nothing once that is all. */
  next(): readonly Query[];
}

export interface Asking {
  /** The session that looks. */
  readonly asking: string | undefined;
  /** Sessions that are wanted besides those that the look finds. */
  readonly sessions: readonly string[];
  /** Runs that the step holds. */
  readonly heldRuns: ReadonlySet<string>;
}

export function lookQueries(
  loading: Loading,
  { floors, location }: { readonly floors: Floors; readonly location: string },
  wants: LookWants,
  now: number | undefined,
  { asking, sessions, heldRuns }: Asking,
): LookQueries {
  const { statements, ns, recent } = loading;
  const numbers = [...heldRuns].map((runId) => recent.runs.get(runId)?.id);
  const held = numbers.filter((id) => id !== undefined);
  const look = { ...lookOf(wants, asking), held: held.length === numbers.length ? held : undefined };
  let asksSessions = recent.meetsOthers || sessions.length > 0;
  let found: Found | undefined;

  function queries(isGlance: boolean): readonly Query[] {
    const looking: Query = {
      statement: lookStatement(statements, ns, look, found?.now ?? now, { floors, isGlance }),
      laneAt: LANE_AT + 1,
      accept(rows) {
        found = readLook(rows, look, floors);
        checkReadable(found.readableBy, location);
        floors.expectsMore = found.isPartial || (!isGlance && hasMore(found));
      },
    };
    const runsLeft: Query = {
      statement: statements.of(RUNS_LEFT, [asking === undefined ? "" : toStoredText(asking)]),
      accept(rows) {
        if (found !== undefined && !found.isPartial) giveFound(loading, wants, look, found, rows);
      },
    };
    const sessionsLeft = asksSessions ? [sessionQuery(loading, sessions, SESSIONS_LEFT)] : [];
    return [looking, runsLeft, ...sessionsLeft];
  }

  return {
    first: queries(!floors.expectsMore),
    found: () => found,
    next() {
      if (found === undefined) return [];
      if (found.isPartial) return queries(false);
      const left: Query[] = [];
      if (!asksSessions && found.sessions.length > 0) left.push(sessionQuery(loading, sessions, SESSIONS_LEFT));
      if (wants.entries !== undefined && found.entries > 0) left.push(lockedEntriesQuery(loading, wants.entries));
      asksSessions = true;
      found = { ...found, entries: 0 };
      return left;
    },
  };
}

/** Whether a glance would not have been enough. */
function hasMore({ ready, stalled, due, runs, sessions, entries }: Found): boolean {
  const items = ready.more.length + stalled.locked.length + due.locked.length;
  return items + runs.length + sessions.length + entries > 0;
}

function giveFound(loading: Loading, wants: LookWants, look: Look, found: Found, runRows: readonly SqlRow[]): void {
  const { into, known, recent } = loading;
  const expired = new Set(found.runs);
  recent.meetsOthers = false;
  for (const row of runRows) {
    const run = readable(() => (isWhole(row) ? readRunRow(row) : readClaimedRun(row)));
    if (run === undefined) continue;
    const { affinity } = run.state;
    if (affinity !== undefined && affinity !== look.session) recent.meetsOthers = true;
    if (isWhole(row)) known.keepRun(run, expired.has(run.state.id));
    else if (!known.keepPartOfRun(run)) continue;
    into.run(run.state.id, run.state);
  }
  if (wants.ready !== undefined) giveItems(loading, wants.ready, found.ready, look.ready);
  if (wants.stalled !== undefined) giveItems(loading, wants.stalled, found.stalled, look.stalled);
  if (wants.due !== undefined) giveItems(loading, wants.due, found.due, look.due);
  if (wants.runs !== undefined) {
    const runs = found.runs.filter((runId) => known.runs.has(runId));
    into.list(wants.runs, runs, found.runs.length < look.runs);
  }
  if (wants.sessions !== undefined) into.list(wants.sessions, found.sessions, found.sessions.length < look.sessions);
  if (wants.entries !== undefined && found.entries === 0) into.list(wants.entries, [], true);
  known.contended ||= found.contended;
}

/**
 * A row that cannot be read, or whose run's cannot, is left out and put where no claim meets it again, so that one damaged
 * run does not keep all others from being worked on. Whoever asks for it is told.
 */
function giveItems({ lanes, into, known }: Loading, want: Want, found: FoundItems, limit: number): void {
  const { locked, more } = found;
  const items: ItemRow[] = [];
  for (const [at, row] of [...locked, ...more].entries()) {
    const [run, number] = [numberAt(row, 0), numberAt(row, 1)];
    const runId = known.nameOf(run);
    const item = runId === undefined ? undefined : readable(() => readItemRow(row, runId, lanes));
    if (item === undefined) {
      known.damaged.push({ run, number });
      continue;
    }
    items.push(item);
    known.keepItem(item, at < locked.length ? "read" : "offered");
    into.item(item.item.runId, item.item.item, item);
  }
  const keys = items.sort(byPlace).map(({ item }) => ({ runId: item.runId, item: item.item }));
  into.list(want, keys, locked.length + more.length < limit);
}

/** By rank or time, then run, then number. */
function byPlace(a: ItemRow, b: ItemRow): number {
  const order = placeOf(a) - placeOf(b);
  if (order !== 0) return order;
  if (a.item.runId === b.item.runId) return a.item.item - b.item.item;
  return a.item.runId < b.item.runId ? -1 : 1;
}

function placeOf({ placement }: ItemRow): number {
  return placement.kind === "ready" ? placement.rank : placement.kind === "due" ? placement.at : 0;
}

function readable<T extends ItemRow | RunRow>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isMillraceError(error, "BACKEND_CORRUPT")) return undefined;
    throw error;
  }
}
