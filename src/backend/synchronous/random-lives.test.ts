import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ANYTHING,
  commitOf,
  emit,
  joinOf,
  newItem,
  output,
  ProtocolWorker,
  publishDefinition,
  startOf,
} from "../../../test/backend/engine.ts";
import { placesOf, rowsOf } from "../../../test/backend/row-inspection.ts";
import { type ManualClock, manualClock } from "../../core/ports.ts";
import { isOpenItem, isTerminalRun } from "../../core/status.ts";
import type { ClaimedItem, CommitAndClaimAnswer } from "../contract/claim.ts";
import type { Commit, CommitOutcomeRequest } from "../contract/commit.ts";
import type { ControlAction } from "../contract/control.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { NewWait, SentEvent } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import { brokenInvariants } from "../rules/invariants.ts";
import { synchronousOperations } from "./operations.ts";
import type { RowStore } from "./row-store.ts";

const RUNS = ["run-a", "run-b", "run-c"];
const LEASE_MS = 1_000;
/** Looks of one history after which all rows are compared; more would take their time. */
const COMPARED_LOOKS = 5;
const failure = { code: "ERROR", message: "no" };

interface Step {
  readonly action:
    | "start"
    | "claim"
    | "commit"
    | "commit"
    | "exchange"
    | "resend"
    | "renew"
    | "leave"
    | "vanish"
    | "wait"
    | "answer"
    | "send"
    | "control";
  readonly worker: number;
  readonly pick: number;
  readonly outcome: number;
}

const steps = fc.array(
  fc.record<Step>({
    action: fc.oneof(
      { weight: 12, arbitrary: fc.constant("exchange" as const) },
      { weight: 3, arbitrary: fc.constant("commit" as const) },
      {
        weight: 1,
        arbitrary: fc.constantFrom("start", "claim", "resend", "renew", "leave", "vanish", "wait", "control"),
      },
      { weight: 2, arbitrary: fc.constantFrom("answer" as const, "send" as const) },
    ),
    worker: fc.nat(2),
    pick: fc.nat(1_000),
    outcome: fc.nat(36),
  }),
  { minLength: 60, maxLength: 120 },
);

interface Worker {
  protocol: ProtocolWorker;
  held: ClaimedItem[];
  last:
    | { readonly commits: readonly Commit[]; readonly claim: boolean; readonly answer: CommitAndClaimAnswer }
    | undefined;
}

/** One random history: what happens, and what must hold after each step of it. */
class History {
  readonly clock: ManualClock = manualClock(1_000_000);
  readonly store: RowStore;
  readonly operations: BackendOperations;
  readonly workers: Worker[] = [];
  readonly epochs = new Map<string, number>();
  readonly committed = new Set<string>();
  sessions = 0;
  /** Looks that saw nothing although runs were open. */
  emptyLooks = 0;
  /** Waits that were answered. */
  answers = 0;

  constructor() {
    const { store, executor } = createMemoryStore();
    this.store = store;
    this.operations = synchronousOperations({
      kind: "memory",
      location: "memory:",
      namespace: "default",
      capabilities: { durability: "none", shared: false, pushWakeups: true, renewal: "main" },
      store,
      executor,
      clock: this.clock,
    });
  }

  async worker(number: number): Promise<Worker> {
    const worker = this.workers[number];
    if (worker !== undefined) return worker;
    this.sessions += 1;
    const protocol = await ProtocolWorker.open(this.operations, `session-${this.sessions}`, LEASE_MS);
    const opened: Worker = { protocol, held: [], last: undefined };
    this.workers[number] = opened;
    return opened;
  }

  async take(step: Step): Promise<void> {
    const worker = await this.worker(step.worker);
    switch (step.action) {
      case "start":
        await this.operations.startRuns([startOf(RUNS[step.pick % RUNS.length] ?? "", { completion: "all" })]);
        return;
      case "claim":
        return await this.exchange(worker, [], true);
      case "commit":
        return await this.exchange(worker, commitsOf(worker, step, 1), false);
      case "exchange":
        return await this.exchange(worker, commitsOf(worker, step, 3), true);
      case "resend":
        return await this.resend(worker);
      case "renew":
        await this.operations.renew({ session: worker.protocol.session });
        return;
      case "leave":
        await this.operations.closeSession(worker.protocol.session);
        delete this.workers[step.worker];
        return;
      case "vanish":
        delete this.workers[step.worker];
        return;
      case "wait":
        return await this.clock.advance([10, 400, 1_100][step.pick % 3] ?? 0);
      case "answer":
        return await this.answer(step.pick);
      case "send":
        await this.operations.sendEvents([eventOf(step.pick)]);
        return;
      case "control":
        await this.operations.control([{ action: this.action(step) }]);
    }
  }

