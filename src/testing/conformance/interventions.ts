/** Cases about reaching into one run from outside: retrying an item, putting one in, merging a delta, setting attempts, deleting. */

import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, fanOut, newItem, next, output, textOf } from "./parts.ts";
import { LEASE_MS } from "./stage.ts";

export const interventionCases = cases("control", {
  "Retrying an item re-opens it and its run": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("bad", "idle"));
    await worker.did(present((await worker.claim({ limit: 1 })).items[0], "an item"), fail());
    const outcome = await stage.does({ kind: "retryItem", runId: id, item: 1 });
    equal([outcome.item, outcome.run.status], [1, "running"], "the outcome");
    const run = await stage.run(id);
    equal([run.failure, run.open, run.failed], [undefined, 2, 0], "the run");
    const claimed = await worker.claim();
    equal([...claimed.nodes].sort(), ["bad", "idle"], "what is claimed");
    const again = claimed.of("bad");
    equal([again.item.attempts, again.item.revision, again.item.epoch], [0, 0, 2], "the item that is tried again");
  },

  "Retrying an item with edited input starts a new revision of it": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    for (const [round, input] of [
      [1, "better"],
      [2, "best"],
    ] as const) {
      await worker.did(await worker.take(), fail());
      await stage.does({ kind: "retryItem", runId: id, item: 0, input: bytes(input) });
      equal((await stage.item(id, 0)).revision, round, "the revision");
      equal((await stage.backend.read.itemPayload(id, 0))?.input, bytes(input), "the input");
    }
    equal(textOf((await worker.take()).input), "best", "the input that a claim brings");
    equal((await stage.run(id)).input, bytes("input"), "the input of the run");
  },

  "Only items that failed for good can be retried": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("bad", "idle"));
    await worker.did(present((await worker.claim({ limit: 1 })).items[0], "an item"), fail());
    await stage.refuses({ kind: "retryItem", runId: id, item: 0 }, "ILLEGAL_TRANSITION");
    await stage.refuses({ kind: "retryItem", runId: id, item: 2 }, "ILLEGAL_TRANSITION");
    await stage.refuses({ kind: "retryItem", runId: id, item: 3 }, "ITEM_NOT_FOUND");
    equal((await stage.state(id)).status, "failed", "the status of the run");
  },

  "An attempt in flight when its run failed cannot commit after an item was retried": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("bad", "busy"));
    const claimed = await worker.claim();
    await worker.did(claimed.of("bad"), fail());
    await stage.does({ kind: "retryItem", runId: id, item: 1 });
    await worker.refused(claimed.of("busy"), output("from before"), "RUN_CLOSED");
    const again = await worker.claim();
    equal([...again.nodes].sort(), ["bad", "busy"], "what is claimed again");
  },

  "An item put in from outside is claimed like any other": async (stage) => {
    const id = await stage.start();
    const outcome = await stage.does({
      kind: "enqueue",
      runId: id,
      item: newItem("extra", { input: bytes("in"), delayMs: 100, priority: 2 }),
    });
    equal(outcome.item, 1, "the number of the item");
    const item = await stage.item(id, 1);
    equal(
      [item.from, item.group, item.status, item.priority, item.path],
      [undefined, undefined, "pending", 2, ""],
      "the item",
    );
    equal([(await stage.state(id)).open, (await stage.state(id)).items], [2, 2], "open items and items of the run");
    await stage.clock.advance(100);
    equal((await (await stage.session()).claim()).of("in").item.node, "extra", "the claimed item");
  },

  "An item put into a paused run waits for its resume": async (stage) => {
    const id = await stage.start({ first: { delayMs: 3_600_000 } });
    await stage.does({ kind: "pause", runId: id });
    await stage.does({ kind: "enqueue", runId: id, item: newItem("extra") });
    const worker = await stage.session();
    await worker.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal((await worker.take()).item.node, "extra", "the claimed node");
  },

  "A delta merged from outside is appended like a commit's": async (stage) => {
    const id = await stage.start({ delta: { bytes: bytes("init"), writes: [0] } });
    const outcome = await stage.does({ kind: "merge", runId: id, delta: bytes("outside"), writes: [2] });
    equal([outcome.run.sequence, outcome.run.fieldSequences], [2, [1, 0, 2]], "sequence and field sequences");
    const { deltas } = await dumpRun(stage.backend, id);
    equal(deltas[1], { sequence: 2, item: id, epoch: 0, at: stage.clock.now(), delta: bytes("outside") }, "the delta");
  },

  "Attempts of an item that nobody executes can be set": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await stage.does({ kind: "setAttempts", runId: id, item: 0, attempts: 4 });
    equal((await stage.item(id, 0)).attempts, 4, "attempts once they are set");
    await stage.does({ kind: "setAttempts", runId: id, item: 0, attempts: { add: 2 } });
    await stage.does({ kind: "setAttempts", runId: id, item: 0, attempts: { add: -1 } });
    equal((await worker.take()).item.attempts, 5, "attempts that the claim brings");
    await stage.refuses({ kind: "setAttempts", runId: id, item: 0, attempts: 0 }, "ILLEGAL_TRANSITION");
    await stage.refuses({ kind: "setAttempts", runId: id, item: 7, attempts: 0 }, "ITEM_NOT_FOUND");
  },

  "Attempts are never set below zero": async (stage) => {
    const id = await stage.start();
    await stage.does({ kind: "setAttempts", runId: id, item: 0, attempts: { add: -3 } });
    equal((await stage.item(id, 0)).attempts, 0, "attempts");
  },

  "A deleted run is gone with everything of it, and its key and id are free": async (stage) => {
    const options = { idempotencyKey: "key", tags: { a: "b" }, completion: "all" } as const;
    const id = await stage.start({ ...options, delta: { bytes: bytes("init"), writes: [0] } });
    const worker = await stage.session();
    const first = await worker.take();
    const extras = {
      delta: bytes("d"),
      writes: [1],
      metrics: [{ name: "m", value: 1 }],
      logs: [{ at: 1, level: "info", message: "l" }],
    } as const;
    await worker.did(first, fanOut("branch", ["a"]), extras);
    await worker.did(await worker.take(), {
      ...output("x"),
      arrivals: [{ join: "join", of: "first", index: 1, value: bytes("v") }],
    });
    await stage.backend.putSnapshot({ runId: id, sequence: 1, shape: "s", bytes: bytes("snapshot") });
    await stage.does({ kind: "cancel", runId: id });
    await stage.does({ kind: "delete", runId: id });
    const { read } = stage.backend;
    equal(
      [
        await read.run(id),
        await read.runState(id),
        await read.item(id, 0),
        await read.itemPayload(id, 0),
        await read.group(id, 0),
      ],
      [undefined, undefined, undefined, undefined, undefined],
      "its rows",
    );
    equal(
      [
        (await read.items({ runId: id }, {})).entries,
        (await read.outputs(id, {})).entries,
        (await read.deltas(id, {})).entries,
      ],
      [[], [], []],
      "its items, outputs and deltas",
    );
    equal(
      [
        (await read.failures({ runId: id }, {})).entries,
        (await read.metrics(id, {})).entries,
        (await read.logs({ runId: id }, {})).entries,
      ],
      [[], [], []],
      "its history",
    );
    equal(
      [(await read.arrivals(id, 0, "join", {})).entries, await read.contextTail(id, { after: 0, shape: "s" })],
      [[], undefined],
      "its arrivals and context",
    );
    equal((await read.runs({}, {})).entries, [], "the list of runs");
    await stage.start({ ...options, id });
    equal((await dumpRun(stage.backend, id)).items.length, 1, "items of a new run under the same id");
  },

  "A session that holds an item of a deleted run learns that it is closed": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.does({ kind: "cancel", runId: id });
    await stage.does({ kind: "delete", runId: id });
    equal(await worker.revocation(claimed), "closed", "what the renewal says");
    await worker.refused(claimed, output("late"), "RUN_CLOSED");
    await stage.clock.advance(LEASE_MS);
    await (await stage.session()).takesNothing("the run is deleted");
    await worker.signOff();
  },
});
