/**
 * One look at all that a claim and the sweep before it go by: ready items of the lanes that may be claimed from, items that
 * are due, runs whose timeout is, messages, sessions that ended. What is found is locked, and what another step holds is left out. It is
 * one statement that walks partial indexes from their floors, so it costs what it finds, whatever lies in the tables.
 *
 * In each list the first ones are found without a lock, more of them than are wanted, and then locked in their order until
 * there are enough: so what others hold is passed over, and nothing is locked that is not given. A row that has changed since it
 * was found is at another place of the table, so it is not found again, and left out as well.
 *
 * Of ready items no more are locked than the claim will take: others claim at the same time. Those that come after are given
 * without a lock, and only where the claim may come to them: because of a run that another session works on, of which nothing
 * can be claimed, or that the step may change before.
 *
 * Which runs and sessions belong to what was found is left behind for the statements after it in settings of the transaction:
 * they see what was committed up to the moment when the locks were held, which this statement does not.
 */

import { fromStoredText, parseStored, toStoredText } from "../sql/stored-text.ts";
import { CLAIM_OVERSCAN } from "../synchronous/claim.ts";
import { DUE_ENTRIES, type LaneSelection } from "../synchronous/row-store.ts";
import type { SqlRow, Statement } from "./driver.ts";
import { DUE, type Floors, LANE, RUNS, SESSIONS } from "./floors.ts";
import { CARRYING_COLUMNS, COLUMN_NAMES, IN_PROGRESS, ITEM_WIDTH, PLACE, shiftOf } from "./item-row.ts";
import { listOf } from "./parameters.ts";
import { damaged, isObject, isStrings, numberAt, plainTextAt } from "./row-values.ts";
import { READABLE_BY } from "./schema.ts";
import type { Statements } from "./statements.ts";

export interface Look {
  readonly selection?: LaneSelection | undefined;
  /** Who claims. */
  readonly session?: string | undefined;
  /** Runs that the step holds, by number; absent where that of some is not known. */
  readonly held?: readonly number[] | undefined;
  readonly ready: number;
  readonly stalled: number;
  readonly due: number;
  readonly runs: number;
  readonly sessions: number;
  readonly entries: number;
}

export const NO_LOOK: Look = { ready: 0, stalled: 0, due: 0, runs: 0, sessions: 0, entries: 0 };

/** What a look found. Rows of items are in the order of their lists. */
export interface Found {
  readonly now: number;
  readonly ready: FoundItems;
  readonly stalled: FoundItems;
  readonly due: FoundItems;
  /** Names, in their order. */
  readonly runs: readonly string[];
  readonly sessions: readonly string[];
  /** How many entries are due. */
  readonly entries: number;
  /** A glance saw that there is more to be found. */
  readonly isPartial: boolean;
  /** The oldest version whose code can use the tables. */
  readonly readableBy: number;
  /** A ready item was left out because another step held it. */
  readonly contended: boolean;
}

export interface FoundItems {
  readonly locked: readonly SqlRow[];
  /** What comes after, which others may hold. */
  readonly more: readonly SqlRow[];
}

/** Settings in which the numbers of runs and entries and the names of sessions are left behind. */
export const RUNS_SETTING = "engine.runs";
/** Those of the runs of which everything is needed. */
export const WHOLE_RUNS_SETTING = "engine.whole_runs";
export const SESSIONS_SETTING = "engine.sessions";
export const ENTRIES_SETTING = "engine.entries";

/** How many are found for each one that is wanted: some of them others hold. */
const SPARE = "$20::integer";

const POSITION = "place_key, run, number";
const NOW = "(SELECT now FROM instant)";

/** An item of the claiming session that lies ready: the request may well end it before it claims. */
const IS_OWN = `status = ${IN_PROGRESS} AND session = $19::text`;
const PLACES = "ctid AS tid, place_key, run, number";
const FOUND = `tid, ${POSITION}, is_own`;

