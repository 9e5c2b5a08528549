/**
 * The lives of workers as they tell them themselves: signing on, renewing, signing off. What becomes of one that says
 * nothing any more is the sweep's matter.
 */

import { isTerminalRun } from "../../core/status.ts";
import type { HeldItem, NewSession, Renewal, RenewalAnswer, SessionRecord, WorkerHealth } from "../contract/session.ts";
import { releasedItem } from "../rules/item-row.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { deliverMessages } from "./deliveries.ts";
import { liveSession, renewSession, sessionRecord } from "./leases.ts";
import type { StoredSession } from "./row-store.ts";
import { sweepRuns } from "./sweep.ts";

const FRESH_HEALTH: WorkerHealth = { status: "idle", items: [], completed: 0, errors: 0 };

/** Idempotent by id, so that it can be sent again when its answer was lost. */
export function openSession(step: AtomicStep, session: NewSession): SessionRecord {
  const { store, now } = step;
  const existing = store.session(session.id);
  if (existing !== undefined) {
    const renewed = renewSession(step, liveSession(existing, session.id));
    store.putSession(renewed);
    return sessionRecord(renewed);
  }
  const opened: StoredSession = {
    ...session,
    startedAt: now,
    heartbeatAt: now,
    until: now + session.leaseMs,
    stoppedAt: undefined,
    health: FRESH_HEALTH,
    lastRequest: 0,
    lastDigest: "",
    lastAnswer: "",
    swept: false,
  };
  store.putSession(opened);
  return sessionRecord(opened);
}

export function renew(step: AtomicStep, renewal: Renewal): RenewalAnswer {
  const { store, now } = step;
  const session = store.session(renewal.session);
  if (session === undefined || session.stoppedAt !== undefined) return { kind: "gone" };
  const renewed = renewSession(step, session);
  store.putSession(renewal.health === undefined ? renewed : { ...renewed, health: renewal.health });
  // Workers whose slots are all taken ask for nothing, but a run's timeout has to reach them.
  sweepRuns(step);
  deliverMessages(step);
  const revoked = (renewal.held ?? []).flatMap((held) => {
    const why = whyRevoked(step, session.id, held);
    return why === undefined ? [] : [{ runId: held.runId, item: held.item, why }];
  });
  return { kind: "renewed", until: renewed.until, now, revoked };
}

function whyRevoked(step: AtomicStep, session: string, held: HeldItem): "closed" | "lost" | "paused" | undefined {
  const run = step.run(held.runId);
  if (run === undefined || isTerminalRun(run.status) || run.generation !== held.generation) return "closed";
  const item = step.store.item(held.runId, held.item);
  if (item?.status !== "in_progress" || item.epoch !== held.epoch || item.session !== session) return "lost";
  return run.status === "paused" ? "paused" : undefined;
}

export function closeSession(step: AtomicStep, id: string): void {
  const { store, now } = step;
  const session = store.session(id);
  if (session === undefined || session.stoppedAt !== undefined) return;
  for (const item of store.itemsOf(id)) {
    const run = step.run(item.runId);
    if (run !== undefined) step.putItem(releasedItem(item), run);
  }
  const health: WorkerHealth = { ...session.health, status: "stopped", items: [] };
  store.putSession({ ...session, heartbeatAt: now, until: now, stoppedAt: now, health });
}
