import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { openNodeSqlite } from "../backend/sqlite/connection.ts";
import { connect } from "../connect.ts";
import { canonicalJson } from "../core/digest.ts";
import { systemClock, systemIds } from "../core/ports.ts";
import { nextTurn } from "../core/ports-turn.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { buildStart } from "../stores/run-start.ts";
import { DistributedWorker } from "./distributed-worker.ts";
import { startRenewalThread } from "./threaded-renewal.ts";

/** Stands still without giving anything else a chance. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

async function scratchFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-renewal-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "runs.db");
}

async function start(operations: BackendOperations, flow: Workflow): Promise<string> {
  const { hash, name, version, definition } = flow;
  await operations.publish([{ hash, name, version, json: canonicalJson(definition) }], { replace: false });
  const id = systemIds.runId(systemClock.now());
  await operations.startRuns([buildStart({ id, published: { hash, definition }, input: 1, options: {} })]);
  return id;
}

test("a body that blocks the event loop longer than its lease keeps the lease, in its namespace", async () => {
  const url = `sqlite:${await scratchFile()}`;
  const options = { durability: "process", namespace: "tenant" } as const;
  await using backend = await connect(url, options);
  await using elsewhere = await connect(url, options);
  const claimedElsewhere: number[] = [];
  const rude = node({
    input: z.number(),
    async run({ input }) {
      block(2_500);
      const claim = { queues: ["default"], definitions: [flow.hash], labels: [] };
      const limits = { limit: 1, stalledLimit: 1, maxStalls: 3, graceMs: 0 };
      const rival = { session: "rival", request: 1, commits: [], claim: { ...claim, ...limits } };
      claimedElsewhere.push((await elsewhere.operations.commitAndClaim(rival)).items.length);
      return next(input);
    },
  });
  const flow = workflow({ name: "rude", version: "1", nodes: { rude }, start: "rude", edges: { rude: [] } });
  const id = await start(backend.operations, flow);
  const lanes = { queues: [], labels: [], definitions: [] };
  const rival = { id: "rival", workerId: "rival", leaseMs: 60_000, ...lanes, host: "h", pid: 1 };
  await elsewhere.operations.openSession(rival);
  await using worker = new DistributedWorker({ backend, workflows: [flow], lease: "1s" });
  expect(await worker.runOnce()).toMatchObject({ kind: "completed", attempt: 1 });
  expect(claimedElsewhere).toEqual([0]);
  expect(await backend.operations.read.item(id, 0)).toMatchObject({ status: "completed", epoch: 1, stalls: 0 });
});

test("a worker takes nothing before its renewal thread has renewed", async () => {
  const path = await scratchFile();
  await using backend = await connect(`sqlite:${path}`, { durability: "process" });
  const echo = node({ input: z.number(), run: ({ input }) => next(input) });
  const flow = workflow({ name: "echo", version: "1", nodes: { echo }, start: "echo", edges: { echo: [] } });
  const id = await start(backend.operations, flow);
  const lock = openNodeSqlite(path);
  const locked = Promise.withResolvers<void>();
  const asked: string[] = [];
  const operations: BackendOperations = {
    ...backend.operations,
    async openSession(session) {
      const opened = await backend.operations.openSession(session);
      // From now on the thread can neither open the store nor renew.
      lock.exec("BEGIN IMMEDIATE");
      locked.resolve();
      return opened;
    },
    commitAndClaim(request) {
      asked.push("claim");
      return backend.operations.commitAndClaim(request);
    },
    async peek() {
      asked.push("peek");
      throw new Error("not now");
    },
  };
  const worker = new DistributedWorker({ backend: { operations }, workflows: [flow], lease: "30s" });
  const running = worker.run();
  await locked.promise;
  for (let turn = 0; turn < 100; turn += 1) await nextTurn();
  expect(asked).toEqual([]);
  lock.exec("COMMIT");
  lock.close();
  const status = async () => (await backend.operations.read.runState(id))?.status;
  await expect.poll(status, { timeout: 15_000 }).toBe("completed");
  await worker.stop();
  await running;
});

test("why a thread does not renew is told once, without the secrets of its URL", async () => {
  const [renewing, resting] = [vi.fn(), vi.fn()];
  const url = "nosuchstore://anna:geheim@127.0.0.1/runs?password=geheim";
  const order = { url, namespace: "default", durability: "power", session: "s", everyMs: 1_000 } as const;
  const thread = startRenewalThread({ ...order, renewing, resting });
  await thread.begun;
  expect([thread.isRenewing, renewing.mock.calls]).toEqual([false, []]);
  expect(resting.mock.calls).toMatchObject([[{ problem: "failed" }]]);
  expect(JSON.stringify(resting.mock.calls)).not.toContain("geheim");
  thread.stop();
});