/** The first ones of each lane in the index of a place. */
function inLanes(place: number, limit: string, from: string): string {
  return `SELECT lane.id AS lane, entry.* FROM lane CROSS JOIN LATERAL (
    SELECT ${PLACES}, ${IS_OWN} AS is_own FROM millrace.item WHERE item.lane = lane.id AND item.place = ${place} ${from}
    ORDER BY ${POSITION} LIMIT ${limit} * ${SPARE}) AS entry`;
}

/** Whether among these are items of runs that others work on, of which nothing can be claimed, or that the step may end before it claims. */
function mayChange(found: string, limit: string): string {
  return `($22::boolean OR EXISTS (SELECT 1 FROM (SELECT run, is_own FROM ${found} LIMIT ${limit}) AS near CROSS JOIN LATERAL (
      SELECT 1 FROM millrace.run WHERE run.id = near.run AND (near.is_own OR run.status > 1 OR run.affinity <> $19::text
        OR run.wake_at <= ${NOW} OR run.id IN (SELECT unnest($21::bigint[]))) OFFSET 0) AS entry))`;
}

/** What comes after those that were locked, if it may be preferred to them. */
function following(found: string, list: string, locks: string, limit: string): string {
  return `SELECT ${CARRYING_COLUMNS} FROM ${found} JOIN millrace.item ON item.ctid = ${found}.tid
    WHERE (SELECT count(*) FROM ${list}) = ${locks}
      AND (${found}.place_key, ${found}.run, ${found}.number) > (
        SELECT ${list}.place_key, ${list}.run, ${list}.number FROM ${list} ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT 1)
      AND (EXISTS (SELECT 1 FROM due_entry) OR ${mayChange(found, limit)})
    LIMIT ${limit} - ${locks}`;
}

/**
 * The first of these that nobody else holds. They come in the order in which they were found, without being sorted again: a
 * sort would have to read all of them before the first is locked.
 */
function locked(found: string, limit: string): string {
  return `SELECT ${CARRYING_COLUMNS} FROM ${found} JOIN millrace.item ON item.ctid = ${found}.tid
    LIMIT ${limit} FOR UPDATE OF item SKIP LOCKED`;
}

const COLUMNS = COLUMN_NAMES.join(", ");

/** The lowest entry of each lane, from its floor on. */
const LANES_SEEN = `(SELECT coalesce(json_agg(json_build_array(lane.id, lane.band, entry.first)), '[]') FROM lane LEFT JOIN (
      SELECT fresh.lane, min(fresh.place_key) AS first FROM fresh GROUP BY fresh.lane) AS entry ON entry.lane = lane.id
      WHERE $8::integer > 0)`;

const SUMMARY = `json_build_object(
    'now', ${NOW},
    'ready', (SELECT count(*) FROM ready_found),
    'lanes', ${LANES_SEEN},
    'more', false,
    'due', (SELECT min(place_key) FROM due_found),
    'run', (SELECT min(wake_at) FROM run_found),
    'session', (SELECT min(until) FROM session_found),
    'runs', (SELECT coalesce(json_agg(name), '[]') FROM expired_run),
    'sessions', (SELECT coalesce(json_agg(name), '[]') FROM expired_session),
    'entries', (SELECT count(*) FROM due_entry),
    'readableBy', ${READABLE_BY},
    'left', (SELECT length(runs) + length(whole_runs) + length(sessions) + length(entries) FROM left_behind))::text`;

/** The ready items of the lanes that may be claimed from, as many of them locked as are wanted. */
const READY = `
  instant AS MATERIALIZED (SELECT coalesce($2::double precision, floor(extract(epoch FROM clock_timestamp())::double precision * 1000)) AS now),
  lane AS MATERIALIZED (
    SELECT lane.id, lane.band, coalesce(known.floor, '-infinity') AS floor
    FROM millrace.lane LEFT JOIN unnest($6::integer[], $7::double precision[]) AS known(id, floor) ON known.id = lane.id
    WHERE lane.ns = $1 AND lane.definition = ANY ($3::text[]) AND lane.queue = ANY ($4::text[]) AND lane.labels <@ $5::text[]),
  fresh AS MATERIALIZED (${inLanes(PLACE.ready, "$8::integer", "AND item.place_key >= lane.floor")}),
  late AS MATERIALIZED (${inLanes(PLACE.late, "$8::integer", "")}),
  ready_found AS MATERIALIZED (
    SELECT ${FOUND} FROM fresh UNION ALL SELECT ${FOUND} FROM late ORDER BY ${POSITION} LIMIT $8::integer * ${SPARE}),
  ready AS MATERIALIZED (${locked("ready_found", "$17::integer")})`;

