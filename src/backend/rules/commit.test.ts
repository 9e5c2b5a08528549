import { describe, expect, test } from "vitest";
import { bytes, commitOf, emit, newItem, type Outcome, output, startOf } from "../../../test/backend/engine.ts";
import type { Commit, CommitOutcomeRequest } from "../contract/commit.ts";
import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { decideCommit, type Predecessors } from "./commit.ts";
import type { CommitEffect } from "./draft.ts";
import { decideClaim } from "./due.ts";
import { closeRun, decideStart } from "./run-row.ts";

const NOW = 5_000;
const failure = { code: "ERROR", message: "no" };

interface Situation {
  readonly run?: Partial<RunState>;
  readonly item?: Partial<WorkItem>;
  readonly fields?: Partial<Commit>;
  readonly after?: Predecessors;
  readonly held?: readonly string[];
  readonly session?: string;
}

function decide(
  outcome: CommitOutcomeRequest,
  { run, item, fields, after, held = [], session = "s1" }: Situation = {},
) {
  const started = decideStart(startOf("run"), 1_000);
  const claimed = decideClaim(started.item, "s1", 3, 2_000).item;
  const rows = {
    run: { ...started.run, ...run },
    item: { ...claimed, ...item },
    session,
    workerId: "worker",
    group: () => undefined,
    heldNodes: () => held,
  };
  const commit = commitOf({ item: claimed, run: started.run }, outcome, fields);
  return decideCommit(rows, commit, after ?? { refused: false, sequences: [] }, NOW);
}

function accepted(...given: Parameters<typeof decide>): CommitEffect {
  const decision = decide(...given);
  if (decision.kind !== "accepted") throw new Error(JSON.stringify(decision.answer));
  return decision.effect;
}

function refusal(...given: Parameters<typeof decide>): string {
  const decision = decide(...given);
  return decision.kind === "refused" ? decision.answer.code : decision.kind;
}

const delta = { delta: bytes("[]"), writes: [1] };

describe("what is refused", () => {
  test.each<[string, Situation, string]>([
    ["an older epoch", { item: { epoch: 2 } }, "STALE_LEASE"],
    ["another session", { session: "s2" }, "STALE_LEASE"],
    ["an item that is back in the queue", { item: { status: "pending" } }, "STALE_LEASE"],
    ["an older generation", { run: { generation: 1 } }, "RUN_CLOSED"],
    ["a closed run", { run: { status: "cancelled", generation: 1 } }, "RUN_CLOSED"],
    ["a commit that builds on a refused one", { after: { refused: true, sequences: [] } }, "CONTEXT_CONFLICT"],
    ["other content for the same epoch", { item: { commitDigest: "other", status: "completed" } }, "COMMIT_CONFLICT"],
  ])("%s", (_, situation, code) => {
    expect(refusal(output("1"), situation)).toBe(code);
  });

  test("a run or an item that there is not", () => {
    const started = decideStart(startOf("run"), 1_000);
    const rows = {
      run: undefined,
      item: undefined,
      session: "s1",
      workerId: "w",
      group: () => undefined,
      heldNodes: () => [],
    };
    const commit = commitOf({ item: started.item, run: started.run }, output("1"));
    const after = { refused: false, sequences: [] };
    expect(decideCommit(rows, commit, after, NOW)).toMatchObject({ answer: { code: "RUN_CLOSED", sequence: 0 } });
    expect(decideCommit({ ...rows, run: started.run }, commit, after, NOW)).toMatchObject({
      answer: { code: "STALE_LEASE" },
    });
  });

  test("the same commit sent again is told apart from another by its digest, also after the run closed", () => {
    const first = accepted(output("1"));
    const rows = { item: first.item, run: closeRun(first.run, "cancelled", NOW) };
    expect(decide(output("1"), rows)).toMatchObject({
      kind: "replayed",
      answer: { kind: "committed", itemStatus: "completed" },
    });
    expect(refusal(output("2"), rows)).toBe("COMMIT_CONFLICT");
  });
});

