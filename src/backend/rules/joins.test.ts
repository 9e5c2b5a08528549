import fc from "fast-check";
import { expect, test } from "vitest";
import { commitOf, joinOf, newItem, startOf } from "../../../test/backend/engine.ts";
import { isOpenItem, isTerminalRun } from "../../core/status.ts";
import type { Commit, CommitOutcomeRequest, NewArrival } from "../contract/commit.ts";
import type { DeltaRecord } from "../contract/records.ts";
import type { RunState } from "../contract/run.ts";
import type { Arrival, BranchGroup, WorkItem } from "../contract/work-item.ts";
import { decideCommit } from "./commit.ts";
import type { CommitEffect } from "./draft.ts";
import { decideClaim } from "./due.ts";
import { brokenInvariants } from "./invariants.ts";
import { decideStart } from "./run-row.ts";

/** All rows of one run, written by the rules alone. */
class Rows {
  run: RunState;
  readonly items: WorkItem[];
  readonly groups = new Map<number, BranchGroup>();
  readonly arrivals: Arrival[] = [];
  readonly deltas: DeltaRecord[] = [];
  now = 0;

  constructor(maxItems = 100_000) {
    const started = decideStart(startOf("run", { completion: "all", maxItems }), 0);
    this.run = started.run;
    this.items = [started.item];
  }

  queued(): readonly WorkItem[] {
    return this.items.filter((item) => item.status === "pending" || item.status === "waiting_retry");
  }

  claim(item: WorkItem): WorkItem {
    const claimed = decideClaim(item, "session", 3, this.now).item;
    this.items[item.item] = claimed;
    return claimed;
  }

  commit(item: WorkItem, outcome: CommitOutcomeRequest, fields: Partial<Commit> = {}): CommitEffect {
    this.now += 1;
    const { run } = this;
    const rows = {
      run,
      item: this.items[item.item],
      session: "session",
      workerId: "worker",
      group: (group: number) => this.groups.get(group),
      heldNodes: () => [],
    };
    const decision = decideCommit(
      rows,
      commitOf({ item, run }, outcome, fields),
      { refused: false, sequences: [] },
      this.now,
    );
    if (decision.kind !== "accepted") throw new Error(decision.answer.kind);
    const { effect } = decision;
    this.run = effect.run;
    this.items[item.item] = effect.item;
    for (const fresh of effect.inserted) this.items.push(fresh.item);
    for (const group of effect.groups) this.groups.set(group.group, group);
    this.arrivals.push(...effect.arrivals);
    if (effect.delta !== undefined) this.deltas.push(effect.delta);
    return effect;
  }

  problems(): readonly string[] {
    return brokenInvariants({ ...this, groups: [...this.groups.values()] });
  }

  /** The groups around a new item, innermost first. */
  around(item: WorkItem): readonly BranchGroup[] {
    const groups: BranchGroup[] = [];
    for (let at = item.group; at !== undefined; at = groups.at(-1)?.parent) {
      const group = this.groups.get(at);
      if (group === undefined) break;
      groups.push(group);
    }
    return groups;
  }
}

interface Choice {
  readonly pick: number;
  readonly kind: "emit" | "fanOut" | "arrive" | "hold" | "retry" | "failOver" | "failOverToJoin" | "output";
  readonly width: number;
  readonly level: number;
  readonly joins: number;
}

const choices = fc.array(
  fc.record<Choice>({
    pick: fc.nat(1_000),
    kind: fc.constantFrom(
      "emit",
      "fanOut",
      "fanOut",
      "arrive",
      "arrive",
      "hold",
      "retry",
      "failOver",
      "failOverToJoin",
      "output",
    ),
    width: fc.integer({ min: 0, max: 3 }),
    level: fc.nat(3),
    joins: fc.integer({ min: 1, max: 2 }),
  }),
  { minLength: 20, maxLength: 80 },
);

const failure = { code: "ERROR", message: "no" };

/** Each fan-out has a node and joins of its own name, so that an arrival is told from any other. */
function outcomeOf(rows: Rows, item: WorkItem, choice: Choice): CommitOutcomeRequest {
  const nothing = { items: [], arrivals: [], outputs: [], width: choice.width };
  const items = Array.from({ length: choice.width }, (_, index) => newItem(nodeFor(choice, index), { index }));
  switch (choice.kind) {
    case "emit":
      return { kind: "emit", ...nothing, items };
    case "fanOut":
      return { kind: "emit", ...nothing, items, opens: { joins: joinsOf(item.node, choice.joins) } };
    case "arrive":
    case "output": {
      const arrivals = choice.kind === "arrive" ? arrivalsFor(rows, item, choice) : [];
      const outputs = choice.kind === "output" ? [{ index: 0, value: new Uint8Array() }] : [];
      return { kind: "emit", ...nothing, width: Math.max(1, choice.width), arrivals, outputs };
    }
    case "hold":
      return { kind: "hold" };
    case "retry":
      return { kind: "retry", delayMs: 0, failure };
    case "failOver":
      return { kind: "failOver", failure, width: choice.width, items, arrivals: [] };
    case "failOverToJoin":
      return {
        kind: "failOver",
        failure,
        width: Math.max(1, choice.width),
        items: [],
        arrivals: arrivalsFor(rows, item, choice),
      };
  }
}

function nodeFor({ pick, level }: Choice, index: number): string {
  return `n${(pick + level + index) % 7}`;
}

function joinsOf(fanOut: string, count: number) {
  return Array.from({ length: count }, (_, at) => joinOf(`${fanOut}/join${at}`));
}

