/** Makes the commit that a command chose, for the item that it chose it for. */

import type { ClaimedItem } from "../../../src/backend/contract/claim.ts";
import type { Commit, CommitOutcomeRequest, NewItem } from "../../../src/backend/contract/commit.ts";
import type { BranchGroup } from "../../../src/backend/contract/work-item.ts";
import { commitOf as honestCommit } from "../../../src/testing/conformance/actor.ts";
import {
  arrival,
  bytes,
  emit,
  fail,
  failOver,
  hold,
  joinTemplate,
  newItem,
  nothing,
  output,
  release,
  retry,
} from "../../../src/testing/conformance/parts.ts";
import type { CommitChoice, OutcomeChoice } from "./command.ts";

const NODES = ["a", "b", "c"];
const JOINS = ["join-1", "join-2"];

/** `groups`: around the item, innermost first. */
export function commitOf(
  claimed: ClaimedItem,
  choice: CommitChoice,
  after: readonly number[],
  groups: readonly BranchGroup[],
): Commit {
  const { item, run } = claimed;
  return honestCommit(claimed, outcomeOf(claimed, choice.outcome, groups), {
    epoch: item.epoch - (choice.wrong === "epoch" ? 1 : 0),
    generation: run.generation + (choice.wrong === "generation" ? 1 : 0),
    base: choice.wrong === "base" ? 0 : run.sequence,
    reads: choice.reads,
    writes: choice.delta ? choice.writes : [],
    delta: choice.delta ? bytes(`of ${item.item} at ${item.epoch}`) : undefined,
    after,
    conflicts: choice.wrong === "base" ? 1 : 0,
    metrics: choice.metric ? [{ name: "m", value: item.item }] : [],
    logs: choice.metric ? [{ at: 1, level: "info", message: `from ${item.item}` }] : [],
  });
}

function outcomeOf({ item }: ClaimedItem, choice: OutcomeChoice, groups: readonly BranchGroup[]): CommitOutcomeRequest {
  switch (choice.kind) {
    case "next":
      return emit({ items: successors(choice.width, choice) });
    case "fanOut":
      return fanOut(item.node, choice);
    case "arrive":
      return arrive(choice, groups);
    case "badArrival":
      return emit({ items: successors(1), arrivals: [arrival("join-1", "nowhere", "lost", 1)], width: 2 });
    case "output":
      return output(...Array.from({ length: choice.count }, (_, at) => `output ${at} of ${item.item}`));
    case "nothing":
      return nothing();
    case "hold":
      return hold();
    case "fail":
      return fail();
    case "failOver":
      return failOver(...NODES.slice(0, choice.width));
    case "retry":
      return retry(choice.delayMs);
    case "release":
      return release(choice.delayMs);
  }
}

function successors(count: number, { delayMs = 0, priority = 0 } = {}): readonly NewItem[] {
  return NODES.slice(0, count).map((node, index) =>
    newItem(node, { index, priority, delayMs: index === 0 ? delayMs : 0, timeoutMs: 7_000 }),
  );
}

function fanOut(node: string, choice: Extract<OutcomeChoice, { kind: "fanOut" }>): CommitOutcomeRequest {
  const names = JOINS.slice(0, choice.joins);
  const arrivals = names.slice(0, choice.straight).map((join) => arrival(join, node, "straight", choice.width));
  const joins = names.map((join) => joinTemplate(join, { timeoutMs: 7_000 }));
  return emit({ items: successors(choice.width), arrivals, opens: { joins } });
}

function arrive(
  choice: Extract<OutcomeChoice, { kind: "arrive" }>,
  groups: readonly BranchGroup[],
): CommitOutcomeRequest {
  const group = groups[Math.min(choice.levels, groups.length - 1)];
  const join = group?.joins[choice.join % group.joins.length];
  if (group === undefined || join === undefined) return emit({ items: successors(1) });
  const values = Array.from({ length: choice.count }, (_, index) =>
    arrival(join.node, group.fanOut, `value ${index}`, index),
  );
  return emit({ arrivals: values });
}