describe("conditional commits", () => {
  const read = { reads: [1], base: 3 };
  test.each<[string, number[], Predecessors["sequences"], boolean]>([
    ["a field written since is a conflict", [0, 4], [], true],
    ["a field written before is none", [0, 3], [], false],
    ["another field is none", [9, 2], [], false],
    ["what the batch itself wrote next is known", [0, 4], [4], false],
    ["what the batch wrote in a row is known", [0, 5], [4, 5], false],
    ["what another wrote in between is a conflict", [0, 5], [5], true],
  ])("%s", (_, fieldSequences, sequences, conflict) => {
    const situation = { run: { sequence: 9, fieldSequences }, fields: read, after: { refused: false, sequences } };
    expect(refusal(output("1"), situation)).toBe(conflict ? "CONTEXT_CONFLICT" : "accepted");
  });

  test("a commit that read nothing cannot conflict", () => {
    expect(refusal(output("1"), { run: { sequence: 9, fieldSequences: [9, 9] } })).toBe("accepted");
  });
});

describe("what an outcome leaves", () => {
  test("an emission: successors in order, the delta, the metrics, the session as affinity", () => {
    const effect = accepted(emit(["a", newItem("b", { delayMs: 30 })]), {
      fields: { ...delta, metrics: [{ name: "size", value: 3 }], conflicts: 2 },
    });
    expect(effect.inserted.map(({ item }) => [item.item, item.node, item.readyAt, item.from, item.path])).toEqual([
      [1, "a", NOW, 0, "0000"],
      [2, "b", NOW + 30, 0, "0001"],
    ]);
    expect(effect.run).toMatchObject({
      open: 2,
      items: 3,
      completed: 1,
      sequence: 1,
      commits: 1,
      conflicts: 2,
      affinity: "s1",
    });
    expect(effect.run.fieldSequences).toEqual([0, 1]);
    expect(effect.delta).toMatchObject({ sequence: 1, item: "run.0", epoch: 1, at: NOW });
    expect(effect.metrics).toEqual([{ runId: "run", item: 0, node: "first", name: "size", value: 3, at: NOW }]);
    expect(effect.item).toMatchObject({
      status: "completed",
      endedAt: NOW,
      commit: 1,
      ranMs: 3_000,
      conflicts: 2,
      timeoutAt: undefined,
    });
    expect(effect.answer).toMatchObject({
      sequence: 1,
      appended: true,
      at: NOW,
      runStatus: "running",
      itemStatus: "completed",
    });
  });

  test("a retry: nothing but the failure and the time of the next attempt", () => {
    const effect = accepted(
      { kind: "retry", delayMs: 700, failure },
      {
        item: { stalls: 2, reason: "timeout" },
        fields: { ...delta, metrics: [{ name: "size", value: 3 }] },
      },
    );
    expect(effect).toMatchObject({ delta: undefined, metrics: [], inserted: [], attempt: 1 });
    expect(effect.item).toMatchObject({
      status: "waiting_retry",
      attempts: 1,
      stalls: 0,
      reason: "ready",
      readyAt: NOW + 700,
      failure,
    });
    expect(effect.failure).toMatchObject({ attempt: 1, epoch: 1, outcome: "retried", workerId: "worker", at: NOW });
    expect(effect.run).toMatchObject({ open: 1, retried: 1, sequence: 0, failed: 0 });
  });

  test("a failure over to its edge: the failure and the successors", () => {
    const outcome: Outcome<"failOver"> = {
      kind: "failOver",
      failure,
      items: [newItem("rescue")],
      arrivals: [],
      width: 1,
    };
    const effect = accepted(outcome, { fields: delta });
    expect(effect).toMatchObject({
      delta: undefined,
      failure: { outcome: "failedOver" },
      item: { status: "failed", attempts: 1, failure },
    });
    expect(effect.run).toMatchObject({ open: 1, failed: 1, status: "running" });
  });

  test("a failure for good: the run fails and names the item; the item can be opened again", () => {
    const effect = accepted({ kind: "fail", failure }, { fields: delta });
    expect(effect.run).toMatchObject({ status: "failed", generation: 1, open: 0, failed: 1, finishedAt: NOW });
    expect(effect.runFailure).toEqual({ ...failure, node: "first", item: 0, attempt: 1 });
    expect(effect).toMatchObject({
      item: { status: "permanently_failed" },
      failure: { outcome: "failed" },
      delta: undefined,
    });
  });

  test("a release: the item as it was, with its reason, and no attempt used up", () => {
    const effect = accepted(
      { kind: "release", delayMs: 20 },
      { item: { attempts: 2, stalls: 1, reason: "timeout" }, fields: delta },
    );
    expect(effect.item).toMatchObject({
      status: "pending",
      attempts: 2,
      stalls: 1,
      reason: "timeout",
      readyAt: NOW + 20,
    });
    expect(effect).toMatchObject({ delta: undefined, failure: undefined, run: { open: 1, sequence: 0 } });
  });

  test("a hold: its delta, and the item out of the way", () => {
    const effect = accepted({ kind: "hold" }, { run: { open: 2 }, fields: delta });
    expect(effect).toMatchObject({
      item: { status: "held" },
      run: { held: 1, open: 1, sequence: 1, status: "running" },
    });
  });

  test("more items than the run may make: no trace of the attempt, an open item, a failed run", () => {
    const effect = accepted(emit(["a", "b"]), {
      run: { maxItems: 2 },
      fields: { ...delta, metrics: [{ name: "n", value: 1 }] },
    });
    expect(effect.run).toMatchObject({ status: "failed", items: 1, open: 1, sequence: 0 });
    expect(effect).toMatchObject({
      runFailure: { code: "TOO_MANY_ITEMS" },
      inserted: [],
      metrics: [],
      item: { status: "pending", attempts: 0 },
    });
  });
});