const DUE_ITEM = `FROM millrace.item WHERE item.ns = $1 AND item.place IN (${PLACE.due}, ${PLACE.busy})
      AND item.place_key >= $10::double precision AND item.place_key <= ${NOW}`;
const DUE_RUN = `FROM millrace.run WHERE run.ns = $1 AND run.wake_at IS NOT NULL AND run.status < 2
      AND run.wake_at >= $12::double precision AND run.wake_at <= ${NOW}`;
const ENDED_SESSION = `FROM millrace.session_state
      WHERE session_state.ns = $1 AND session_state.stopped_at IS NULL AND NOT session_state.swept
      AND session_state.until >= $14::double precision AND session_state.until <= ${NOW}`;
const DUE_PLACE = `FROM millrace.entry_place AS place WHERE place.ns = $1 AND place.list = '${DUE_ENTRIES}' AND place.at <= ${NOW}`;

const NOTHING_FOUND = `SELECT 0, ${COLUMN_NAMES.map(() => "NULL").join(", ")}`;

const LOOK = `WITH ${READY},
  due_entry AS MATERIALIZED (
    SELECT entry.id FROM (SELECT place.entry ${DUE_PLACE} ORDER BY place.at, place.name LIMIT $16::integer) AS due_place
      JOIN millrace.entry ON entry.id = due_place.entry FOR UPDATE OF entry SKIP LOCKED),
  ready_more AS MATERIALIZED (${following("ready_found", "ready", "$17::integer", "$8::integer")}),
  stalled_found AS MATERIALIZED (
    SELECT ${FOUND} FROM (${inLanes(PLACE.stalled, "$9::integer", "")}) AS entry ORDER BY ${POSITION} LIMIT $9::integer * ${SPARE}),
  stalled AS MATERIALIZED (${locked("stalled_found", "$18::integer")}),
  stalled_more AS MATERIALIZED (${following("stalled_found", "stalled", "$18::integer", "$9::integer")}),
  due_found AS MATERIALIZED (SELECT ${PLACES} ${DUE_ITEM} ORDER BY ${POSITION} LIMIT $11::integer * ${SPARE}),
  due AS MATERIALIZED (${locked("due_found", "$11::integer")}),
  run_found AS MATERIALIZED (
    SELECT ctid AS tid, wake_at, name ${DUE_RUN} ORDER BY wake_at, name LIMIT $13::integer * ${SPARE}),
  expired_run AS MATERIALIZED (
    SELECT run.id, run.name FROM run_found JOIN millrace.run ON run.ctid = run_found.tid
    LIMIT $13::integer FOR UPDATE OF run SKIP LOCKED),
  session_found AS MATERIALIZED (
    SELECT session_state.session, session_state.until ${ENDED_SESSION} ORDER BY until LIMIT $15::integer),
  expired_session AS MATERIALIZED (
    SELECT session.name FROM session_found JOIN millrace.session ON session.id = session_found.session
    FOR UPDATE OF session SKIP LOCKED),
  item_found AS MATERIALIZED (
    ${["ready", "ready_more", "stalled", "stalled_more", "due"].map((list) => `SELECT run, session, status FROM ${list}`).join(" UNION ALL ")}),
  left_behind AS MATERIALIZED (SELECT
    set_config('${RUNS_SETTING}', (SELECT coalesce(array_agg(DISTINCT run), '{}') FROM (
      SELECT run FROM item_found UNION ALL SELECT id FROM expired_run) AS entry)::text, true) AS runs,
    set_config('${WHOLE_RUNS_SETTING}', (SELECT coalesce(array_agg(DISTINCT run), '{}') FROM (
      SELECT run FROM due UNION ALL SELECT id FROM expired_run) AS entry)::text, true) AS whole_runs,
    set_config('${SESSIONS_SETTING}', (SELECT coalesce(array_agg(DISTINCT name), '{}') FROM (
      SELECT session AS name FROM item_found WHERE status = ${IN_PROGRESS} AND session IS NOT NULL
      UNION ALL SELECT name FROM expired_session) AS entry)::text, true) AS sessions,
    set_config('${ENTRIES_SETTING}', (SELECT coalesce(array_agg(id), '{}') FROM due_entry)::text, true) AS entries)
  SELECT 1 AS list, ${COLUMNS}, '' AS summary FROM ready
  UNION ALL SELECT 2, ${COLUMNS}, '' FROM stalled
  UNION ALL SELECT 3, ${COLUMNS}, '' FROM due
  UNION ALL SELECT 4, ${COLUMNS}, '' FROM ready_more
  UNION ALL SELECT 5, ${COLUMNS}, '' FROM stalled_more
  UNION ALL ${NOTHING_FOUND}, ${SUMMARY}`;

