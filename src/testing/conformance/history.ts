/** Cases about what is kept of the past: metrics, log lines, and the audit trail of what operators did. */

import { cases } from "./conformance-case.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, failure, newItem, next, output, retry } from "./parts.ts";
import { allPages } from "./stage.ts";

export const historyCases = cases("history", {
  "Metrics are listed oldest first, with the item and node that gave them": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("second"), {
      metrics: [
        { name: "b", value: 0.1 },
        { name: "a", value: -1e300 },
      ],
    });
    await stage.clock.advance(10);
    await worker.did(await worker.take(), output("x"), { metrics: [{ name: "b", value: 2 ** 53 }] });
    const { entries } = await stage.backend.read.metrics(id, {});
    const now = stage.clock.now();
    const expected = [
      [0, "first", "b", 0.1, now - 10],
      [0, "first", "a", -1e300, now - 10],
      [1, "second", "b", 2 ** 53, now],
    ];
    equal(
      entries.map(({ item, node, name, value, at }) => [item, node, name, value, at]),
      expected,
      "the metrics",
    );
  },

  "Log lines keep their own time, order and attempt": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), retry(), {
      logs: [
        { at: 30, level: "debug", message: "one" },
        { at: 20, level: "warn", message: "two", data: "[1]" },
      ],
    });
    await worker.did(await worker.take(), next("second"), { logs: [{ at: 10, level: "error", message: "three" }] });
    const { entries } = await stage.backend.read.logs({ runId: id }, {});
    const expected = [
      [1, 30, "debug", "one", undefined],
      [1, 20, "warn", "two", "[1]"],
      [2, 10, "error", "three", undefined],
    ];
    equal(
      entries.map(({ attempt, at, level, message, data }) => [attempt, at, level, message, data]),
      expected,
      "the log lines",
    );
  },

  "Log lines are found by item": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const logs = (message: string) => ({ logs: [{ at: 1, level: "info", message }] as const });
    await worker.did(await worker.take(), next("a", "b"), logs("of 0"));
    for (const claimed of (await worker.claim()).items)
      await worker.did(claimed, next(), logs(`of ${claimed.item.item}`));
    const messages = async (item?: number) =>
      (await stage.backend.read.logs({ runId: id, item }, {})).entries.map(({ message }) => message);
    equal([await messages(0), await messages(2), await messages(9)], [["of 0"], ["of 2"], []], "log lines of items");
    equal(await messages(), ["of 0", "of 1", "of 2"], "log lines of the run");
  },

  "Metrics and log lines are read in pages that join up": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const metrics = Array.from({ length: 25 }, (_, value) => ({ name: "n", value }));
    const logs = Array.from({ length: 25 }, (_, at) => ({ at, level: "info", message: String(at) }) as const);
    await worker.did(await worker.take(), next("second"), { metrics, logs });
    for (const limit of [1, 7, 25]) {
      const values = (await allPages((page) => stage.backend.read.metrics(id, page), limit)).map(({ value }) => value);
      const times = (await allPages((page) => stage.backend.read.logs({ runId: id }, page), limit)).map(({ at }) => at);
      equal(
        [values, times],
        [metrics.map(({ value }) => value), logs.map(({ at }) => at)],
        `the lists in pages of ${limit}`,
      );
    }
  },

  "Failures are read in pages that join up": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    for (let attempt = 0; attempt < 12; attempt += 1) await worker.did(await worker.take(), retry());
    const expected = Array.from({ length: 12 }, (_, at) => at + 1);
    for (const limit of [1, 5, 12]) {
      const found = await allPages((page) => stage.backend.read.failures({ runId: id }, page), limit);
      equal(
        found.map(({ attempt }) => attempt),
        expected,
        `the failures of the run in pages of ${limit}`,
      );
      const all = await allPages((page) => stage.backend.read.failures({}, page), limit);
      equal(
        all.map(({ attempt }) => attempt),
        expected,
        `all failures in pages of ${limit}`,
      );
    }
  },

  "Every action that was done is in the audit trail, oldest first, with who asked": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), fail());
    const runId = id;
    const actions = [
      { kind: "retryItem", runId, item: 0 },
      { kind: "pause", runId },
      { kind: "enqueue", runId, item: newItem("extra") },
      { kind: "merge", runId, delta: bytes("d"), writes: [1] },
      { kind: "setAttempts", runId, item: 0, attempts: 1 },
      { kind: "resume", runId },
      { kind: "cancel", runId, reason: "enough" },
      { kind: "resume", runId },
      { kind: "complete", runId, output: bytes("o") },
    ] as const;
    for (const [at, action] of actions.entries()) {
      await stage.clock.advance(1);
      equal((await stage.control(action, `user ${at}`)).kind, "done", `the action "${action.kind}"`);
    }
    const { entries } = await stage.backend.read.audit(id, {});
    const begin = stage.clock.now() - actions.length;
    const expected = actions.map(({ kind }, at) => [kind, `user ${at}`, begin + at + 1, id]);
    equal(
      entries.map(({ action, actor, at, runId: run }) => [action, actor, at, run]),
      expected,
      "the audit trail",
    );
    equal(
      entries.map(({ item }) => item),
      [0, undefined, 1, undefined, 0, undefined, undefined, undefined, undefined],
      "the items of the audit trail",
    );
    for (const limit of [1, 4])
      equal(
        (await allPages((page) => stage.backend.read.audit(id, page), limit)).length,
        9,
        `entries in pages of ${limit}`,
      );
  },

  "The audit trail holds JSON without payloads": async (stage) => {
    const runId = await stage.start();
    await stage.does({ kind: "enqueue", runId, item: newItem("extra", { input: bytes("secret-1") }) });
    await stage.does({ kind: "merge", runId, delta: bytes("secret-2"), writes: [] });
    await stage.does({ kind: "complete", runId, output: bytes("secret-3") });
    const { entries } = await stage.backend.read.audit(runId, {});
    for (const { detail, action } of entries) {
      equal(typeof JSON.parse(detail), "object", `the detail of "${action}"`);
      equal(
        detail.includes("secret") || detail.includes(Buffer.from("secret").toString("base64").slice(0, 6)),
        false,
        `whether the detail of "${action}" has the payload`,
      );
    }
    equal(entries.length, 3, "entries of the audit trail");
  },

  "What was refused or changed nothing is not in the audit trail": async (stage) => {
    const runId = await stage.start();
    equal((await stage.control({ kind: "resume", runId })).kind, "unchanged", "resuming a running run");
    await stage.refuses({ kind: "delete", runId }, "RUN_OPEN");
    equal((await stage.backend.read.audit(runId, {})).entries, [], "the audit trail");
  },

  "The audit trail of a run outlives its deletion": async (stage) => {
    const runId = await stage.start();
    await stage.control({ kind: "fail", runId, failure: failure() }, "me");
    await stage.control({ kind: "delete", runId }, "you");
    const last = present((await stage.backend.read.audit(runId, {})).entries.at(-1), "the last entry");
    equal([last.action, last.actor], ["delete", "you"], "the last entry");
  },

  "A run that takes the place of another leaves a trace in the other's audit trail": async (stage) => {
    const first = await stage.start({ idempotencyKey: "k" });
    await stage.start({ idempotencyKey: "k", onConflict: "cancelRunning" });
    equal(
      (await stage.backend.read.audit(first, {})).entries.map(({ action }) => action),
      ["cancel"],
      "the audit trail",
    );
  },
});
