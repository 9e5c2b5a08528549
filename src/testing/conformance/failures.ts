/** Cases about attempts that fail: retries, failure edges, failing for good, and what is recorded of each. */

import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import { arrival, bytes, fail, failOver, failure, newItem, next, output, retry } from "./parts.ts";

const TRACE = {
  delta: bytes("delta"),
  writes: [0],
  metrics: [{ name: "m", value: 1 }],
  logs: [{ at: 1, level: "warn", message: "trying" }],
} as const;

export const failureCases = cases("failures", {
  "A retry makes the item wait, with one failed attempt more": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const answer = await worker.did(await worker.take(), retry(5_000, "first"));
    const now = stage.clock.now();
    equal([answer.itemStatus, answer.runStatus], ["waiting_retry", "running"], "what the answer says");
    const item = await stage.item(id, 0);
    equal(
      [item.status, item.attempts, item.readyAt, item.failure, item.timeoutAt],
      ["waiting_retry", 1, now + 5_000, failure("first"), undefined],
      "the item",
    );
    const run = await stage.state(id);
    equal([run.open, run.retried, run.failed], [1, 1, 0], "open, retried and failed of the run");
  },

  "The next attempt knows how many failed before it": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const claimed = await worker.take();
      equal(
        [claimed.item.attempts, claimed.item.epoch, claimed.reason],
        [attempt, attempt + 1, "ready"],
        "attempts, epoch and reason",
      );
      await worker.did(claimed, retry());
    }
  },

  "A retried attempt leaves no delta, no metrics and no successors, but its log lines": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const answer = await worker.did(await worker.take(), retry(), TRACE);
    equal([answer.appended, answer.sequence], [false, 0], "what the answer says of the delta");
    const dump = await dumpRun(stage.backend, id);
    equal(
      [dump.deltas, dump.metrics, dump.items.length, dump.run.fieldSequences],
      [[], [], 1, []],
      "deltas, metrics, items and field sequences",
    );
    equal(dump.logs, [{ runId: id, item: 0, attempt: 1, at: 1, level: "warn", message: "trying" }], "the log lines");
  },

  "Failing for good fails the run, and says where": async (stage) => {
    const id = await stage.start({ first: { node: "charge" } });
    const worker = await stage.session();
    await worker.did(await worker.take(), retry());
    const answer = await worker.did(await worker.take(), fail("no money"), TRACE);
    equal(
      [answer.itemStatus, answer.runStatus, answer.appended],
      ["permanently_failed", "failed", false],
      "what the answer says",
    );
    const { run, items, deltas, metrics } = await dumpRun(stage.backend, id);
    equal(
      [run.status, run.generation, run.open, run.failed, run.finishedAt],
      ["failed", 1, 0, 1, stage.clock.now()],
      "the run",
    );
    equal(
      run.failure,
      { code: "ERROR", message: "no money", node: "charge", item: 0, attempt: 2 },
      "why the run failed",
    );
    equal(
      [items[0]?.status, items[0]?.attempts, items[0]?.endedAt],
      ["permanently_failed", 2, stage.clock.now()],
      "the item",
    );
    equal([deltas, metrics], [[], []], "deltas and metrics");
  },

  "A failed run closes everything else that is open": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("bad", "busy", "idle"));
    const [bad, busy] = (await worker.claim({ limit: 2 })).items;
    await worker.did(present(bad, "an item"), fail());
    await worker.refused(present(busy, "an item"), output("late"), "RUN_CLOSED");
    await worker.takesNothing("the run has failed");
    const { items } = await dumpRun(stage.backend, id);
    equal(
      items.map(({ status }) => status),
      ["completed", "permanently_failed", "cancelled", "cancelled"],
      "the items",
    );
  },

  "A failure edge takes over with the failed item's successors": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const answer = await worker.did(await worker.take(), failOver("cure"), TRACE);
    equal([answer.itemStatus, answer.runStatus, answer.appended], ["failed", "running", false], "what the answer says");
    const cure = await worker.take();
    equal([cure.item.node, cure.failure, cure.item.from], ["cure", bytes("the failure"), 0], "the successor");
    const { run, items, deltas } = await dumpRun(stage.backend, id);
    equal([run.open, run.failed, run.completed, run.status], [1, 1, 0, "running"], "the run");
    equal(
      [items[0]?.status, items[0]?.attempts, items[0]?.failure, deltas],
      ["failed", 1, failure(), []],
      "the failed item, and deltas",
    );
  },

  "A failure edge to nowhere may leave the run stuck": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), failOver());
    equal((await stage.run(id)).failure?.code, "RUN_STUCK", "why the run failed");
  },

  "A failure edge that reaches a join outside of its fan-out fails the run": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), { ...failOver(), arrivals: [arrival("join", "nowhere", "x")], width: 1 });
    const { run, items } = await dumpRun(stage.backend, id);
    equal([run.failure?.code, items[0]?.status], ["INVALID_WORKFLOW", "permanently_failed"], "the run and its item");
  },

  "Every failed attempt is recorded, oldest first, with its worker": async (stage) => {
    const id = await stage.start({ first: { node: "work" } });
    const worker = await stage.session();
    const workerId = `worker-of-${worker.id}`;
    const times: number[] = [];
    for (const outcome of [retry(0, "one"), retry(0, "two"), failOver("cure")]) {
      await stage.clock.advance(10);
      times.push(stage.clock.now());
      await worker.did(await worker.take(), outcome);
    }
    await worker.did(await worker.take(), fail("three"));
    const { entries } = await stage.backend.read.failures({ runId: id }, {});
    const [first = 0, second = 0, third = 0] = times;
    const common = { runId: id, workerId };
    equal(
      entries,
      [
        {
          ...common,
          item: 0,
          node: "work",
          attempt: 1,
          epoch: 1,
          failure: failure("one"),
          outcome: "retried",
          at: first,
        },
        {
          ...common,
          item: 0,
          node: "work",
          attempt: 2,
          epoch: 2,
          failure: failure("two"),
          outcome: "retried",
          at: second,
        },
        {
          ...common,
          item: 0,
          node: "work",
          attempt: 3,
          epoch: 3,
          failure: failure(),
          outcome: "failedOver",
          at: third,
        },
        {
          ...common,
          item: 1,
          node: "cure",
          attempt: 1,
          epoch: 1,
          failure: failure("three"),
          outcome: "failed",
          at: third,
        },
      ],
      "the failures",
    );
  },

  "Failures are found by run and by item": async (stage) => {
    const [one, two] = [await stage.start(), await stage.start()];
    const worker = await stage.session();
    for (const claimed of (await worker.claim()).items) await worker.did(claimed, failOver("cure"));
    for (const claimed of (await worker.claim()).items) await worker.did(claimed, retry(60_000));
    const { failures } = stage.backend.read;
    equal((await failures({}, {})).entries.length, 4, "failures of all runs");
    equal(
      (await failures({ runId: one }, {})).entries.map(({ runId, item }) => [runId, item]),
      [
        [one, 0],
        [one, 1],
      ],
      "failures of a run",
    );
    equal(
      (await failures({ runId: two, item: 1 }, {})).entries.map(({ item }) => item),
      [1],
      "failures of an item",
    );
  },

  "What a failure record holds comes back": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const rich = failure("it broke", {
      code: "ECONNRESET",
      stack: "Error: it broke\n    at run (x.ts:1:2)",
      details: { host: "db", tries: [1, null, { deep: true }] },
    });
    await worker.did(await worker.take(), { kind: "retry", delayMs: 0, failure: rich });
    equal((await stage.item(id, 0)).failure, rich, "the failure of the item");
    await worker.did(await worker.take(), { kind: "fail", failure: rich });
    equal((await stage.run(id)).failure, { ...rich, node: "first", item: 0, attempt: 2 }, "the failure of the run");
    const { entries } = await stage.backend.read.failures({ runId: id }, {});
    equal(
      entries.map((entry) => entry.failure),
      [rich, rich],
      "the recorded failures",
    );
  },

  "The last failure of an item is kept until it completes": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), retry(0, "once"));
    equal((await worker.take({})).item.failure, failure("once"), "the failure while it is tried again");
    await worker.signOff();
    const other = await stage.session();
    await other.did(await other.take(), next("second"));
    equal((await stage.item(id, 0)).failure, undefined, "the failure once it completed");
  },

  "A failed item's successors stay at its place in branch order": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    const [, second] = (await worker.claim()).items;
    const cures = [newItem("x"), newItem("y", { index: 1 })];
    await worker.did(present(second, "an item"), { ...failOver(), items: cures, width: 2 });
    const { items } = await dumpRun(stage.backend, id);
    equal(
      items.slice(3).map(({ node, path }) => [node, path]),
      [
        ["x", "00010000"],
        ["y", "00010001"],
      ],
      "the successors and their paths",
    );
  },
});
