/** Cases about what operators do to runs: pausing, closing and re-opening them, and reaching into them. */

import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, failure, newItem, next, output, release, retry } from "./parts.ts";
import { LEASE_MS } from "./stage.ts";

const pausing = cases("control", {
  "Nothing of a paused run is claimed, and all of it once it is resumed": async (stage) => {
    const id = await stage.start({ input: bytes("paused") });
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    await stage.does({ kind: "pause", runId: id });
    await stage.start({ input: bytes("other") });
    equal((await worker.claim()).inputs, ["other"], "what is claimed while the run is paused");
    await worker.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal((await worker.claim()).nodes, ["a", "b"], "what is claimed once the run is resumed");
  },

  "An attempt in flight may commit into a paused run, whose successors wait": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.does({ kind: "pause", runId: id });
    equal(
      (await worker.did(claimed, next("second"), { delta: bytes("d") })).runStatus,
      "paused",
      "the status of the run",
    );
    await worker.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal((await worker.take()).item.node, "second", "what is claimed once the run is resumed");
  },

  "An attempt in flight may fail a paused run": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.does({ kind: "pause", runId: id });
    equal((await worker.did(claimed, fail())).runStatus, "failed", "the status of the run");
  },

  "Delays and back-offs that end during a pause are over when the run is resumed": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await worker.did(await worker.take(), {
      ...next(),
      items: [newItem("delayed", { delayMs: 5_000 }), newItem("flaky", { index: 1 })],
      width: 2,
    });
    await worker.did(await worker.take(), retry(5_000));
    await stage.does({ kind: "pause", runId: id });
    await stage.clock.advance(60_000);
    await worker.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal([...(await worker.claim()).nodes].sort(), ["delayed", "flaky"], "what is claimed at once");
  },

  "A delay that has not ended at the resume is kept": async (stage) => {
    const id = await stage.start({ first: { delayMs: 10_000 } });
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await stage.does({ kind: "pause", runId: id });
    await stage.clock.advance(4_000);
    await stage.does({ kind: "resume", runId: id });
    await stage.clock.advance(5_999);
    await worker.takesNothing("a millisecond of the delay is left");
    await stage.clock.advance(1);
    await worker.take();
  },

  "A lease that expires during a pause is taken over after the resume": async (stage) => {
    const id = await stage.start();
    const owner = await stage.session();
    await owner.take();
    await stage.does({ kind: "pause", runId: id });
    await stage.clock.advance(LEASE_MS);
    const other = await stage.session();
    await other.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal((await other.take()).item.epoch, 2, "the epoch");
  },

  "Releasing and signing off while the run is paused leave the items ready for the resume": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    const { items } = await worker.claim();
    await stage.does({ kind: "pause", runId: id });
    await worker.did(present(items[0], "an item"), release());
    await worker.signOff();
    const other = await stage.session();
    await other.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal((await other.claim()).nodes, ["a", "b"], "what is claimed");
  },
});