describe("how a run ends", () => {
  test("single: with its one output once nothing is open", () => {
    expect(accepted(output("7")).run).toMatchObject({ status: "completed", outputs: 1, generation: 1 });
    const early = accepted(output("7"), { run: { open: 2 } });
    expect(early.run.status).toBe("running");
    expect(early.runOutput).toEqual(bytes("7"));
  });

  test("single: a second output fails it and names the other modes", () => {
    for (const effect of [accepted(output("7"), { run: { open: 2, outputs: 1 } }), accepted(output("7", "8"))]) {
      expect(effect.run.status).toBe("failed");
      expect(effect.runFailure?.code).toBe("MULTIPLE_OUTPUTS");
      expect(effect.runFailure?.message).toMatch(/"first".*"all"/);
    }
  });

  test("first: the first output ends it, whatever is open", () => {
    const effect = accepted(output("7", "8"), { run: { open: 5, completion: "first" } });
    expect(effect.run).toMatchObject({ status: "completed", open: 4 });
    expect(effect.runOutput).toEqual(bytes("7"));
  });

  test("all: outputs are kept in branch order, and none is fine", () => {
    const effect = accepted(output("7", "8"), { run: { completion: "all" } });
    expect(effect.outputs.map(({ path, index }) => [path, index])).toEqual([
      ["0000", 0],
      ["0001", 1],
    ]);
    expect(effect).toMatchObject({ runOutput: undefined, run: { status: "completed", outputs: 2 } });
    expect(accepted(emit([]), { run: { completion: "all" } }).run.status).toBe("completed");
  });

  test.each(["single", "first"] as const)(
    "%s: nothing open and no output is stuck, naming where the branch ended",
    (completion) => {
      const effect = accepted(emit([]), { run: { completion } });
      expect(effect.run.status).toBe("failed");
      expect(effect.runFailure).toMatchObject({ code: "RUN_STUCK", message: expect.stringContaining('"first"') });
    },
  );

  test("all: something held and no output is stuck, naming what holds", () => {
    const effect = accepted({ kind: "hold" }, { run: { completion: "all" }, held: ["gather"] });
    expect(effect.runFailure).toMatchObject({
      code: "RUN_STUCK",
      message: expect.stringContaining('"gather", "first"'),
    });
  });

  test("a paused run may still complete by what is in flight", () => {
    expect(accepted(output("7"), { run: { status: "paused" } }).run.status).toBe("completed");
    expect(accepted(emit(["more"]), { run: { status: "paused" } }).run.status).toBe("paused");
  });
});
