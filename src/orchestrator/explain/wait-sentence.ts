/**
 * One sentence for every kind of wait: what it is for, since when, until when, and what ends it, down to the command. Pure
 * over the facts of one look.
 */

import type { WorkItem } from "../../backend/contract/work-item.ts";
import { isTerminalRun } from "../../core/status.ts";
import { formatWaitId } from "../../stores/wait-id.ts";
import { toWaitInfo } from "../../stores/wait-info.ts";
import type { Facts } from "./facts.ts";
import { brief, instant, quoted, shellWord } from "./wording.ts";

/** What a parked item waits for. */
export interface ToldWait {
  /** The sentence after its subject, without the full stop. */
  readonly is: string;
  readonly since: number;
  readonly releasedBy: string;
}

/** Explains a parked item. */
export function explainWait(facts: Facts, item: WorkItem): ToldWait {
  const { now, run } = facts;
  const since = item.wait?.since ?? item.readyAt;
  const begun = `since ${instant(since, now)}`;
  const told = item.wait?.kind === "sleep" ? asleep(facts, item, begun) : waiting(facts, item, begun);
  const paused =
    run.status === "paused" ? "; its run is paused, so that what comes is kept until the run is resumed" : "";
  return { is: `${told.is}${paused}`, since, releasedBy: told.releasedBy };
}

interface Told {
  readonly is: string;
  readonly releasedBy: string;
}

function asleep({ now }: Facts, { wait }: WorkItem, begun: string): Told {
  const dueAt = wait?.dueAt ?? now;
  if (dueAt > now) return { is: `sleeps ${begun} until ${instant(dueAt, now)}`, releasedBy: "time, and then a worker" };
  return {
    is: `has slept ${begun} until ${instant(dueAt, now)}, and goes on with the next claim of any worker`,
    releasedBy: "the next claim of any worker",
  };
}

function waiting(facts: Facts, item: WorkItem, begun: string): Told {
  const until = untilWhen(facts, item);
  const wait = facts.waits?.get(item.item);
  if (wait === undefined) {
    // It was answered, or its run was closed, between two reads.
    return {
      is: `waits ${begun}${until}, and was answered as it was looked at`,
      releasedBy: "the next claim of any worker",
    };
  }
  const { prompt, tool, event, childId } = toWaitInfo(wait);
  const complete = `millrace complete ${shellWord(formatWaitId(wait))} --payload '…'`;
  switch (wait.kind) {
    case "input": {
      const asked = prompt === undefined ? "" : ` (${quoted(brief(prompt))})`;
      return { is: `waits ${begun} for an input${asked}${until}; give it with: ${complete}`, releasedBy: complete };
    }
    case "tool":
      return {
        is: `waits ${begun} for the result of the tool ${quoted(tool ?? "")}${until}; give it with: ${complete}`,
        releasedBy: complete,
      };
    case "event": {
      const { name, key } = event ?? { name: "", key: "" };
      const send = `millrace send ${shellWord(name)} --key ${shellWord(key)} --payload '…'`;
      return {
        is: `waits ${begun} for the event ${quoted(name)} with the key ${quoted(key)}${until}; send it with: ${send}`,
        releasedBy: send,
      };
    }
    case "child":
      return forChild(facts, childId ?? "", begun, until);
  }
}

function forChild({ children }: Facts, childId: string, begun: string, until: string): Told {
  const child = children?.get(childId);
  const status = child === undefined ? "is not there any more" : `is ${child.status}`;
  const ends =
    child !== undefined && isTerminalRun(child.status) ? "the next claim of any worker" : `the end of run ${childId}`;
  return {
    is: `waits ${begun} for its child run ${childId}, which ${status}${until}; see: millrace explain ${shellWord(childId)}`,
    releasedBy: ends,
  };
}

function untilWhen({ now }: Facts, { wait }: WorkItem): string {
  return wait?.dueAt === undefined ? "" : `, at the latest until ${instant(wait.dueAt, now)}`;
}
