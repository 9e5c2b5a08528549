import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { connect } from "../connect.ts";
import { canonicalJson } from "../core/digest.ts";
import { systemClock, systemIds } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { buildStart } from "../stores/run-start.ts";
import { DistributedWorker } from "./distributed-worker.ts";

/** Stands still without giving anything else a chance. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("a body that blocks the event loop longer than its lease keeps the lease", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-renewal-"));
  const url = `sqlite:${join(folder, "runs.db")}`;
  try {
    await using backend = await connect(url, { durability: "process" });
    await using elsewhere = await connect(url, { durability: "process" });
    const claimedElsewhere: number[] = [];
    const rude = node({
      input: z.number(),
      async run({ input }) {
        const { operations } = backend;
        const [{ heartbeatAt } = { heartbeatAt: 0 }] = await operations.read.sessions();
        // The thread has come so far once somebody renews; the main loop would do it later than that.
        await expect
          .poll(async () => (await operations.read.sessions()).some((one) => one.heartbeatAt > heartbeatAt))
          .toBe(true);
        block(2_500);
        const claim = { queues: ["default"], definitions: [flow.hash], labels: [] };
        const limits = { limit: 1, stalledLimit: 1, maxStalls: 3, graceMs: 0 };
        const rival = { session: "rival", request: 1, commits: [], claim: { ...claim, ...limits } };
        claimedElsewhere.push((await elsewhere.operations.commitAndClaim(rival)).items.length);
        return next(input);
      },
    });
    const flow = workflow({ name: "rude", version: "1", nodes: { rude }, start: "rude", edges: { rude: [] } });
    const { hash, name, version, definition } = flow;
    await backend.operations.publish([{ hash, name, version, json: canonicalJson(definition) }], { replace: false });
    const id = systemIds.runId(systemClock.now());
    await backend.operations.startRuns([buildStart({ id, published: { hash, definition }, input: 1, options: {} })]);
    const rival = {
      id: "rival",
      workerId: "rival",
      leaseMs: 60_000,
      queues: [],
      labels: [],
      definitions: [],
      host: "h",
      pid: 1,
    };
    await elsewhere.operations.openSession(rival);
    await using worker = new DistributedWorker({ backend, workflows: [flow], lease: "1s" });
    expect(await worker.runOnce()).toMatchObject({ kind: "completed", attempt: 1 });
    expect(claimedElsewhere).toEqual([0]);
    expect(await backend.operations.read.item(id, 0)).toMatchObject({ status: "completed", epoch: 1, stalls: 0 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
