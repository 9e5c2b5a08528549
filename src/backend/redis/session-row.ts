/**
 * A session as rows, and back. What never changes of it (its queues, labels, definitions) is written once and lies apart;
 * what changes is written with every request. The last answer stands as it is behind the rest, since it may be long.
 */

import type { Buffer } from "node:buffer";
import type { NewSession, WorkerHealth } from "../contract/session.ts";
import type { StoredSession } from "../synchronous/row-store.ts";
import { damaged } from "./reply.ts";
import { VERSION_LENGTH } from "./row-version.ts";
import { listAt, numberAt, optionalNumberAt, readList, type StoredList, textAt, textsAt } from "./stored-list.ts";

/** What stays of a session. */
export interface Crew extends NewSession {
  readonly startedAt: number;
  /** Tells a session from an earlier one of the same id. */
  readonly birth: string;
}

const NEW_LINE = 0x0a;
const STATUSES: readonly WorkerHealth["status"][] = ["idle", "in_progress", "retrying", "draining", "stopped"];

export function writeCrew(session: StoredSession, birth: string): string {
  const { id, workerId, leaseMs, queues, labels, definitions, host, pid, startedAt } = session;
  return JSON.stringify([id, workerId, leaseMs, queues, labels, definitions, host, pid, startedAt, birth]);
}

export function readCrew(stored: Buffer): Crew {
  const list = readList(stored.toString("utf8"), "what stays of a session");
  return {
    id: textAt(list, 0),
    workerId: textAt(list, 1),
    leaseMs: numberAt(list, 2),
    queues: textsAt(list, 3),
    labels: textsAt(list, 4),
    definitions: textsAt(list, 5),
    host: textAt(list, 6),
    pid: numberAt(list, 7),
    startedAt: numberAt(list, 8),
    birth: textAt(list, 9),
  };
}

export function writeSession(session: StoredSession, birth: string, version: string): string {
  const { heartbeatAt, until, stoppedAt, health, lastRequest, lastDigest, swept, lastAnswer } = session;
  const { status, attempt, maxAttempts, items, completed, errors } = health;
  const vigour = [STATUSES.indexOf(status), attempt, maxAttempts, items, completed, errors];
  const list = [birth, heartbeatAt, until, stoppedAt, vigour, lastRequest, lastDigest, swept ? 1 : 0];
  return `${version}${JSON.stringify(list)}\n${lastAnswer}`;
}

/** The session's row; `birth` says which crew belongs to it. */
export interface SessionRow extends Omit<StoredSession, keyof NewSession | "startedAt"> {
  readonly birth: string;
}

export function readSession(stored: Buffer): SessionRow {
  const end = stored.indexOf(NEW_LINE);
  if (end < 0) throw damaged("a session without a row");
  const list = readList(stored.toString("utf8", VERSION_LENGTH, end), "a session");
  return {
    birth: textAt(list, 0),
    heartbeatAt: numberAt(list, 1),
    until: numberAt(list, 2),
    stoppedAt: optionalNumberAt(list, 3),
    health: readHealth(listAt(list, 4)),
    lastRequest: numberAt(list, 5),
    lastDigest: textAt(list, 6),
    swept: numberAt(list, 7) === 1,
    lastAnswer: stored.toString("utf8", end + 1),
  };
}

export function sessionOf({ birth: _ofTheRow, ...row }: SessionRow, { birth: _same, ...crew }: Crew): StoredSession {
  return { ...crew, ...row };
}

function readHealth(list: StoredList): WorkerHealth {
  const status = STATUSES[numberAt(list, 0)];
  if (status === undefined) throw damaged("a session of an unknown state");
  const [attempt, maxAttempts] = [optionalNumberAt(list, 1), optionalNumberAt(list, 2)];
  return {
    status,
    ...(attempt === undefined ? {} : { attempt }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    items: textsAt(list, 3),
    completed: numberAt(list, 4),
    errors: numberAt(list, 5),
  };
}
