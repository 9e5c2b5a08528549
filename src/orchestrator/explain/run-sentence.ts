/**
 * One sentence for every status that a run can have: what it waits for, since when, and who can release it. Of an open
 * run it is the story of the item that stands nearest to moving. Pure over the facts of one look.
 */

import type { RunFailure, RunRecord } from "../../backend/contract/run.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import { formatDuration } from "../../core/duration.ts";
import { ERRORS, isErrorCode } from "../../core/errors.ts";
import type { RunStatus, WorkItemStatus } from "../../core/status.ts";
import type { Facts } from "./facts.ts";
import { explainItem, type ItemExplanation } from "./item-sentence.ts";
import { brief, count, instant, list, quoted } from "./wording.ts";

/** Why a run is where it is. */
export interface RunExplanation {
  readonly runId: string;
  readonly workflow: string;
  readonly version: string;
  readonly status: RunStatus;
  /** The whole story in one sentence. */
  readonly sentence: string;
  /** When the status became what it is. */
  readonly since: number;
  /** Who or what moves it on; `undefined` where nothing will and nothing needs to. */
  readonly releasedBy: string | undefined;
  /** The items that are open, or of a run that ended those that failed or are held; at most 100. */
  readonly items: readonly ItemExplanation[];
}

/** Explains a run; `telling` are the items worth a sentence of their own. */
export function explainRun(facts: Facts, telling: readonly WorkItem[]): RunExplanation {
  const { run } = facts;
  const items = telling.map((item) => explainItem(facts, item));
  const told = tell(facts, telling, items);
  const { id, workflow, version, status, statusAt } = run;
  const sentence = `Run ${id} of ${workflow}@${version} ${told.is}.`;
  return { runId: id, workflow, version, status, sentence, since: statusAt, releasedBy: told.releasedBy, items };
}

interface Told {
  readonly is: string;
  readonly releasedBy: string | undefined;
}

function tell(facts: Facts, telling: readonly WorkItem[], items: readonly ItemExplanation[]): Told {
  const { run, now } = facts;
  const since = instant(run.statusAt, now);
  switch (run.status) {
    case "running":
    case "waiting":
      return open(facts, telling, items);
    case "paused":
      return paused(facts, telling);
    case "compensating":
      return { is: `undoes what it did since ${since}; nothing forward is claimed`, releasedBy: "its compensations" };
    case "completed":
      return { is: `completed at ${since}, ${tally(run)}`, releasedBy: undefined };
    case "failed":
      return failed(facts);
    case "cancelled":
      return cancelled(facts);
  }
}

function open(facts: Facts, telling: readonly WorkItem[], items: readonly ItemExplanation[]): Told {
  const { run, now } = facts;
  const leading = leadingItem(telling, items);
  const timeout = run.timeoutAt === undefined ? "" : ` (the run times out at ${instant(run.timeoutAt, now)})`;
  const begun = `is ${run.status} since ${instant(run.statusAt, now)}${timeout}`;
  if (leading === undefined) return { is: `${begun} and was moving on as it was looked at`, releasedBy: "its workers" };
  const more = run.open > 1 ? `${openCounts(run, telling)}; of these, ` : "";
  return { is: `${begun}: ${more}${lowerCase(leading.sentence.slice(0, -1))}`, releasedBy: leading.releasedBy };
}

/** What executes stands nearest to moving, then what is ready, then what time releases, the soonest first. */
function leadingItem(telling: readonly WorkItem[], items: readonly ItemExplanation[]): ItemExplanation | undefined {
  const ranked = telling
    .map((item, at) => ({ at, order: ORDER[item.status] ?? Number.POSITIVE_INFINITY, readyAt: movesAt(item) }))
    .sort((a, b) => a.order - b.order || a.readyAt - b.readyAt || a.at - b.at);
  const [first] = ranked;
  return first === undefined ? undefined : items[first.at];
}

function movesAt({ status, readyAt, wait }: WorkItem): number {
  return status === "waiting" ? (wait?.dueAt ?? Number.POSITIVE_INFINITY) : readyAt;
}

const ORDER: Readonly<Partial<Record<WorkItemStatus, number>>> = {
  in_progress: 0,
  pending: 1,
  waiting_retry: 1,
  waiting: 2,
};

