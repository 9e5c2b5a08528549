/**
 * Small records beside runs, as steps ask for them: by kind and key, or from a list. All of them are locked by one statement
 * and read by the next, which sees what whoever held them before has made of them.
 */

import type { ListKey } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { parseStored, toStoredText } from "../sql/stored-text.ts";
import type { Entry } from "../synchronous/row-store.ts";
import { ENTRIES_SETTING } from "./claim-look.ts";
import type { SqlRow } from "./driver.ts";
import { listOf } from "./parameters.ts";
import type { Loading, Query } from "./row-queries.ts";
import { damaged, numberAt, optionalBytesAt, optionalTextAt, plainTextAt, textAt } from "./row-values.ts";

/** What `readEntry` takes; `run` is joined to it. */
export const ENTRY_COLUMNS = `entry.kind, entry.name, run.name AS run, entry.facts, entry.value,
  (SELECT coalesce(json_agg(json_build_array(place.list, place.at) ORDER BY place.list), '[]')::text
    FROM millrace.entry_place AS place WHERE place.entry = entry.id) AS places`;
export const ENTRY_TABLES = "millrace.entry LEFT JOIN millrace.run ON run.id = entry.run";

const LOCK_BY_KEY = `WITH locked AS MATERIALIZED (
    SELECT entry.id FROM unnest($2::text[], $3::text[]) AS given(kind, name)
    JOIN millrace.entry ON entry.ns = $1 AND entry.kind = given.kind AND entry.name = given.name
    ORDER BY entry.kind, entry.name FOR UPDATE OF entry)
  SELECT set_config('${ENTRIES_SETTING}', (SELECT coalesce(array_agg(id), '{}') FROM locked)::text, true)`;

const lockList = (skip: boolean): string => `WITH locked AS MATERIALIZED (
    SELECT entry.id FROM millrace.entry_place AS place JOIN millrace.entry ON entry.id = place.entry
    WHERE place.ns = $1 AND place.list = $2 AND (place.at, place.name) > ($3::double precision, $4::text)
    ORDER BY place.at, place.name LIMIT $5::integer FOR UPDATE OF entry ${skip ? "SKIP LOCKED" : ""})
  SELECT set_config('${ENTRIES_SETTING}', (SELECT coalesce(array_agg(id), '{}') FROM locked)::text, true)`;

const LOCK_LIST = lockList(false);
const SKIP_IN_LIST = lockList(true);

const READ_LOCKED = `SELECT ${ENTRY_COLUMNS} FROM ${ENTRY_TABLES}
  WHERE entry.id = ANY (current_setting('${ENTRIES_SETTING}')::bigint[])`;

const BEFORE_ALL = Number.NEGATIVE_INFINITY;

type Of<K extends Want["kind"]> = Extract<Want, { readonly kind: K }>;

/** Entries by kind and key. */
export function entryQueries(loading: Loading, wants: readonly Of<"entry">[]): Query[] {
  if (wants.length === 0) return [];
  const { statements, ns, into, known } = loading;
  const kinds = listOf(wants.map(({ entryKind }) => toStoredText(entryKind)));
  const keys = listOf(wants.map(({ key }) => toStoredText(key)));
  return [
    { statement: statements.of(LOCK_BY_KEY, [ns, kinds, keys]), accept: () => undefined },
    {
      statement: statements.of(READ_LOCKED),
      accept(rows) {
        for (const { entryKind, key } of wants) {
          known.entries.set(entryKey(entryKind, key), false);
          into.entry(entryKind, key, undefined);
        }
        for (const row of rows) giveEntry(loading, readEntry(row));
      },
    },
  ];
}

/** Entries of a list. */
export function entryListQueries(loading: Loading, want: Of<"entries">): Query[] {
  const { statements, ns } = loading;
  const { list, after, skip, limit } = want;
  const from = [after?.at ?? BEFORE_ALL, after === undefined ? "" : toStoredText(after.key)];
  const lock = statements.of(skip ? SKIP_IN_LIST : LOCK_LIST, [ns, toStoredText(list), ...from, limit]);
  return [{ statement: lock, accept: () => undefined }, lockedEntriesQuery(loading, want)];
}

/** Entries of a list that have been locked. */
export function lockedEntriesQuery(loading: Loading, want: Of<"entries">): Query {
  return {
    statement: loading.statements.of(READ_LOCKED),
    accept(rows) {
      const entries = rows.map(readEntry);
      for (const entry of entries) giveEntry(loading, entry);
      loading.into.list(want, keysIn(want.list, entries), rows.length < want.limit);
    },
  };
}

/** Whether an entry was there is known by this. */
export function entryKey(kind: string, key: string): string {
  return JSON.stringify([kind, key]);
}

export function readEntry(row: SqlRow): Entry {
  return {
    kind: textAt(row, 0),
    key: textAt(row, 1),
    runId: optionalTextAt(row, 2),
    facts: textAt(row, 3),
    value: optionalBytesAt(row, 4),
    places: readPlaces(plainTextAt(row, 5)),
  };
}

function giveEntry({ into, known }: Loading, entry: Entry): void {
  known.entries.set(entryKey(entry.kind, entry.key), true);
  into.entry(entry.kind, entry.key, entry);
}

/** In the order of the list. */
function keysIn(list: string, entries: readonly Entry[]): readonly ListKey[] {
  const placed = entries.flatMap((entry) =>
    entry.places.flatMap((place) => (place.list === list ? [{ at: place.at, entry }] : [])),
  );
  placed.sort((a, b) => a.at - b.at || (a.entry.key < b.entry.key ? -1 : 1));
  return placed.map(({ entry: { kind, key } }) => ({ kind, key }));
}

function readPlaces(text: string): Entry["places"] {
  const places = parseStored(text);
  if (!Array.isArray(places)) throw damaged("an entry that lies nowhere");
  return places.map((place: unknown) => {
    if (!Array.isArray(place)) throw damaged("an entry that lies nowhere");
    return { list: textAt(place, 0), at: numberAt(place, 1) };
  });
}
