/**
 * What the doctor says of schedules: whether any is overdue, which is the proof that nobody fires them, which starts are
 * refused, and which cannot be read. A schedule that is late by little is not overdue: whoever fires it may be at it.
 */

import { type Backend, DistributedOrchestrator, type ScheduleInfo } from "../../index.ts";
import { relative } from "../output/moments.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

/** A decision that was left half done is carried on long before this. */
const OVERDUE_MS = 60_000;
const PAGE_ROWS = 500;
const SHOWN = 5;

/** Looks at all schedules. */
export async function examineSchedules(backend: Backend): Promise<readonly Finding[]> {
  const { schedules, unreadable } = await readAll(backend);
  if (schedules.length === 0 && unreadable.length === 0) return [];
  const now = await backend.operations.now();
  const workers = await new DistributedOrchestrator({ backend }).listWorkerHealth();
  const isAlive = workers.some(({ status, liveness }) => status !== "stopped" && liveness === "alive");
  return [
    examineFiring(schedules, isAlive, now, await overdueIn(backend, now)),
    ...examineFailures(schedules, now),
    ...(unreadable.length === 0
      ? []
      : [
          wrong(
            "schedules",
            `not readable: ${shortList(unreadable)}`,
            "A newer version of this package has made them, or they are damaged: upgrade, or remove and make them again.",
          ),
        ]),
  ];
}

interface Found {
  readonly schedules: readonly ScheduleInfo[];
  readonly unreadable: readonly string[];
}

async function readAll(backend: Backend): Promise<Found> {
  const orchestrator = new DistributedOrchestrator({ backend });
  const schedules: ScheduleInfo[] = [];
  const unreadable: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await orchestrator.schedules.list({ limit: PAGE_ROWS, cursor });
    schedules.push(...page.entries);
    unreadable.push(...page.unreadable.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return { schedules, unreadable };
}

/** Schedules about which something should have been done a while ago. */
async function overdueIn(backend: Backend, now: number): Promise<readonly string[]> {
  const { entries } = await backend.operations.documents.list("schedule", { upTo: now - OVERDUE_MS, limit: PAGE_ROWS });
  return entries.map(({ key }) => key);
}

function examineFiring(
  schedules: readonly ScheduleInfo[],
  isAlive: boolean,
  now: number,
  overdue: readonly string[],
): Finding {
  if (overdue.length > 0) {
    const why = isAlive ? "though workers are alive" : "since no worker is alive";
    return wrong(
      "schedules",
      `nobody fires ${overdue.length === 1 ? "a schedule that is" : `${overdue.length} schedules that are`} overdue, ${why}: ${shortList(overdue)}`,
      isAlive
        ? "Workers that were told not to fire schedules do not count: start one that does, or keep schedules in an orchestrator."
        : "Start a worker: millrace worker. Or keep schedules in an orchestrator.",
    );
  }
  const active = schedules.filter(({ status }) => status === "active" || status === "failing");
  const next = Math.min(...active.map(({ nextAt }) => nextAt ?? Number.POSITIVE_INFINITY));
  const when = Number.isFinite(next) ? `; the next fires ${relative(next, now)}` : "";
  const text = `${schedules.length} in all, ${active.length} active, none overdue${when}`;
  if (isAlive || active.length === 0) return ok("schedules", text);
  return note(
    "schedules",
    `${text}, but no worker is alive to fire them`,
    "Start one: millrace worker. Where an orchestrator keeps schedules, all is well.",
  );
}

function examineFailures(schedules: readonly ScheduleInfo[], now: number): readonly Finding[] {
  const failing = schedules.flatMap(({ id, failure }) => (failure === undefined ? [] : [{ id, failure }]));
  if (failing.length === 0) return [];
  const lines = failing
    .slice(0, SHOWN)
    .map(
      ({ id, failure: { code, message, count, at } }) =>
        `${id}: ${code}, ${count} times, last ${relative(at, now)}: ${message}`,
    );
  const more = failing.length > SHOWN ? [`and ${failing.length - SHOWN} more`] : [];
  return [
    wrong(
      "schedules",
      `starts are refused:\n${[...lines, ...more].join("\n")}`,
      "They are tried again by themselves. Correct the cause, or the schedule: see millrace schedules show ID.",
    ),
  ];
}

function shortList(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
