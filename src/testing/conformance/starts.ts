/** Cases about starting runs: what a started run looks like, and what an id or an idempotency key that is taken means. */

import { cases } from "./conformance-case.ts";
import { dumpBackend, dumpRun } from "./dump.ts";
import { equal, ofKind, present } from "./expectation.ts";
import { bytes, newItem, output, TIMEOUT_MS } from "./parts.ts";
import { definitionOf } from "./stage.ts";

export const startCases = cases("starts", {
  "A started run is running with one open item": async (stage) => {
    const id = await stage.start({ completion: "all", maxItems: 7, priority: 2 });
    const now = stage.clock.now();
    equal(
      await stage.state(id),
      {
        id,
        definition: stage.definition,
        status: "running",
        generation: 0,
        sequence: 0,
        commits: 0,
        items: 1,
        open: 1,
        parked: 0,
        held: 0,
        outputs: 0,
        completed: 0,
        failed: 0,
        retried: 0,
        conflicts: 0,
        completion: "all",
        maxItems: 7,
        priority: 2,
        createdAt: now,
        statusAt: now,
        fieldSequences: [],
      },
      "the run",
    );
  },

  "The first item of a run is number 0, pending and ready": async (stage) => {
    const first = newItem("begin", {
      input: bytes("in"),
      queue: "q",
      labels: ["gpu"],
      keys: ["k"],
      priority: 3,
      timeoutMs: 5_000,
      deadlineMs: 60_000,
    });
    const id = await stage.start({ first });
    const now = stage.clock.now();
    equal(
      await stage.item(id, 0),
      {
        runId: id,
        item: 0,
        node: "begin",
        kind: "node",
        status: "pending",
        attempts: 0,
        stalls: 0,
        conflicts: 0,
        epoch: 0,
        readyAt: now,
        priority: 3,
        queue: "q",
        labels: ["gpu"],
        keys: ["k"],
        index: 0,
        path: "",
        createdAt: now,
        commit: 0,
        timeoutMs: 5_000,
        deadlineMs: 60_000,
        deadlineAt: now + 60_000,
        reason: "ready",
        revision: 0,
      },
      "the item",
    );
    equal(await stage.backend.read.itemPayload(id, 0), { input: bytes("in") }, "its payload");
  },

  "What a run was started with comes back": async (stage) => {
    const parent = { runId: stage.newRunId(), item: 12 };
    const tags = { customer: "acme", region: "eu" };
    const id = await stage.start({
      input: bytes("the input"),
      inputDigest: "d1",
      idempotencyKey: "key",
      tags,
      parent,
      timeoutMs: 90_000,
    });
    const { workflow, version, input, inputDigest, idempotencyKey, timeoutAt, ...run } = await stage.run(id);
    equal([workflow, version, inputDigest, idempotencyKey], ["orders", "1.0.0", "d1", "key"], "its names and keys");
    equal(input, bytes("the input"), "its input");
    equal([run.tags, run.parent], [tags, parent], "its tags and parent");
    equal(timeoutAt, stage.clock.now() + 90_000, "when its timeout is due");
    equal([run.output, run.failure, run.finishedAt], [undefined, undefined, undefined], "what it does not have yet");
  },

  "Initial context values are the run's first delta": async (stage) => {
    const id = await stage.start({ delta: { bytes: bytes("init"), writes: [0, 3] } });
    const run = await stage.state(id);
    equal([run.sequence, run.fieldSequences], [1, [1, 0, 0, 1]], "sequence and field sequences");
    const { deltas } = await dumpRun(stage.backend, id);
    equal(deltas, [{ sequence: 1, item: id, epoch: 0, at: stage.clock.now(), delta: bytes("init") }], "the deltas");
  },

  "Starting a run again under its id gives the same run": async (stage) => {
    const id = await stage.start({ tags: { first: "yes" } });
    const before = await dumpBackend(stage.backend);
    await stage.clock.advance(1_000);
    const again = ofKind(await stage.tryStart({ id }), "existing", "the second start");
    equal([again.run.id, again.run.tags], [id, { first: "yes" }], "the run of the second start");
    equal(await dumpBackend(stage.backend), before, "everything in the store");
  },

  "A run's id with another input is a conflict": async (stage) => {
    const id = await stage.start();
    const conflict = ofKind(await stage.tryStart({ id, input: bytes("other") }), "conflict", "the second start");
    equal([conflict.by, conflict.run.id], ["id", id], "what conflicts");
  },

  "A run's id under another workflow is a conflict": async (stage) => {
    const other = definitionOf("other");
    await stage.publish(other);
    const id = await stage.start();
    const start = await stage.tryStart({ id, workflow: other.name, definition: other.hash });
    equal(ofKind(start, "conflict", "the second start").by, "id", "what conflicts");
  },

  "The same idempotency key and input give the same run": async (stage) => {
    const id = await stage.start({ idempotencyKey: "order-17" });
    await stage.clock.advance(86_400_000);
    const again = ofKind(await stage.tryStart({ idempotencyKey: "order-17" }), "existing", "the second start");
    equal(again.run.id, id, "the run of the second start");
    equal((await stage.backend.read.runs({}, {})).entries.length, 1, "the number of runs");
  },

  "The same idempotency key with another input is a conflict": async (stage) => {
    const id = await stage.start({ idempotencyKey: "order-17" });
    const start = await stage.tryStart({ idempotencyKey: "order-17", input: bytes("other") });
    const conflict = ofKind(start, "conflict", "the second start");
    equal([conflict.by, conflict.run.id], ["idempotencyKey", id], "what conflicts");
  },

  "Inputs are compared by their digest, not by their bytes": async (stage) => {
    const id = await stage.start({ idempotencyKey: "order-17", input: bytes("sealed once"), inputDigest: "same" });
    const start = await stage.tryStart({
      idempotencyKey: "order-17",
      input: bytes("sealed twice"),
      inputDigest: "same",
    });
    equal(ofKind(start, "existing", "the second start").run.id, id, "the run of the second start");
  },

  "An idempotency key belongs to one workflow": async (stage) => {
    const other = definitionOf("other");
    await stage.publish(other);
    await stage.start({ idempotencyKey: "order-17" });
    const start = await stage.tryStart({ idempotencyKey: "order-17", workflow: other.name, definition: other.hash });
    ofKind(start, "started", "the start of another workflow");
  },

  "A finished run still answers for its idempotency key": async (stage) => {
    const id = await stage.start({ idempotencyKey: "order-17" });
    const worker = await stage.session();
    await worker.did(await worker.take(), output("done"));
    const again = ofKind(await stage.tryStart({ idempotencyKey: "order-17" }), "existing", "the second start");
    equal([again.run.id, again.run.status], [id, "completed"], "the run of the second start");
  },

  "With onConflict fail a taken key is a conflict though the input is the same": async (stage) => {
    await stage.start({ idempotencyKey: "order-17" });
    const start = await stage.tryStart({ idempotencyKey: "order-17", onConflict: "fail" });
    equal(ofKind(start, "conflict", "the second start").by, "idempotencyKey", "what conflicts");
  },

  "With onConflict cancelRunning the running run is cancelled and the key passes on": async (stage) => {
    const first = await stage.start({ idempotencyKey: "order-17" });
    const second = await stage.start({ idempotencyKey: "order-17", onConflict: "cancelRunning" });
    equal((await stage.state(first)).status, "cancelled", "the status of the first run");
    const third = ofKind(await stage.tryStart({ idempotencyKey: "order-17" }), "existing", "a third start");
    equal(third.run.id, second, "the run that has the key now");
  },

  "A run of an unknown definition is not started": async (stage) => {
    const id = stage.newRunId();
    ofKind(
      await stage.tryStart({ id, definition: "f".repeat(32), idempotencyKey: "k" }),
      "unknownDefinition",
      "the start",
    );
    equal(await stage.backend.read.run(id), undefined, "the run");
    ofKind(await stage.tryStart({ id, idempotencyKey: "k" }), "started", "the same start of a known definition");
  },

  "Many starts are answered in order, each by itself": async (stage) => {
    const starts = [
      stage.startRequest({ idempotencyKey: "a" }),
      stage.startRequest({ idempotencyKey: "a" }),
      stage.startRequest({ definition: "f".repeat(32) }),
      stage.startRequest({ idempotencyKey: "a", input: bytes("other") }),
      stage.startRequest(),
    ];
    const outcomes = await stage.backend.startRuns(starts);
    equal(
      outcomes.map(({ kind }) => kind),
      ["started", "existing", "unknownDefinition", "conflict", "started"],
      "the kinds of outcomes",
    );
    const existing = ofKind(present(outcomes[1], "the second outcome"), "existing", "the second start");
    equal(existing.run.id, starts[0]?.id, "the run of the second start");
  },

  "A run with a start instant is not claimed before it": async (stage) => {
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await stage.start({ startAt: stage.clock.now() + 60_000, first: { delayMs: 5_000 } });
    await stage.clock.advance(59_999);
    await worker.takesNothing("nothing is ready a millisecond before the start instant");
    await stage.clock.advance(1);
    await worker.take();
  },

  "Of a start instant and a delay the later counts": async (stage) => {
    const id = await stage.start({ startAt: stage.clock.now() + 5_000, first: { delayMs: 60_000 } });
    const past = await stage.start({ startAt: stage.clock.now() - 5_000 });
    equal((await stage.item(id, 0)).readyAt, stage.clock.now() + 60_000, "when the delayed item is ready");
    equal((await stage.item(past, 0)).readyAt, stage.clock.now(), "when the item of a past start instant is ready");
  },

  "A deadline of the first item begins after its delay": async (stage) => {
    const id = await stage.start({ first: { delayMs: 10_000, deadlineMs: 5_000, timeoutMs: TIMEOUT_MS } });
    equal((await stage.item(id, 0)).deadlineAt, stage.clock.now() + 15_000, "when the deadline is due");
  },

  "Nothing is started for an empty request": async (stage) => {
    equal(await stage.backend.startRuns([]), [], "the outcomes");
    equal((await stage.backend.read.runs({}, {})).entries, [], "the runs");
  },
});