  /** Where a look sees nothing, a claim at the same instant finds nothing, and changes no run and no item. */
  async claimAfterALook(worker: Worker): Promise<CommitAndClaimAnswer> {
    const seen = await this.operations.peek?.({ ...ANYTHING, limit: 3 });
    const isEmpty = seen?.ready === false;
    const isComparedWhole = isEmpty && this.emptyLooks < COMPARED_LOOKS;
    const before = isComparedWhole ? this.rows() : undefined;
    const answer = await worker.protocol.exchange([], { limit: 3 });
    if (isEmpty) expect(answer.items).toEqual([]);
    if (isComparedWhole) expect(this.rows()).toEqual(before);
    if (isEmpty && RUNS.some((runId) => this.store.runState(runId)?.status === "running")) this.emptyLooks += 1;
    return answer;
  }

  /** Answers one of the waits that there are. */
  async answer(pick: number): Promise<void> {
    const { entries } = await this.operations.read.waits({}, {});
    const wait = entries[pick % Math.max(1, entries.length)];
    if (wait === undefined) return;
    const { runId, item, number } = wait;
    const payload = new Uint8Array([pick % 256]);
    const [outcome] = await this.operations.control([
      { action: { kind: "completeWait", runId, item, number, payload } },
    ]);
    expect(outcome?.kind).toBe("done");
    this.answers += 1;
  }

  rows() {
    const runIds = RUNS.filter((runId) => this.store.runState(runId) !== undefined);
    return runIds.map((runId) => rowsOf(this.store, runId));
  }

  async exchange(worker: Worker, commits: readonly Commit[], claim: boolean): Promise<void> {
    const isClaimAlone = claim && commits.length === 0;
    const answer = isClaimAlone
      ? await this.claimAfterALook(worker)
      : await worker.protocol.exchange(commits, claim ? { limit: 3 } : undefined);
    worker.last = { commits, claim, answer };
    const retried: ClaimedItem[] = [];
    for (const [at, told] of answer.answers.entries()) {
      const commit = commits[at];
      const key = `${commit?.runId}.${commit?.item}@${commit?.epoch}`;
      const held = worker.held.find(({ item }) => commit?.runId === item.runId && commit.item === item.item);
      worker.held = worker.held.filter((other) => other !== held);
      if (told.kind === "committed") {
        expect(this.committed.has(key)).toBe(false);
        this.committed.add(key);
      } else if (told.code === "CONTEXT_CONFLICT" && held !== undefined) {
        retried.push({ ...held, run: { ...held.run, sequence: told.sequence } });
      }
    }
    worker.held.push(...retried);
    for (const claimed of answer.items) {
      const key = `${claimed.item.runId}.${claimed.item.item}`;
      expect(claimed.item.epoch).toBeGreaterThan(this.epochs.get(key) ?? 0);
      this.epochs.set(key, claimed.item.epoch);
      expect(["running", "waiting"]).toContain(this.store.runState(claimed.run.id)?.status);
      worker.held.push(claimed);
    }
  }

  async resend(worker: Worker): Promise<void> {
    const { last, protocol } = worker;
    if (last === undefined) return;
    const before = RUNS.map((runId) => this.store.runState(runId));
    const again = await protocol.send(protocol.request, last.commits, last.claim ? { limit: 3 } : undefined);
    expect(again.answers).toEqual(last.answer.answers);
    expect(again.items.map(({ item, run }) => [run.id, run.generation, item.item, item.epoch])).toEqual(
      last.answer.items.map(({ item, run }) => [run.id, run.generation, item.item, item.epoch]),
    );
    expect(RUNS.map((runId) => this.store.runState(runId))).toEqual(before);
  }

  action({ pick, outcome }: Step): ControlAction {
    const runId = RUNS[pick % RUNS.length] ?? "";
    const [failed] = this.store.items({ runId, status: ["permanently_failed"] }, { limit: 1 }).entries;
    const item = failed?.item ?? pick % 5;
    const actions: readonly ControlAction[] = [
      { kind: "pause", runId },
      { kind: "resume", runId },
      { kind: "resume", runId },
      { kind: "resume", runId, maxItems: 200_000, timeoutMs: 1_000_000 },
      { kind: "cancel", runId },
      { kind: "retryItem", runId, item },
      { kind: "retryItem", runId, item, input: new Uint8Array([pick % 256]) },
      { kind: "enqueue", runId, item: newItem("injected") },
      { kind: "merge", runId, delta: new Uint8Array(), writes: [outcome % 3] },
      { kind: "setAttempts", runId, item, attempts: { add: 1 } },
    ];
    return actions[outcome % actions.length] ?? { kind: "pause", runId };
  }

  check(): void {
    const runIds = RUNS.filter((runId) => this.store.runState(runId) !== undefined);
    const places = placesOf(this.store, runIds);
    const placed = new Set<string>();
    for (const runId of runIds) {
      const rows = rowsOf(this.store, runId);
      expect(brokenInvariants(rows)).toEqual([]);
      for (const item of rows.items) {
        const id = `${runId}.${item.item}`;
        expect([id, item.status, places.get(id)?.length ?? 0]).toEqual([id, item.status, isPlaced(item) ? 1 : 0]);
        placed.add(id);
        expect([id, this.store.entry("wait", id) !== undefined]).toEqual([id, isAnswerable(item)]);
      }
    }
    expect([...places.keys()].filter((id) => !placed.has(id))).toEqual([]);
  }

