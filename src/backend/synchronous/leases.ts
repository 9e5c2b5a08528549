/**
 * Leases have no rows of their own: one holds as long as its session does, and extending a session extends them all.
 * Invariant: an item in progress lies in the ready index only if its session is swept or its timeout is due.
 */

import { MillraceError } from "../../core/errors.ts";
import type { SessionRecord } from "../contract/session.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { StoredSession } from "./row-store.ts";

/** Throws `CLOSED` unless the session is there and has not signed off. */
export function liveSession(session: StoredSession | undefined, id: string): StoredSession {
  if (session !== undefined && session.stoppedAt === undefined) return session;
  const what = session === undefined ? "is not known" : "has signed off";
  throw new MillraceError("CLOSED", `session ${id} ${what}`, {
    hints: ["Open a new session; leases of the old one are gone."],
  });
}

/** The session with its leases extended. What was offered to others and not taken is taken back at once; the row is the caller's to write. */
export function renewSession(step: AtomicStep, session: StoredSession): StoredSession {
  const { store, now } = step;
  const renewed = { ...session, heartbeatAt: now, until: now + session.leaseMs, swept: false };
  if (!session.swept) return renewed;
  store.putSession(renewed);
  for (const item of store.itemsOf(session.id)) {
    const run = step.run(item.runId);
    if (run !== undefined) step.settle(item, run, false);
  }
  return renewed;
}

/** Without what the backend keeps for itself. */
export function sessionRecord(session: StoredSession): SessionRecord {
  const { lastRequest: _number, lastDigest: _digest, lastAnswer: _answer, swept: _swept, ...record } = session;
  return record;
}