function openCounts(run: RunRecord, telling: readonly WorkItem[]): string {
  const states: readonly (readonly [string, readonly WorkItemStatus[]])[] = [
    ["in progress", ["in_progress"]],
    ["pending", ["pending"]],
    ["waiting for a retry", ["waiting_retry"]],
    ["parked", ["waiting"]],
  ];
  const parts = states
    .map(([name, statuses]) => ({ name, number: telling.filter(({ status }) => statuses.includes(status)).length }))
    .filter(({ number }) => number > 0)
    .map(({ name, number }) => `${number} ${name}`);
  const looked = telling.length < run.open ? ` (of the first ${telling.length})` : "";
  return `${count(run.open, "item")} ${run.open === 1 ? "is" : "are"} open, ${list(parts)}${looked}`;
}

function paused({ run, actions, now }: Facts, telling: readonly WorkItem[]): Told {
  const actor = actions.get("pause")?.actor;
  const by = actor === undefined ? "" : ` by ${actor}`;
  const inFlight = telling.filter(({ status }) => status === "in_progress").length;
  const flying = inFlight === 0 ? "" : `; ${count(inFlight, "attempt")} in flight may still commit`;
  return {
    is: `is paused since ${instant(run.statusAt, now)}${by} with ${count(run.open, "open item")}, and nothing of it is claimed until it is resumed${flying}`,
    releasedBy: "resume of the run",
  };
}

function failed({ run, now }: Facts): Told {
  const { failure } = run;
  const at = instant(run.statusAt, now);
  if (failure === undefined) return { is: `failed at ${at}`, releasedBy: "resume of the run" };
  const where = failure.node === undefined ? "" : ` at node ${quoted(failure.node)}`;
  const attempt = failure.attempt === undefined ? "" : ` (attempt ${failure.attempt})`;
  const next = remedy(run, failure);
  return {
    is: `failed at ${at} with ${failure.code}${where}${attempt}: ${brief(failure.message)}; ${next.advice}`,
    releasedBy: next.releasedBy,
  };
}

/** What it takes to go on, as the guards of `resume` see it. */
function remedy(
  run: RunRecord,
  failure: RunFailure,
): { readonly advice: string; readonly releasedBy: string | undefined } {
  const releasedBy = "resume of the run";
  switch (failure.code) {
    case "MULTIPLE_OUTPUTS":
      return {
        advice: 'it cannot be resumed; declare completion: "first" or "all" in a new version',
        releasedBy: undefined,
      };
    case "TOO_MANY_ITEMS":
      return {
        advice: `resume it with a maxItems of more than ${run.items}`,
        releasedBy: `${releasedBy} with a higher maxItems`,
      };
    case "RUN_STUCK":
      return {
        advice:
          run.held > 0
            ? "resuming it lets the items that hold decide again"
            : "no item of it can go on; correct the workflow and start anew",
        releasedBy: run.held > 0 ? releasedBy : undefined,
      };
    case "TIMEOUT":
      return failure.node === undefined
        ? { advice: "resume it with a new timeout", releasedBy: `${releasedBy} with a new timeout` }
        : { advice: "resume it to run again what failed and what was open", releasedBy };
    default: {
      const hint =
        isErrorCode(failure.code) && failure.code !== "ERROR" ? `${lowerCase(brief(ERRORS[failure.code].hint))}; ` : "";
      return { advice: `${hint}resume it to run again what failed and what was open`, releasedBy };
    }
  }
}

function cancelled({ run, actions, now }: Facts): Told {
  const actor = actions.get("cancel")?.actor;
  const by = actor === undefined ? "" : ` by ${actor}`;
  const reason =
    run.failure === undefined || run.failure.message === "cancelled" ? "" : ` (${brief(run.failure.message)})`;
  const rest = run.open === 0 ? "" : ` with ${count(run.open, "item")} open`;
  return {
    is: `was cancelled at ${instant(run.statusAt, now)}${by}${reason}${rest}; resume it to go on with what was open`,
    releasedBy: "resume of the run",
  };
}

function tally({ items, failed, retried, createdAt, finishedAt, statusAt }: RunRecord): string {
  const took = (finishedAt ?? statusAt) - createdAt;
  const troubles = [
    failed > 0 ? `${failed} failed` : "",
    retried > 0 ? count(retried, "retry").replace("retrys", "retries") : "",
  ];
  const told = list(troubles.filter((trouble) => trouble !== ""));
  return `after ${formatDuration(took)} and ${count(items, "item")}${told === "" ? "" : `, with ${told}`}`;
}

function lowerCase(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
