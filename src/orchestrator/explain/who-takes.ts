/**
 * Who can take a ready item, or what is missing that anybody could: a worker with the definition, one that serves the
 * queue, one that offers the labels, one that has a slot free. Pure. What it says is the part of the sentence after
 * "waits for".
 */

import type { SessionRecord } from "../../backend/contract/session.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import { newestSessions, sessionLiveness } from "../../stores/worker-info.ts";
import { servesLane } from "../workers.ts";
import type { Facts } from "./facts.ts";
import { count, list, quoted } from "./wording.ts";

/** What a ready item waits for, and who can give it. */
export interface Taker {
  readonly waitsFor: string;
  readonly releasedBy: string;
}

/** Judges by the sessions that are not dead. */
export function whoTakes(facts: Facts, item: WorkItem): Taker {
  const { run, now, thresholdMs } = facts;
  const label = `${run.workflow}@${run.version}`;
  const lane = { queue: item.queue, definition: run.definition, labels: item.labels };
  const live = newestSessions([...facts.sessions.values()]).filter(
    (session) => sessionLiveness(session, now, thresholdMs) !== "dead",
  );
  const knowing = live.filter((session) => session.definitions.includes(run.definition));
  if (knowing.length === 0) return noCode(facts, live, label);
  const serving = knowing.filter((session) => session.queues.includes(item.queue));
  if (serving.length === 0) {
    return {
      waitsFor: `a worker of ${label} that serves queue ${quoted(item.queue)}: the live ones serve ${list(queuesOf(knowing))}`,
      releasedBy: `a worker of ${label} started for queue ${quoted(item.queue)}`,
    };
  }
  const able = serving.filter((session) => servesLane(session, lane));
  if (able.length === 0) {
    const labels = list(item.labels.map(quoted));
    return {
      waitsFor: `a worker of ${label} that offers the labels ${labels}: no live one in queue ${quoted(item.queue)} does`,
      releasedBy: `a worker of ${label} started with the labels ${labels}`,
    };
  }
  return byState(able);
}

function noCode({ run, definitions }: Facts, live: readonly SessionRecord[], label: string): Taker {
  const versions = definitions.filter(
    ({ name, hash }) => name === run.workflow && live.some((one) => one.definitions.includes(hash)),
  );
  const others = versions.map(({ version }) => `${run.workflow}@${version}`);
  const instead =
    others.length > 0
      ? `: live workers have ${list(others)}`
      : live.length > 0
        ? `: none of the ${count(live.length, "live worker")} has it`
        : ": there is no live worker at all";
  return {
    waitsFor: `a worker, since there is no live worker for ${label}${instead}`,
    releasedBy: `a worker started with ${label}, or with a version that is compatible with it`,
  };
}

function byState(able: readonly SessionRecord[]): Taker {
  const names = list(able.map(({ workerId }) => workerId));
  const active = able.filter(({ health }) => health.status !== "draining" && health.status !== "stopped");
  if (active.length === 0) {
    return {
      waitsFor: `a worker that is not draining: ${names} ${able.length === 1 ? "is" : "are"}`,
      releasedBy: "a worker that is started",
    };
  }
  const idle = active.filter(({ health }) => health.items.length === 0);
  if (idle.length > 0) {
    return { waitsFor: `the next claim of ${list(idle.map(({ workerId }) => workerId))}`, releasedBy: "any of them" };
  }
  const busy = active.reduce((sum, { health }) => sum + health.items.length, 0);
  return {
    waitsFor: `a free slot: ${names} ${active.length === 1 ? "is" : "are"} busy with ${count(busy, "item")}`,
    releasedBy: "the first of them that has a slot free, or another worker",
  };
}

function queuesOf(sessions: readonly SessionRecord[]): readonly string[] {
  return [...new Set(sessions.flatMap(({ queues }) => queues))].sort().map(quoted);
}
