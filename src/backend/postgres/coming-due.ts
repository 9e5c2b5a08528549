/**
 * When something happens next by itself, whether a claim would find anything, and what lies below the floors. All of it only
 * reads, and walks indexes from their floors like a claim.
 */

import type { Claim, Peek } from "../contract/claim.ts";
import { fromStoredText, parseStored, toStoredText } from "../sql/stored-text.ts";
import { DUE_ENTRIES } from "../synchronous/row-store.ts";
import type { SqlRow, Statement } from "./driver.ts";
import { DUE, type Floors, HELD, LANE, RUNS, SESSIONS } from "./floors.ts";
import { IN_PROGRESS, PLACE } from "./item-row.ts";
import { listOf } from "./parameters.ts";
import { booleanAt, damaged, numberAt, optionalNumberAt, plainTextAt } from "./row-values.ts";
import type { Statements } from "./statements.ts";

/** Sessions that are looked at for one that holds something. If none of so many does, the next one counts as if it did. */
const MOST_SESSIONS = 32;

const DUE_ITEM = `SELECT place_key FROM millrace.item
  WHERE item.ns = $1 AND item.place IN (${PLACE.due}, ${PLACE.busy}) AND item.place_key`;
const DUE_RUN = `SELECT wake_at FROM millrace.run
  WHERE run.ns = $1 AND run.wake_at IS NOT NULL AND run.status < 2 AND run.wake_at`;
const LIVE_SESSION = `SELECT session_state.session, session_state.until FROM millrace.session_state
  WHERE session_state.ns = $1 AND session_state.stopped_at IS NULL AND NOT session_state.swept AND session_state.until`;
const DUE_ENTRY = `SELECT place.at FROM millrace.entry_place AS place WHERE place.ns = $1 AND place.list = '${DUE_ENTRIES}'`;

/** Four columns: due items, runs, entries, and sessions as JSON. Parameters from the second on: floors, then those of what sessions hold. */
const NEXT = `
  (${DUE_ITEM} >= $2::double precision ORDER BY place_key LIMIT 1),
  (${DUE_RUN} >= $3::double precision ORDER BY wake_at LIMIT 1),
  (${DUE_ENTRY} ORDER BY place.at LIMIT 1),
  (SELECT coalesce(json_agg(json_build_array(entry.name, entry.until, entry.held) ORDER BY entry.until), '[]')::text FROM (
    SELECT session.name, live.until, (
        SELECT item.claimed_at FROM millrace.item
        WHERE item.session = session.name AND item.status = ${IN_PROGRESS} AND item.ns = $1
          AND item.claimed_at >= coalesce(known.floor, '-infinity') ORDER BY item.claimed_at LIMIT 1) AS held
    FROM (${LIVE_SESSION} >= $4::double precision ORDER BY until LIMIT ${MOST_SESSIONS + 1}) AS live
      JOIN millrace.session ON session.id = live.session
      LEFT JOIN unnest($5::text[], $6::double precision[]) AS known(name, floor) ON known.name = session.name) AS entry)`;

const NEXT_DUE = `SELECT ${NEXT}`;

/** As of right after what the transaction has written. */
export function nextDueStatement(statements: Statements, ns: number, floors: Floors): Statement {
  return statements.of(NEXT_DUE, [ns, ...nextDueValues(floors)]);
}

function nextDueValues(floors: Floors) {
  const held = floors.named(HELD);
  return [
    ...[DUE, RUNS, SESSIONS].map((list) => floors.of(list)),
    listOf(held.map(([name]) => toStoredText(name))),
    listOf(held.map(([, floor]) => floor)),
  ];
}

export interface ComingDue {
  readonly at: number | undefined;
  /** Remembers where the next look may begin. Not before what was looked at is committed. */
  remember(floors: Floors, now: number): void;
}

/** `at`: the first of the four columns. */
export function readNextDue(row: SqlRow, at = 0): ComingDue {
  const item = optionalNumberAt(row, at);
  const run = optionalNumberAt(row, at + 1);
  const sessions = readSessions(plainTextAt(row, at + 3));
  const holding = sessions.find(({ held }, place) => held !== undefined || place === MOST_SESSIONS);
  const times = [item, run, optionalNumberAt(row, at + 2), holding?.until].filter((time) => time !== undefined);
  return {
    at: times.length === 0 ? undefined : Math.min(...times),
    remember(floors, now) {
      floors.saw(DUE, now, item);
      floors.saw(RUNS, now, run);
      floors.saw(SESSIONS, now, sessions[0]?.until);
      for (const { name, held } of sessions.slice(0, MOST_SESSIONS)) floors.saw(`${HELD}${name}`, now, held);
    },
  };
}

interface LiveSession {
  readonly name: string;
  readonly until: number;
  /** When the first of the items that it holds was claimed. */
  readonly held: number | undefined;
}

function readSessions(text: string): readonly LiveSession[] {
  const sessions = parseStored(text);
  if (!Array.isArray(sessions)) throw damaged("an unreadable list of sessions");
  return sessions.map((session: unknown) => {
    if (!Array.isArray(session)) throw damaged("an unreadable session");
    const name = fromStoredText(plainTextAt(session, 0));
    return { name, until: numberAt(session, 1), held: optionalNumberAt(session, 2) };
  });
}

