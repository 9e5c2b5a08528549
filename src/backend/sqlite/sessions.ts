/** Sessions: lives of workers, what they hold on to, and the answer to their last request. */

import type { WorkerHealth } from "../contract/session.ts";
import { ITEM_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { RowStore, StoredSession } from "../synchronous/row-store.ts";
import type { SqlRow } from "./driver.ts";
import { damaged, isStrings, numberAt, objectAt, optionalNumberAt, stringsAt, textAt } from "./row-values.ts";
import type { Tables } from "./tables.ts";

type SessionMethods = "session" | "sessions" | "putSession" | "expiredSessions" | "removeSessions";

const HOT = [
  "heartbeat_at",
  "until",
  "stopped_at",
  "swept",
  "health",
  "last_request",
  "last_digest",
  "last_answer",
] as const;
const STAYING = [
  "id",
  "ns",
  "worker",
  "lease_ms",
  "queues",
  "labels",
  "definitions",
  "host",
  "pid",
  "started_at",
] as const;

const COLUMNS = [...STAYING, ...HOT].map((column) => `session.${column}`).join(", ");
const PUT = `INSERT INTO session (${[...STAYING, ...HOT].join(", ")}) VALUES (${[...STAYING, ...HOT].map(() => "?").join(", ")})
  ON CONFLICT DO UPDATE SET ${HOT.map((column) => `${column} = excluded.${column}`).join(", ")}`;

const IN_PROGRESS = ITEM_STATUS.encode("in_progress");

export class Sessions implements Pick<RowStore, SessionMethods> {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  session(id: string): StoredSession | undefined {
    const { db, ids, recent } = this.#tables;
    const known = recent.session(id);
    if (known !== undefined) return known;
    const number = ids.findSession(id);
    const row =
      number === undefined ? undefined : db.statement(`SELECT ${COLUMNS} FROM session WHERE id = ?`).get(number);
    return row === undefined ? undefined : recent.keepSession(this.#read(row));
  }

  sessions(): readonly StoredSession[] {
    const { db, ns } = this.#tables;
    const sql = `SELECT ${COLUMNS} FROM session JOIN session_name USING (id) WHERE session.ns = ? ORDER BY started_at DESC, name DESC`;
    return db
      .statement(sql)
      .all(ns)
      .map((row) => this.#read(row));
  }

  putSession(session: StoredSession): void {
    const { db, ns, ids, recent } = this.#tables;
    db.statement(PUT).run(
      ids.sessionFor(session.id),
      ns,
      toStoredText(session.workerId),
      session.leaseMs,
      JSON.stringify(session.queues),
      JSON.stringify(session.labels),
      JSON.stringify(session.definitions),
      toStoredText(session.host),
      session.pid,
      session.startedAt,
      session.heartbeatAt,
      session.until,
      session.stoppedAt ?? null,
      session.swept ? 1 : 0,
      JSON.stringify(session.health),
      session.lastRequest,
      toStoredText(session.lastDigest),
      toStoredText(session.lastAnswer),
    );
    recent.keepSession(session);
  }

  expiredSessions(now: number): readonly StoredSession[] {
    const { db, ns } = this.#tables;
    const sql = `SELECT ${COLUMNS} FROM session WHERE ns = ? AND stopped_at IS NULL AND swept = 0 AND until <= ? ORDER BY until, id`;
    return db
      .statement(sql)
      .all(ns, now)
      .map((row) => this.#read(row));
  }

  removeSessions(before: number): void {
    const { db, ns, recent } = this.#tables;
    const sql = `DELETE FROM session WHERE ns = ? AND coalesce(stopped_at, until) < ?
      AND NOT EXISTS (SELECT 1 FROM item WHERE item.session = session.id AND item.status = ${IN_PROGRESS})`;
    db.statement(sql).run(ns, before);
    recent.removeSessions();
  }

  #read(row: SqlRow): StoredSession {
    return {
      id: this.#tables.ids.sessionName(numberAt(row, 0)),
      workerId: textAt(row, 2),
      leaseMs: numberAt(row, 3),
      queues: stringsAt(row, 4),
      labels: stringsAt(row, 5),
      definitions: stringsAt(row, 6),
      host: textAt(row, 7),
      pid: numberAt(row, 8),
      startedAt: numberAt(row, 9),
      heartbeatAt: numberAt(row, 10),
      until: numberAt(row, 11),
      stoppedAt: optionalNumberAt(row, 12),
      swept: numberAt(row, 13) === 1,
      health: readHealth(objectAt(row, 14)),
      lastRequest: numberAt(row, 15),
      lastDigest: textAt(row, 16),
      lastAnswer: textAt(row, 17),
    };
  }
}

const STATUSES: ReadonlySet<unknown> = new Set([
  "idle",
  "in_progress",
  "retrying",
  "draining",
  "stopped",
] satisfies WorkerHealth["status"][]);

function readHealth(stored: Readonly<Record<string, unknown>>): WorkerHealth {
  if (!isHealth(stored)) throw damaged("a session whose health is not readable");
  return stored;
}

function isHealth(stored: unknown): stored is WorkerHealth {
  return (
    typeof stored === "object" &&
    stored !== null &&
    "status" in stored &&
    STATUSES.has(stored.status) &&
    "items" in stored &&
    isStrings(stored.items) &&
    "completed" in stored &&
    typeof stored.completed === "number" &&
    "errors" in stored &&
    typeof stored.errors === "number"
  );
}
