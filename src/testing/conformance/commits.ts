/** Cases about commits: what an accepted one changes, all of it together, and who may commit at all. */

import { commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpBackend, dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import { arrival, arrive, bytes, emit, fanOut, hold, newItem, next, nothing, output, release } from "./parts.ts";
import { LEASE_MS } from "./stage.ts";

const effectCases = cases("commits", {
  "A commit ends the item, inserts its successors and counts them": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.clock.advance(70);
    const now = stage.clock.now();
    const answer = await worker.did(claimed, next("second"));
    equal(
      answer,
      { kind: "committed", sequence: 0, appended: false, at: now, runStatus: "running", itemStatus: "completed" },
      "the answer",
    );
    const { status, endedAt, ranMs, commit, timeoutAt } = await stage.item(id, 0);
    equal([status, endedAt, ranMs, commit, timeoutAt], ["completed", now, 70, 1, undefined], "the item");
    const run = await stage.state(id);
    equal(
      [run.items, run.open, run.completed, run.commits],
      [2, 1, 1, 1],
      "items, open, completed and commits of the run",
    );
    const second = await stage.item(id, 1);
    equal(
      [second.node, second.status, second.from, second.epoch, second.createdAt, second.commit],
      ["second", "pending", 0, 0, now, 0],
      "the successor",
    );
  },

  "A successor is what the commit says it is": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const item = newItem("second", {
      input: bytes("in"),
      failure: bytes("why"),
      queue: "q",
      labels: ["a", "b"],
      keys: ["k1", "k2"],
      priority: -3,
      delayMs: 500,
      timeoutMs: 77,
      deadlineMs: 1_000,
      index: 4,
    });
    await worker.did(await worker.take(), emit({ items: [item], width: 9 }));
    const { node, queue, labels, keys, priority, readyAt, timeoutMs, deadlineMs, deadlineAt, index, path } =
      await stage.item(id, 1);
    const now = stage.clock.now();
    equal(
      { node, queue, labels, keys, priority, timeoutMs, deadlineMs, index },
      {
        node: "second",
        queue: "q",
        labels: ["a", "b"],
        keys: ["k1", "k2"],
        priority: -3,
        timeoutMs: 77,
        deadlineMs: 1_000,
        index: 4,
      },
      "the item",
    );
    equal([readyAt, deadlineAt, path], [now + 500, now + 1_500, "0004"], "its instants and path");
    equal(await stage.backend.read.itemPayload(id, 1), { input: bytes("in"), failure: bytes("why") }, "its payload");
  },

  "Successors are numbered densely, in order": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b", "c"));
    const { items } = await dumpRun(stage.backend, id);
    equal(
      items.map(({ item, node, index }) => [item, node, index]),
      [
        [0, "first", 0],
        [1, "a", 0],
        [2, "b", 1],
        [3, "c", 2],
      ],
      "the items",
    );
  },

  "An input of no bytes is not the same as no input": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const items = [newItem("empty", { input: new Uint8Array() }), newItem("absent", { input: undefined, index: 1 })];
    await worker.did(await worker.take(), emit({ items }));
    equal(await stage.backend.read.itemPayload(id, 1), { input: new Uint8Array() }, "the payload of no bytes");
    equal(await stage.backend.read.itemPayload(id, 2), {}, "the payload that is absent");
    equal(
      (await worker.claim()).items.map(({ input }) => input),
      [new Uint8Array(), undefined],
      "the inputs that a claim brings",
    );
  },

  "A delta, metrics and log lines travel with the commit": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const logs = [
      { at: 5, level: "info", message: "hello", data: '{"a":1}' },
      { at: 6, level: "error", message: "again" },
    ] as const;
    const metrics = [
      { name: "tokens", value: 1.5 },
      { name: "tokens", value: -2 },
    ];
    const answer = await worker.did(claimed, next("second"), { delta: bytes("delta"), writes: [1], logs, metrics });
    equal([answer.sequence, answer.appended], [1, true], "what the answer says of the delta");
    const dump = await dumpRun(stage.backend, id);
    const at = stage.clock.now();
    equal(dump.deltas, [{ sequence: 1, item: `${id}.0`, epoch: 1, at, delta: bytes("delta") }], "the deltas");
    equal(
      dump.metrics,
      metrics.map((metric) => ({ runId: id, item: 0, node: "first", ...metric, at })),
      "the metrics",
    );
    equal(
      dump.logs,
      logs.map((line) => ({ runId: id, item: 0, attempt: 1, ...line })),
      "the log lines",
    );
    equal(dump.run.fieldSequences, [0, 1], "the field sequences");
  },

  "A commit that is acknowledged is seen by the next read": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const commit = worker.did(claimed, output("done"));
    await commit;
    const [state, run, item] = await Promise.all([stage.state(id), stage.run(id), stage.item(id, 0)]);
    equal([state.status, run.output, item.status], ["completed", bytes("done"), "completed"], "what is read");
  },

  "A commit with an arrival that has no fan-out fails its run and leaves nothing else": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const items = [newItem("a"), newItem("b", { index: 1 })];
    const outcome = emit({
      items,
      arrivals: [arrival("join", "nowhere", "x", 2)],
      outputs: [{ index: 3, value: bytes("out") }],
      width: 4,
    });
    await worker.did(await worker.take(), outcome, {
      delta: bytes("delta"),
      writes: [0],
      metrics: [{ name: "m", value: 1 }],
    });
    const dump = await dumpRun(stage.backend, id);
    equal([dump.run.status, dump.run.failure?.code], ["failed", "INVALID_WORKFLOW"], "the run");
    equal(
      [dump.items.length, dump.deltas, dump.outputs, dump.metrics, dump.run.output],
      [1, [], [], [], undefined],
      "its items, deltas, outputs and metrics",
    );
  },

  "Conflicts that an attempt lost are counted": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), release(), { conflicts: 5 });
    await worker.did(await worker.take(), next("second"), { conflicts: 2 });
    equal(
      [(await stage.state(id)).conflicts, (await stage.item(id, 0)).conflicts],
      [7, 7],
      "conflicts of the run and of the item",
    );
  },

  "Each accepted commit of a run has the next number": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a"));
    await worker.did(await worker.take(), next("b"));
    await worker.did(await worker.take(), release());
    equal((await stage.state(id)).commits, 3, "commits of the run");
    equal(
      [(await stage.item(id, 0)).commit, (await stage.item(id, 1)).commit, (await stage.item(id, 2)).commit],
      [1, 2, 3],
      "commits of the items",
    );
  },

  "A commit of one run does not touch another": async (stage) => {
    const [first, second] = [await stage.start({ input: bytes("1") }), await stage.start({ input: bytes("2") })];
    const before = await dumpRun(stage.backend, second);
    const worker = await stage.session();
    const claimed = await worker.take({ limit: 1 });
    equal(claimed.run.id, first, "the run of the claimed item");
    await worker.did(claimed, output("done"), { delta: bytes("d"), writes: [0] });
    equal(await dumpRun(stage.backend, second), before, "the other run");
  },

  "A delta of no bytes has a sequence number like any other": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const answer = await worker.did(await worker.take(), next("a"), { delta: new Uint8Array() });
    equal([answer.appended, answer.sequence], [true, 1], "what the answer says");
    equal(
      (await dumpRun(stage.backend, id)).deltas.map(({ delta }) => delta),
      [new Uint8Array()],
      "the deltas",
    );
  },

  "A wide emission is inserted whole": async (stage) => {
    const id = await stage.start({ maxItems: 5_000 });
    const worker = await stage.session();
    const items = Array.from({ length: 2_000 }, (_, index) => newItem("wide", { index, input: bytes(String(index)) }));
    await worker.did(await worker.take(), emit({ items }));
    const { items: rows, payloads, run } = await dumpRun(stage.backend, id);
    equal([run.items, run.open, rows.length], [2_001, 2_000, 2_001], "items and open items");
    equal(
      rows.slice(1).every(({ item, index }) => index === item - 1),
      true,
      "whether every item is at its place",
    );
    equal(payloads[2_000]?.input, bytes("1999"), "the input of the last");
  },
});