/**
 * Mostly there is nothing but ready items, and none of the step's own runs among them. That is found out at half the price: a
 * glance locks those, and says whether there is a reason to look.
 */
const GLANCE = `WITH ${READY},
  left_behind AS MATERIALIZED (SELECT
    set_config('${RUNS_SETTING}', (SELECT coalesce(array_agg(DISTINCT run), '{}') FROM ready)::text, true) AS runs,
    set_config('${WHOLE_RUNS_SETTING}', '{}', true) AS whole_runs,
    set_config('${SESSIONS_SETTING}', (SELECT coalesce(array_agg(DISTINCT session), '{}') FROM ready
      WHERE status = ${IN_PROGRESS} AND session IS NOT NULL)::text, true) AS sessions),
  not_asked AS (SELECT $16::integer, $18::integer)
  SELECT 1 AS list, ${COLUMNS}, '' AS summary FROM ready
  UNION ALL ${NOTHING_FOUND}, json_build_object(
    'now', ${NOW},
    'ready', (SELECT count(*) FROM ready_found),
    'lanes', ${LANES_SEEN},
    'more', $17::integer > 0 AND (SELECT count(*) FROM ready) = $17::integer AND ${mayChange("ready_found", "$8::integer")}
      OR $9::integer > 0 AND EXISTS (SELECT 1 FROM lane CROSS JOIN LATERAL (
        SELECT 1 FROM millrace.item WHERE item.lane = lane.id AND item.place = ${PLACE.stalled} LIMIT 1) AS entry)
      OR $11::integer > 0 AND EXISTS (SELECT 1 ${DUE_ITEM}) OR $13::integer > 0 AND EXISTS (SELECT 1 ${DUE_RUN})
      OR $15::integer > 0 AND EXISTS (SELECT 1 ${ENDED_SESSION}) OR $16::integer > 0 AND EXISTS (SELECT 1 ${DUE_PLACE}),
    'due', NULL, 'run', NULL, 'session', NULL, 'runs', '[]'::json, 'sessions', '[]'::json, 'entries', 0,
    'readableBy', ${READABLE_BY},
    'left', (SELECT length(runs) + length(whole_runs) + length(sessions) FROM left_behind))::text`;

const SUMMARY_AT = ITEM_WIDTH + 1;