const closing = cases("control", {
  "Items of a cancelled run read as cancelled and cannot be claimed": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await worker.did(await worker.take(), next("a", "b", "c"));
    const { items } = await worker.claim({ limit: 2 });
    await worker.did(present(items[0], "an item"), retry(1_000));
    await stage.does({ kind: "cancel", runId: id, reason: "not needed any more" });
    const dump = await dumpRun(stage.backend, id);
    equal(
      dump.items.map(({ status }) => status),
      ["completed", "cancelled", "cancelled", "cancelled"],
      "the items",
    );
    equal(dump.run.failure, { code: "RUN_CANCELLED", message: "not needed any more" }, "why the run ended");
    await stage.clock.advance(100 * LEASE_MS);
    await worker.takesNothing("the run is cancelled");
  },

  "An attempt claimed before a cancel cannot commit after the resume": async (stage) => {
    const id = await stage.start();
    const [owner, other] = [await stage.session(), await stage.session()];
    const claimed = await owner.take();
    await stage.does({ kind: "cancel", runId: id });
    await stage.does({ kind: "resume", runId: id });
    await owner.refused(claimed, output("from before"), "RUN_CLOSED");
    const again = await other.take();
    equal([again.item.epoch, again.run.generation], [2, 1], "epoch and generation of the next claim");
    await owner.refused(claimed, output("from before"), "RUN_CLOSED");
    await other.did(again, output("from after"));
    equal((await stage.run(id)).output, bytes("from after"), "the output");
  },

  "Resuming a cancelled run re-opens what was open, and nothing that finished": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await worker.did(await worker.take(), next("done", "busy", "flaky", "idle"));
    const { items } = await worker.claim({ limit: 3 });
    const [done, , flaky] = items;
    await worker.did(present(done, "an item"), next());
    await worker.did(present(flaky, "an item"), retry(8_000));
    await stage.does({ kind: "cancel", runId: id });
    await stage.clock.advance(1_000);
    await stage.does({ kind: "resume", runId: id });
    const run = await stage.run(id);
    equal(
      [run.status, run.open, run.failure, run.finishedAt, run.generation],
      ["running", 3, undefined, undefined, 1],
      "the run",
    );
    equal([...(await worker.claim()).nodes].sort(), ["busy", "idle"], "what is claimed at once");
    await stage.clock.advance(7_000);
    equal((await worker.claim()).nodes, ["flaky"], "what is claimed when its back-off has ended");
  },

  "Finished items never run again, however often a run is closed and resumed": async (stage) => {
    const id = await stage.start();
    const seen: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const worker = await stage.session();
      const { items, nodes } = await worker.claim();
      seen.push(...nodes);
      const claimed = present(items[0], "the item of the round");
      await worker.did(claimed, next(`round-${round}`));
      await stage.does({ kind: round % 2 === 0 ? "cancel" : "fail", runId: id, failure: failure() });
      await stage.does({ kind: "resume", runId: id });
      await worker.signOff();
    }
    equal(seen, ["first", "round-0", "round-1", "round-2"], "what was claimed");
    equal((await stage.state(id)).generation, 4, "the generation");
  },

  "An item that was in flight when its run was cancelled counts no stall and no attempt": async (stage) => {
    const id = await stage.start();
    await (await stage.session()).take();
    await stage.does({ kind: "cancel", runId: id });
    await stage.clock.advance(10 * LEASE_MS);
    await stage.does({ kind: "resume", runId: id });
    const { item, reason } = await (await stage.session()).take();
    equal([item.stalls, item.attempts, item.epoch, reason], [0, 0, 2, "ready"], "the item");
    equal((await dumpRun(stage.backend, id)).failures, [], "the failures");
  },

  "Resuming a failed run gives what failed fresh attempts, and goes on with the rest": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("bad", "busy", "idle"));
    const { items } = await worker.claim({ limit: 2 });
    const bad = present(items[0], "an item");
    await worker.did(bad, fail("for good"));
    await stage.clock.advance(5);
    await stage.does({ kind: "resume", runId: id });
    const run = await stage.run(id);
    equal(
      [run.status, run.open, run.failed, run.failure, run.finishedAt],
      ["running", 3, 0, undefined, undefined],
      "the run",
    );
    const again = await stage.item(id, 1);
    equal(
      [again.status, again.attempts, again.stalls, again.revision, again.endedAt],
      ["pending", 0, 0, 0, undefined],
      "the item that had failed",
    );
    equal([...(await worker.claim()).nodes].sort(), ["bad", "busy", "idle"], "what is claimed");
  },

  "Completing a run by hand gives it the output and closes the rest": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a"));
    await stage.does({ kind: "complete", runId: id, output: bytes("by hand") });
    const run = await stage.run(id);
    equal(
      [run.status, run.output, run.failure, run.finishedAt],
      ["completed", bytes("by hand"), undefined, stage.clock.now()],
      "the run",
    );
    await worker.takesNothing("the run is completed");
  },

  "Failing a run by hand keeps the reason": async (stage) => {
    const id = await stage.start();
    await stage.does({
      kind: "fail",
      runId: id,
      failure: failure("by hand", { code: "CUSTOM", details: { who: "me" } }),
    });
    const run = await stage.run(id);
    equal(
      [run.status, run.failure],
      ["failed", { code: "CUSTOM", message: "by hand", details: { who: "me" } }],
      "the run",
    );
  },

  "Each closing raises the generation, and nothing lowers it": async (stage) => {
    const id = await stage.start();
    const generations: number[] = [];
    for (const kind of ["cancel", "resume", "cancel", "resume", "pause", "resume", "cancel"] as const) {
      await stage.does({ kind, runId: id });
      generations.push((await stage.state(id)).generation);
    }
    equal(generations, [1, 1, 2, 2, 2, 2, 3], "the generations");
  },

  "Actions on a run that does not exist are refused with RUN_NOT_FOUND": async (stage) => {
    const runId = stage.newRunId();
    await stage.refuses({ kind: "cancel", runId }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "pause", runId }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "resume", runId }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "retryItem", runId, item: 0 }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "complete", runId, output: bytes("x") }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "fail", runId, failure: failure() }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "enqueue", runId, item: newItem("x") }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "merge", runId, delta: bytes("x"), writes: [] }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "setAttempts", runId, item: 0, attempts: 1 }, "RUN_NOT_FOUND");
    await stage.refuses({ kind: "delete", runId }, "RUN_NOT_FOUND");
  },

  "Actions of one request are applied in order, each by itself": async (stage) => {
    const id = await stage.start();
    const runId = id;
    const outcomes = await stage.backend.control(
      [
        { kind: "pause", runId } as const,
        { kind: "cancel", runId: stage.newRunId() } as const,
        { kind: "pause", runId } as const,
        { kind: "cancel", runId } as const,
      ].map((action) => ({ action })),
    );
    equal(
      outcomes.map(({ kind }) => kind),
      ["done", "refused", "unchanged", "done"],
      "the outcomes",
    );
    const [paused] = outcomes;
    equal(paused?.kind === "done" && paused.run.status, "paused", "the run as the first action left it");
    equal((await stage.state(id)).status, "cancelled", "the status of the run");
  },
});

export const controlCases = [...pausing, ...closing];