const NOW = "(SELECT now FROM instant)";

/** Whether there is one in an index of a lane. */
function inLanes(place: number, from = ""): string {
  return `EXISTS (SELECT 1 FROM lane CROSS JOIN LATERAL (
    SELECT 1 FROM millrace.item WHERE item.lane = lane.id AND item.place = ${place} ${from} LIMIT 1) AS entry)`;
}

const PEEK = `WITH
  instant AS MATERIALIZED (SELECT coalesce($7::double precision, floor(extract(epoch FROM clock_timestamp())::double precision * 1000)) AS now),
  lane AS MATERIALIZED (
    SELECT lane.id, coalesce(known.floor, '-infinity') AS floor
    FROM millrace.lane LEFT JOIN unnest($8::integer[], $9::double precision[]) AS known(id, floor) ON known.id = lane.id
    WHERE lane.ns = $1 AND lane.definition = ANY ($10::text[]) AND lane.queue = ANY ($11::text[]) AND lane.labels <@ $12::text[])
  SELECT ${NOW}, EXISTS (${DUE_ITEM} >= $2::double precision AND item.place_key <= ${NOW})
    OR EXISTS (${DUE_RUN} >= $3::double precision AND run.wake_at <= ${NOW})
    OR EXISTS (${DUE_ENTRY} AND place.at <= ${NOW})
    OR EXISTS (${LIVE_SESSION} >= $4::double precision AND session_state.until + $13::double precision <= ${NOW})
    OR $14::boolean AND (${inLanes(PLACE.ready, "AND item.place_key >= lane.floor")} OR ${inLanes(PLACE.late)})
    OR $15::boolean AND ${inLanes(PLACE.stalled)}, ${NEXT}`;

export function peekStatement(
  statements: Statements,
  ns: number,
  claim: Claim,
  floors: Floors,
  now: number | undefined,
): Statement {
  const lanes = floors.named(LANE);
  return statements.of(PEEK, [
    ns,
    ...nextDueValues(floors),
    now ?? null,
    listOf(lanes.map(([lane]) => Number(lane))),
    listOf(lanes.map(([, floor]) => floor)),
    listOf(claim.definitions.map(toStoredText)),
    listOf(claim.queues.map(toStoredText)),
    listOf(claim.labels.map(toStoredText)),
    claim.graceMs,
    claim.limit > 0,
    claim.limit > 0 && claim.stalledLimit > 0,
  ]);
}

export function readPeek(row: SqlRow): Peek {
  return { now: numberAt(row, 0), ready: booleanAt(row, 1), nextDueAt: readNextDue(row, 2).at };
}

/** The lowest entry below each floor, list by list. */
const BELOW = {
  [LANE]: `SELECT known.name, (SELECT place_key FROM millrace.item
      WHERE item.lane = known.name::integer AND item.place = ${PLACE.ready} AND item.place_key < known.floor ORDER BY place_key LIMIT 1)
    FROM unnest($2::text[], $3::double precision[]) AS known(name, floor) WHERE $1::integer IS NOT NULL`,
  [DUE]: `SELECT known.name, (${DUE_ITEM} < known.floor ORDER BY place_key LIMIT 1)
    FROM unnest($2::text[], $3::double precision[]) AS known(name, floor)`,
  [RUNS]: `SELECT known.name, (${DUE_RUN} < known.floor ORDER BY wake_at LIMIT 1)
    FROM unnest($2::text[], $3::double precision[]) AS known(name, floor)`,
  [SESSIONS]: `SELECT known.name, (SELECT until FROM (${LIVE_SESSION} < known.floor ORDER BY until LIMIT 1) AS live)
    FROM unnest($2::text[], $3::double precision[]) AS known(name, floor)`,
  [HELD]: `SELECT known.name, (SELECT item.claimed_at FROM millrace.item
      WHERE item.session = known.name AND item.status = ${IN_PROGRESS} AND item.ns = $1 AND item.claimed_at < known.floor
      ORDER BY item.claimed_at LIMIT 1)
    FROM unnest($2::text[], $3::double precision[]) AS known(name, floor)`,
} as const;

/** Statements that look below all floors, and what becomes of their answers. */
export function lookBehind(statements: Statements, ns: number, floors: Floors) {
  return [LANE, DUE, RUNS, SESSIONS, HELD].flatMap((prefix) => {
    const named = floors.named(prefix);
    const text = textOf(prefix);
    if (named.length === 0 || text === undefined) return [];
    const names = listOf(named.map(([name]) => toStoredText(name)));
    const statement = statements.of(text, [ns, names, listOf(named.map(([, floor]) => floor))]);
    const accept = (rows: readonly SqlRow[]): void => {
      for (const row of rows) {
        const lowest = optionalNumberAt(row, 1);
        if (lowest !== undefined) floors.lower(prefix + fromStoredText(plainTextAt(row, 0)), lowest);
      }
    };
    return [{ statement, accept }];
  });
}

function textOf(prefix: string): string | undefined {
  return Object.entries(BELOW).find(([name]) => name === prefix)?.[1];
}