  /** With one willing worker and no more trouble, everything ends. */
  async drain(): Promise<void> {
    await this.operations.control(RUNS.map((runId) => ({ action: { kind: "resume", runId } })));
    const worker = await this.worker(0);
    for (let round = 0; round < 200; round += 1) {
      await this.exchange(worker, [], true);
      while (worker.held.length > 0) {
        const claimed = worker.held[0];
        if (claimed !== undefined) await this.exchange(worker, [commitOf(claimed, output("1"))], false);
      }
      await this.answer(round);
      this.check();
      const open = RUNS.some((runId) => !isTerminalRun(this.store.runState(runId)?.status ?? "completed"));
      if (!open) return;
      await this.clock.advance(500);
    }
    expect("the runs").toBe("ended");
  }
}

/** A parked item that nothing will come of by itself lies nowhere. */
function isPlaced({ status, wait }: WorkItem): boolean {
  return isOpenItem(status) && (status !== "waiting" || wait?.dueAt !== undefined);
}

function isAnswerable({ status, wait }: WorkItem): boolean {
  return status === "waiting" && wait?.kind !== "sleep";
}

function eventOf(pick: number): SentEvent {
  const id = pick % 5 === 0 ? `id-${pick % 20}` : undefined;
  return { name: "event", key: `${pick % 2}`, payload: new TextEncoder().encode(`{"at":${pick % 3}}`), id };
}

function waitOf(choice: number): NewWait {
  const wait = { durationMs: choice % 2 === 0 ? 300 : undefined, details: "{}" };
  const conditions = choice % 3 === 0 ? [{ path: ["at"], equals: "1" }] : [];
  if (choice === 31) return { ...wait, kind: "sleep", durationMs: 500 };
  if (choice > 33) return { ...wait, kind: "event", event: { name: "event", key: `${choice % 2}`, conditions } };
  return { ...wait, kind: "input" };
}

function commitsOf(worker: Worker, { pick, outcome }: Step, most: number): readonly Commit[] {
  return worker.held.slice(0, most).map((claimed, at) => {
    const fields =
      pick % 3 === 0 ? { delta: new Uint8Array([at]), writes: [pick % 4], reads: pick % 2 === 0 ? [0] : [] } : {};
    return commitOf(claimed, outcomeOf(claimed, outcome + at), fields);
  });
}

/** Items inside a fan-out go by the names `in:<fan-out>`, so that they know which join to reach. */
function outcomeOf({ item }: ClaimedItem, choice: number): CommitOutcomeRequest {
  const inside = item.node.startsWith("in:") ? item.node.slice(3) : undefined;
  const sameNode = (index: number) => newItem(item.node, { index });
  const arrival = { join: `join:${inside}`, of: inside ?? "", index: 0, value: new Uint8Array() };
  switch (choice) {
    case 0:
      return output("1");
    case 1:
      return { kind: "hold" };
    case 2:
    case 3:
      return { kind: "retry", delayMs: 200, failure };
    case 4:
      return { kind: "fail", failure };
    case 5:
      return { kind: "release", delayMs: 0 };
    case 6:
      return { kind: "failOver", failure, items: [sameNode(0)], arrivals: [], width: 1 };
    case 7:
    case 8:
    case 9:
    case 10:
      return emit([sameNode(0), sameNode(1)]);
    case 11:
      return emit([]);
    case 31:
    case 32:
    case 33:
    case 34:
    case 35:
    case 36:
      return { kind: "wait", wait: waitOf(choice) };
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
    case 18:
    case 19:
      return inside === undefined ? emit([sameNode(0)]) : emit([], { arrivals: [arrival], width: 1 });
    default: {
      const members = Array.from({ length: 1 + (choice % 3) }, (_, index) => newItem(`in:${item.node}`, { index }));
      return emit(members, { opens: { joins: [joinOf(`join:${item.node}`)] } });
    }
  }
}

test("no history of starts, claims, commits, crashes and interventions breaks an invariant or leaves a run behind", async () => {
  let [emptyLooks, answers] = [0, 0];
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const history = new History();
      await publishDefinition(history.operations);
      await history.operations.startRuns(RUNS.map((runId) => startOf(runId, { completion: "all" })));
      for (const step of taken) {
        await history.take(step);
        history.check();
      }
      await history.drain();
      emptyLooks += history.emptyLooks;
      answers += history.answers;
    }),
    { numRuns: 100 },
  );
  expect(emptyLooks).toBeGreaterThan(100);
  expect(answers).toBeGreaterThan(100);
}, 60_000);
