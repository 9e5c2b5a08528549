/**
 * The numbers that stand for what is named again and again: lanes, shapes of items, sessions. Rows of these tables never
 * change and are never removed, so what was read once stays true; only what was added by a transaction that did not come
 * about has to be forgotten.
 */

import type { WorkItem } from "../contract/work-item.ts";
import { ITEM_KIND } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { Database } from "./database.ts";
import type { SqlRow } from "./driver.ts";
import { damaged, numberAt, stringsAt, textAt } from "./row-values.ts";

export interface Lane {
  readonly id: number;
  readonly queue: string;
  readonly definition: string;
  readonly labels: readonly string[];
}

/** What items of one node have in common. */
export interface Shape {
  readonly id: number;
  readonly lane: Lane;
  readonly node: string;
  readonly kind: WorkItem["kind"];
  readonly timeoutMs: number;
  readonly deadlineMs: number | undefined;
}

/** Stored for "no deadline", since NULLs are all different in a unique index. */
const NO_DEADLINE = -1;

export class Identities {
  readonly #db: Database;
  readonly #ns: number;
  readonly #lanes = new Map<number, Lane>();
  readonly #laneIds = new Map<string, Lane>();
  readonly #shapes = new Map<number, Shape>();
  readonly #shapesByNode = new Map<string, Shape[]>();
  readonly #sessionNames = new Map<number, string>();
  readonly #sessionIds = new Map<string, number>();
  #lastLane = 0;

  constructor(db: Database, ns: number) {
    this.#db = db;
    this.#ns = ns;
  }

  /** A transaction was rolled back, so some of these may not exist. */
  forget(): void {
    for (const known of [
      this.#lanes,
      this.#laneIds,
      this.#shapes,
      this.#shapesByNode,
      this.#sessionNames,
      this.#sessionIds,
    ]) {
      known.clear();
    }
    this.#lastLane = 0;
  }

  /** All lanes of the namespace, those of other processes included. */
  lanes(): Iterable<Lane> {
    const fresh = this.#db.statement(
      "SELECT id, queue, definition, labels FROM lane WHERE id > ? AND ns = ? ORDER BY id",
    );
    for (const row of fresh.all(this.#lastLane, this.#ns)) this.#keepLane(row);
    return this.#lanes.values();
  }

  lane(id: number): Lane {
    const known = this.#lanes.get(id);
    if (known !== undefined) return known;
    for (const lane of this.lanes()) if (lane.id === id) return lane;
    throw damaged(`an item of a lane ${id} that does not exist`);
  }

  shape(id: number): Shape {
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    const row = this.#db.statement("SELECT lane, node, kind, timeout_ms, deadline_ms FROM shape WHERE id = ?").get(id);
    if (row === undefined) throw damaged(`an item of a shape ${id} that does not exist`);
    const deadlineMs = numberAt(row, 4);
    return this.#keepShape({
      id,
      lane: this.lane(numberAt(row, 0)),
      node: textAt(row, 1),
      kind: ITEM_KIND.decode(numberAt(row, 2)),
      timeoutMs: numberAt(row, 3),
      deadlineMs: deadlineMs === NO_DEADLINE ? undefined : deadlineMs,
    });
  }

  /** The shape of an item, made if it is new. Only inside a write. */
  shapeFor(item: WorkItem, definition: string): Shape {
    const lane = this.#laneFor(item, definition);
    const known = this.#shapesByNode.get(nodeKey(lane, item.node))?.find((shape) => isShapeOf(shape, item));
    return known ?? this.#findShape(item, lane);
  }

  sessionName(id: number): string {
    const known = this.#sessionNames.get(id);
    if (known !== undefined) return known;
    const row = this.#db.statement("SELECT name FROM session_name WHERE id = ?").get(id);
    if (row === undefined) throw damaged(`a session ${id} that does not exist`);
    return this.#keepSession(id, textAt(row, 0));
  }

  findSession(name: string): number | undefined {
    const known = this.#sessionIds.get(name);
    if (known !== undefined) return known;
    const row = this.#db
      .statement("SELECT id FROM session_name WHERE ns = ? AND name = ?")
      .get(this.#ns, toStoredText(name));
    if (row === undefined) return undefined;
    const id = numberAt(row, 0);
    this.#keepSession(id, name);
    return id;
  }

  /** The number of a session, made if it is new. Only inside a write. */
  sessionFor(name: string): number {
    const known = this.findSession(name);
    if (known !== undefined) return known;
    const insert = this.#db.statement("INSERT INTO session_name (ns, name) VALUES (?, ?) RETURNING id");
    const id = numberAt(insert.get(this.#ns, toStoredText(name)) ?? [], 0);
    this.#keepSession(id, name);
    return id;
  }

  #laneFor(item: WorkItem, definition: string): Lane {
    const labels = JSON.stringify(item.labels);
    const key = laneKey(item.queue, definition, labels);
    const known = this.#laneIds.get(key);
    if (known !== undefined) return known;
    const values = [this.#ns, toStoredText(item.queue), toStoredText(definition), labels] as const;
    this.#db
      .statement("INSERT INTO lane (ns, queue, definition, labels) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
      .run(...values);
    const find = this.#db.statement(
      "SELECT id, queue, definition, labels FROM lane WHERE ns = ? AND queue = ? AND definition = ? AND labels = ?",
    );
    const id = numberAt(find.get(...values) ?? [], 0);
    return this.lane(id);
  }

  #findShape(item: WorkItem, lane: Lane): Shape {
    const { kind, node, timeoutMs, deadlineMs } = item;
    const values = [lane.id, toStoredText(node), ITEM_KIND.encode(kind), timeoutMs, deadlineMs ?? NO_DEADLINE] as const;
    const insert =
      "INSERT INTO shape (lane, node, kind, timeout_ms, deadline_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    this.#db.statement(insert).run(...values);
    const find = this.#db.statement(
      "SELECT id FROM shape WHERE lane = ? AND node = ? AND kind = ? AND timeout_ms = ? AND deadline_ms = ?",
    );
    const id = numberAt(find.get(...values) ?? [], 0);
    return this.#keepShape({ id, lane, node, kind, timeoutMs, deadlineMs });
  }

  #keepLane(row: SqlRow): void {
    const lane = { id: numberAt(row, 0), queue: textAt(row, 1), definition: textAt(row, 2), labels: stringsAt(row, 3) };
    this.#lanes.set(lane.id, lane);
    this.#laneIds.set(laneKey(lane.queue, lane.definition, JSON.stringify(lane.labels)), lane);
    this.#lastLane = lane.id;
  }

  #keepShape(shape: Shape): Shape {
    this.#shapes.set(shape.id, shape);
    const key = nodeKey(shape.lane, shape.node);
    this.#shapesByNode.set(key, [...(this.#shapesByNode.get(key) ?? []), shape]);
    return shape;
  }

  #keepSession(id: number, name: string): string {
    this.#sessionNames.set(id, name);
    this.#sessionIds.set(name, id);
    return name;
  }
}

function isShapeOf(shape: Shape, item: WorkItem): boolean {
  return shape.kind === item.kind && shape.timeoutMs === item.timeoutMs && shape.deadlineMs === item.deadlineMs;
}

function laneKey(queue: string, definition: string, labels: string): string {
  return `${definition}\n${labels}\n${queue}`;
}

function nodeKey(lane: Lane, node: string): string {
  return `${lane.id}\n${node}`;
}