/** `now`: absent until it is to be read from the server's clock. */
export function lookStatement(
  statements: Statements,
  ns: number,
  look: Look,
  now: number | undefined,
  { floors, isGlance }: { readonly floors: Floors; readonly isGlance: boolean },
): Statement {
  const { queues = [], definitions = [], labels = [] } = look.selection ?? {};
  const lanes = floors.named(LANE);
  return statements.of(isGlance ? GLANCE : LOOK, [
    ns,
    now ?? null,
    listOf(definitions.map(toStoredText)),
    listOf(queues.map(toStoredText)),
    listOf(labels.map(toStoredText)),
    listOf(lanes.map(([lane]) => Number(lane))),
    listOf(lanes.map(([, floor]) => floor)),
    look.ready,
    look.stalled,
    floors.of(DUE),
    look.due,
    floors.of(RUNS),
    look.runs,
    floors.of(SESSIONS),
    look.sessions,
    look.entries,
    locksOf(look.ready),
    locksOf(look.stalled),
    look.session === undefined ? null : toStoredText(look.session),
    floors.spare,
    listOf(look.held ?? []),
    look.held === undefined,
  ]);
}

/** Reads what a look found, and remembers where the next one may begin. */
export function readLook(rows: readonly SqlRow[], look: Look, floors: Floors): Found {
  const items: readonly [SqlRow[], SqlRow[], SqlRow[], SqlRow[], SqlRow[]] = [[], [], [], [], []];
  let summary: Summary | undefined;
  for (const row of rows) {
    const list = items[numberAt(row, 0) - 1];
    if (list === undefined) summary = readSummary(plainTextAt(row, SUMMARY_AT));
    else list.push(row.slice(1));
  }
  if (summary === undefined) throw damaged("no answer to a look for work");
  if (!summary.more) remember(summary, look, floors);
  floors.contended(items[0].length < Math.min(locksOf(look.ready), summary.ready));
  const [ready, stalled, due, readyMore, stalledMore] = items;
  return {
    now: summary.now,
    ready: { locked: ready, more: readyMore },
    stalled: { locked: stalled, more: stalledMore },
    due: { locked: due, more: [] },
    runs: summary.runs.map(fromStoredText),
    sessions: summary.sessions.map(fromStoredText),
    entries: summary.entries,
    isPartial: summary.more,
    readableBy: summary.readableBy,
    contended: ready.length < Math.min(locksOf(look.ready), summary.ready),
  };
}

/** How many of a list are locked: as many as the claim will take. */
function locksOf(limit: number): number {
  return limit <= CLAIM_OVERSCAN ? limit : limit - CLAIM_OVERSCAN;
}

function remember({ now, lanes, due, run, session }: Summary, look: Look, floors: Floors): void {
  floors.at(now);
  for (const [lane, band, first] of lanes) {
    if (band !== null) floors.saw(`${LANE}${lane}`, now, first ?? undefined, shiftOf(band));
  }
  if (look.due > 0) floors.saw(DUE, now, due ?? undefined);
  if (look.runs > 0) floors.saw(RUNS, now, run ?? undefined);
  if (look.sessions > 0) floors.saw(SESSIONS, now, session ?? undefined);
}

interface Summary {
  readonly now: number;
  /** How many ready items were found before any was locked. */
  readonly ready: number;
  /** There is a reason to look, and not only to glance. */
  readonly more: boolean;
  readonly lanes: readonly (readonly [lane: number, band: number | null, first: number | null])[];
  /** The first of what is due, whoever holds it. */
  readonly due: number | null;
  readonly run: number | null;
  readonly session: number | null;
  readonly runs: readonly string[];
  readonly sessions: readonly string[];
  readonly entries: number;
  readonly readableBy: number;
}

function readSummary(text: string): Summary {
  const summary = parseStored(text);
  if (!isSummary(summary)) throw damaged("an unreadable answer to a look for work");
  return summary;
}

function isSummary(value: unknown): value is Summary {
  return (
    isObject(value) &&
    typeof value.now === "number" &&
    typeof value.ready === "number" &&
    typeof value.more === "boolean" &&
    typeof value.entries === "number" &&
    typeof value.readableBy === "number" &&
    Array.isArray(value.lanes) &&
    isStrings(value.runs) &&
    isStrings(value.sessions)
  );
}