function arrivalsFor(rows: Rows, item: WorkItem, choice: Choice): readonly NewArrival[] {
  const around = rows.around(item);
  const group = around[choice.level % Math.max(1, around.length)];
  if (group === undefined) return [];
  // The nearest group of the fan-out takes it, so its joins are those of that one.
  const nearest = around.find(({ fanOut }) => fanOut === group.fanOut) ?? group;
  return Array.from({ length: Math.max(1, choice.width) }, (_, index) => {
    const join = nearest.joins[(choice.pick + index) % nearest.joins.length]?.node ?? "";
    return { join, of: group.fanOut, index, value: new Uint8Array([index]) };
  });
}

test("whatever a graph emits, each group fires once, when its last member ends, and no arrival is lost", () => {
  fc.assert(
    fc.property(choices, (steps) => {
      const rows = new Rows();
      const sent = new Map<string, number>();
      const step = (item: WorkItem, choice: Choice) => {
        const claimed = rows.claim(item);
        const outcome = outcomeOf(rows, claimed, choice);
        const around = rows.around(claimed);
        const effect = rows.commit(claimed, outcome);
        if (outcome.kind === "emit" || outcome.kind === "failOver") {
          for (const { join, of } of outcome.arrivals) {
            const target = around.find(({ fanOut }) => fanOut === of)?.group;
            sent.set(`${target}:${join}`, (sent.get(`${target}:${join}`) ?? 0) + 1);
          }
        }
        expect(rows.problems()).toEqual([]);
        expect(new Set(effect.inserted.map((fresh) => fresh.item.item)).size).toBe(effect.inserted.length);
      };
      for (const choice of steps) {
        const queued = rows.queued();
        const item = queued[choice.pick % Math.max(1, queued.length)];
        if (item === undefined || isTerminalRun(rows.run.status)) break;
        step(item, choice);
      }
      for (
        let item = rows.queued()[0];
        item !== undefined && !isTerminalRun(rows.run.status);
        item = rows.queued()[0]
      ) {
        step(item, { pick: 0, kind: "arrive", width: 1, level: 0, joins: 1 });
      }
      expect(rows.items.filter((item) => isOpenItem(item.status))).toEqual([]);
      expect([...rows.groups.values()].filter((group) => !group.done)).toEqual([]);
      const arrived = new Map<string, number>();
      for (const { group, join } of rows.arrivals)
        arrived.set(`${group}:${join}`, (arrived.get(`${group}:${join}`) ?? 0) + 1);
      expect(arrived).toEqual(sent);
    }),
    { numRuns: 500 },
  );
});

test("a fan-out that emits nothing fires its join at once, with nothing arrived", () => {
  const rows = new Rows();
  const effect = rows.commit(rows.claim(rows.items[0] ?? never()), {
    kind: "emit",
    items: [],
    arrivals: [],
    outputs: [],
    width: 0,
    opens: { joins: [joinOf("join")] },
  });
  expect(effect.inserted).toMatchObject([{ item: { node: "join", kind: "join", joins: 0, group: undefined } }]);
  expect(effect.run).toMatchObject({ status: "running", open: 1 });
});

test.each(["constructor", "toString", "valueOf"])("a join may be called %s", (name) => {
  const rows = new Rows();
  const opens = { joins: [joinOf(name)] };
  const items = [newItem("a"), newItem("b", { index: 1 })];
  rows.commit(rows.claim(rows.items[0] ?? never()), {
    kind: "emit",
    items,
    arrivals: [],
    outputs: [],
    width: 2,
    opens,
  });
  for (const item of rows.queued()) {
    const arrivals = [{ join: name, of: "first", index: 0, value: new Uint8Array() }];
    rows.commit(rows.claim(item), { kind: "emit", items: [], arrivals, outputs: [], width: 1 });
  }
  expect(rows.groups.get(0)).toMatchObject({ done: true, open: 0 });
  expect(Object.entries(rows.groups.get(0)?.arrived ?? {})).toEqual([[name, 2]]);
  expect(rows.queued()).toMatchObject([{ node: name, kind: "join" }]);
});

test("groups nest 64 deep and not deeper", () => {
  const rows = new Rows();
  const fanOut = {
    kind: "emit",
    items: [newItem("again")],
    arrivals: [],
    outputs: [],
    width: 1,
    opens: { joins: [joinOf("join")] },
  } as const;
  for (let depth = 0; depth < 64; depth += 1) rows.commit(rows.claim(rows.queued()[0] ?? never()), fanOut);
  expect(rows.run.status).toBe("running");
  const effect = rows.commit(rows.claim(rows.queued()[0] ?? never()), fanOut);
  expect(effect).toMatchObject({
    run: { status: "failed" },
    runFailure: { code: "TOO_DEEP", node: "again" },
    inserted: [],
    groups: [],
  });
  expect(rows.problems()).toEqual([]);
});

test("an arrival outside of its fan-out fails the run and leaves nothing else", () => {
  const rows = new Rows();
  const arrivals = [{ join: "join", of: "split", index: 0, value: new Uint8Array() }];
  const effect = rows.commit(rows.claim(rows.items[0] ?? never()), {
    kind: "emit",
    items: [newItem("other")],
    arrivals,
    outputs: [],
    width: 2,
  });
  expect(effect).toMatchObject({ runFailure: { code: "INVALID_WORKFLOW" }, inserted: [], arrivals: [] });
  expect(rows.problems()).toEqual([]);
});

function never(): never {
  throw new Error("there is nothing to claim");
}
