/** A session as two rows, and back: what stays, and the latest of what changes. */

import type { WorkerHealth } from "../contract/session.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { StoredSession } from "../synchronous/row-store.ts";
import type { SqlRow } from "./driver.ts";
import type { Cell, Columns } from "./parameters.ts";
import {
  booleanAt,
  damaged,
  isStrings,
  numberAt,
  objectAt,
  optionalNumberAt,
  stringsAt,
  textAt,
} from "./row-values.ts";

/** Columns of `session`, in the order of `stayingCells`. */
export const STAYING: Columns = [
  ["name", "text"],
  ["lease_ms", "double precision"],
  ["started_at", "double precision"],
  ["pid", "bigint"],
  ["worker", "text"],
  ["queues", "text"],
  ["labels", "text"],
  ["definitions", "text"],
  ["host", "text"],
];

/** Columns of `session_state` but for the number of the session, in the order of `stateCells`. */
export const STATE: Columns = [
  ["version", "bigint"],
  ["heartbeat_at", "double precision"],
  ["until", "double precision"],
  ["stopped_at", "double precision"],
  ["last_request", "bigint"],
  ["swept", "boolean"],
  ["health", "text"],
  ["last_digest", "text"],
  ["last_answer", "text"],
];

const COLUMNS = [
  "session.id",
  ...STAYING.map(([name]) => `session.${name}`),
  ...STATE.map(([name]) => `state.${name}`),
].join(", ");

/** Sessions with their latest state; what comes after it picks them. */
export const SELECT_SESSIONS = `SELECT ${COLUMNS} FROM millrace.session CROSS JOIN LATERAL (
    SELECT * FROM millrace.session_state WHERE session_state.session = session.id ORDER BY version DESC LIMIT 1
  ) AS state`;

export function stayingCells(session: StoredSession): Cell[] {
  return [
    toStoredText(session.id),
    session.leaseMs,
    session.startedAt,
    session.pid,
    toStoredText(session.workerId),
    JSON.stringify(session.queues),
    JSON.stringify(session.labels),
    JSON.stringify(session.definitions),
    toStoredText(session.host),
  ];
}

export function stateCells(session: StoredSession, version: number): Cell[] {
  return [
    version,
    session.heartbeatAt,
    session.until,
    session.stoppedAt ?? null,
    session.lastRequest,
    session.swept,
    JSON.stringify(session.health),
    toStoredText(session.lastDigest),
    toStoredText(session.lastAnswer),
  ];
}

/** A session as it is in the store, and which version of it. */
export interface SessionRow {
  readonly id: number;
  readonly version: number;
  readonly session: StoredSession;
}

export function readSessionRow(row: SqlRow): SessionRow {
  return {
    id: numberAt(row, 0),
    version: numberAt(row, 10),
    session: {
      id: textAt(row, 1),
      leaseMs: numberAt(row, 2),
      startedAt: numberAt(row, 3),
      pid: numberAt(row, 4),
      workerId: textAt(row, 5),
      queues: stringsAt(row, 6),
      labels: stringsAt(row, 7),
      definitions: stringsAt(row, 8),
      host: textAt(row, 9),
      heartbeatAt: numberAt(row, 11),
      until: numberAt(row, 12),
      stoppedAt: optionalNumberAt(row, 13),
      lastRequest: numberAt(row, 14),
      swept: booleanAt(row, 15),
      health: readHealth(objectAt(row, 16)),
      lastDigest: textAt(row, 17),
      lastAnswer: textAt(row, 18),
    },
  };
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
