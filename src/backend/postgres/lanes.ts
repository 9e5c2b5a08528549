/**
 * The numbers of lanes: what a claim is addressed to, and a priority. A lane is made once and never changed or removed, so
 * what is known of one stays true. Each is made outside of any step: two steps that need the same new one must not wait for
 * each other.
 */

import { digest } from "../../core/digest.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { fromStoredText, toStoredText } from "../sql/stored-text.ts";
import type { Session, SqlRow } from "./driver.ts";
import { type Columns, givenRows, listOf, rowParameters } from "./parameters.ts";
import { damaged, numberAt, optionalNumberAt, plainTextAt, stringsAt, textAt } from "./row-values.ts";
import type { Statements } from "./statements.ts";

export interface Lane {
  readonly id: number;
  readonly queue: string;
  readonly definition: string;
  readonly labels: readonly string[];
  /** Items of one whole, small priority have a lane of their own, in which new ones come in near the present. */
  readonly band: number | undefined;
}

type NewLane = Omit<Lane, "id">;

/** What tells the lane of an item. */
interface Placed {
  readonly item: WorkItem;
  readonly definition: string;
}

/** Whole priorities from minus to plus this have lanes of their own. */
const WIDEST_BAND = 50;
/** Lanes that are remembered, twice: what is forgotten must not be what a step has just asked for. */
const MOST_KNOWN = 10_000;

const COLUMNS: Columns = [
  ["band", "smallint"],
  ["queue", "text"],
  ["definition", "text"],
  ["labels", "text"],
  ["key", "text"],
];
const GIVEN = givenRows(COLUMNS, 2);
const [BAND, QUEUE, DEFINITION, LABELS, KEY] = GIVEN.cells;
const INSERT = `INSERT INTO millrace.lane (ns, band, queue, definition, labels, key)
  SELECT $1, ${BAND}, ${QUEUE}, ${DEFINITION}, ${LABELS}::text[], ${KEY} FROM ${GIVEN.from} ORDER BY ${KEY} ON CONFLICT DO NOTHING`;
const READ = "id, queue, definition, array_to_json(labels)::text, band, key";
const BY_KEY = `SELECT ${READ} FROM millrace.lane WHERE ns = $1 AND key = ANY ($2::text[])`;
const BY_ID = `SELECT ${READ} FROM millrace.lane WHERE id = ANY ($1::integer[])`;

export class Lanes {
  readonly #statements: Statements;
  readonly #ns: number;
  #recent = new KnownLanes();
  #older = new KnownLanes();

  constructor(statements: Statements, ns: number) {
    this.#statements = statements;
    this.#ns = ns;
  }

  /** The lane that an item lies in, if it is known here. */
  laneOf(item: WorkItem, definition: string): Lane | undefined {
    return this.#byKey(keyOf(newLane(item, definition)));
  }

  lane(id: number): Lane {
    const lane = this.#byId(id);
    if (lane === undefined) throw damaged(`an item of a lane ${id} that does not exist`);
    return lane;
  }

  /** Gets to know those of these numbers that are not known yet. */
  async learn(session: Session, ids: Iterable<number>): Promise<void> {
    const unknown = [...new Set(ids)].filter((id) => this.#byId(id) === undefined);
    if (unknown.length > 0) await this.#read(session, BY_ID, [listOf(unknown)]);
  }

  /** Gets to know the lanes of these items; false if there is one that has to be made first. */
  async find(session: Session, items: readonly Placed[]): Promise<boolean> {
    const keys = new Set(items.map(({ item, definition }) => keyOf(newLane(item, definition))));
    const unknown = [...keys].filter((key) => this.#byKey(key) === undefined);
    if (unknown.length > 0) await this.#read(session, BY_KEY, [this.#ns, listOf(unknown)]);
    return [...keys].every((key) => this.#byKey(key) !== undefined);
  }

  /** Makes the lanes of these items. Not inside of a transaction. */
  async make(session: Session, items: readonly Placed[]): Promise<void> {
    const lanes = items.map(({ item, definition }) => newLane(item, definition));
    const fresh = new Map(lanes.map((lane) => [keyOf(lane), lane]));
    const rows = [...fresh].map(([key, { band, queue, definition, labels }]) => [
      band ?? null,
      toStoredText(queue),
      toStoredText(definition),
      listOf(labels.map(toStoredText)),
      key,
    ]);
    await session.run([this.#statements.once(INSERT, [this.#ns, ...rowParameters(COLUMNS, rows)])]);
  }

  async #read(session: Session, text: string, values: readonly (string | number)[]): Promise<void> {
    const [result] = await session.run([this.#statements.of(text, values)]);
    for (const row of result?.rows ?? []) {
      this.#keep(readLane(row), plainTextAt(row, 5));
    }
  }

  #keep(lane: Lane, key: string): void {
    if (this.#recent.byId.size >= MOST_KNOWN) {
      this.#older = this.#recent;
      this.#recent = new KnownLanes();
    }
    this.#recent.byId.set(lane.id, lane);
    this.#recent.byKey.set(key, lane);
  }

  #byId(id: number): Lane | undefined {
    return this.#recent.byId.get(id) ?? this.#older.byId.get(id);
  }

  #byKey(key: string): Lane | undefined {
    return this.#recent.byKey.get(key) ?? this.#older.byKey.get(key);
  }
}

class KnownLanes {
  readonly byId = new Map<number, Lane>();
  readonly byKey = new Map<string, Lane>();
}

/** The band that items of a priority have in any lane. */
export function bandOf(priority: number): number | undefined {
  return Number.isInteger(priority) && Math.abs(priority) <= WIDEST_BAND ? priority + 0 : undefined;
}

function newLane({ queue, labels, priority }: WorkItem, definition: string): NewLane {
  return { queue, definition, labels, band: bandOf(priority) };
}

function keyOf({ queue, definition, labels, band }: NewLane): string {
  return digest(JSON.stringify([queue, definition, labels, band ?? null]));
}

function readLane(row: SqlRow): Lane {
  return {
    id: numberAt(row, 0),
    queue: textAt(row, 1),
    definition: textAt(row, 2),
    labels: stringsAt(row, 3).map(fromStoredText),
    band: optionalNumberAt(row, 4),
  };
}