const guardCases = cases("commits", {
  "A commit under an older or a newer epoch is refused": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), release());
    const claimed = await worker.take();
    equal(claimed.item.epoch, 2, "the epoch");
    for (const epoch of [0, 1, 3]) await worker.refused(claimed, output("stale"), "STALE_LEASE", { epoch });
    await worker.did(claimed, output("fresh"));
  },

  "A commit of a session that does not hold the lease is refused": async (stage) => {
    await stage.start();
    const [owner, thief] = [await stage.session(), await stage.session()];
    const claimed = await owner.take();
    await thief.refused(claimed, output("stolen"), "STALE_LEASE");
    await owner.did(claimed, output("mine"));
  },

  "A commit of an item that nobody holds is refused": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await worker.did(claimed, release());
    await worker.refused({ ...claimed, item: { ...claimed.item, epoch: 2 } }, output("x"), "STALE_LEASE");
    equal((await stage.state(id)).status, "running", "the status of the run");
  },

  "A commit of an unknown item is a stale lease, one of an unknown run finds it closed": async (stage) => {
    const id = await stage.start({ delta: { bytes: bytes("x"), writes: [] } });
    const worker = await stage.session();
    const claimed = await worker.take();
    const item = await worker.commit({ ...claimed, item: { ...claimed.item, item: 41 } }, output("x"));
    equal(item.kind === "refused" && [item.code, item.sequence], ["STALE_LEASE", 1], "the answer for an unknown item");
    const run = await worker.commit({ ...claimed, item: { ...claimed.item, runId: stage.newRunId() } }, output("x"));
    equal(run.kind === "refused" && [run.code, run.sequence], ["RUN_CLOSED", 0], "the answer for an unknown run");
    equal((await stage.state(id)).commits, 0, "commits of the run");
  },

  "A commit of a closed run is refused": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.does({ kind: "cancel", runId: id });
    await worker.refused(claimed, output("late"), "RUN_CLOSED");
    equal((await stage.run(id)).output, undefined, "the output");
  },

  "A refused commit leaves no trace": async (stage) => {
    const id = await stage.start();
    const [owner, other] = [await stage.session(), await stage.session()];
    const lost = await owner.take();
    await stage.clock.advance(LEASE_MS);
    await other.take();
    await owner.renew();
    const before = await dumpBackend(stage.backend);
    const extras = {
      delta: bytes("delta"),
      writes: [0],
      metrics: [{ name: "m", value: 1 }],
      logs: [{ at: 1, level: "info", message: "no" }],
      conflicts: 3,
    } as const;
    for (const outcome of [
      next("a", "b"),
      output("x"),
      fanOut("b", ["1", "2"]),
      hold(),
      release(),
      nothing(),
      arrive("j", "f", "v"),
    ]) {
      await owner.refused(lost, outcome, "STALE_LEASE", extras);
    }
    equal(await dumpBackend(stage.backend), before, "everything in the store");
    equal((await stage.state(id)).conflicts, 0, "conflicts of the run");
  },

  "Of several sessions that commit the same item only the holder succeeds": async (stage) => {
    const id = await stage.start();
    const actors = [await stage.session(), await stage.session(), await stage.session()];
    const holder = present(actors[1], "a session");
    const claimed = await holder.take();
    const answers = await Promise.all(actors.map((actor) => actor.send([commitOf(claimed, next(actor.id))])));
    equal(
      answers.map(({ answers: [answer] }) => answer?.kind),
      ["refused", "committed", "refused"],
      "the answers",
    );
    equal((await stage.item(id, 1)).node, holder.id, "whose successor was inserted");
  },

  "Epochs grow with every claim and never fall": async (stage) => {
    const id = await stage.start();
    for (let round = 1; round <= 5; round += 1) {
      const worker = await stage.session();
      equal((await worker.take()).item.epoch, round, "the epoch of the claim");
      await worker.signOff();
      equal((await stage.item(id, 0)).epoch, round, "the epoch after signing off");
    }
  },
});

export const commitCases = [...effectCases, ...guardCases];
