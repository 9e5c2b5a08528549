import { describe, expect, test } from "vitest";
import { context, field, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";
import { all } from "../harness/run-invariants.ts";
import { hostileErrors } from "./hostile.ts";
import { drain, PLACES } from "./place.ts";

const TEXT_BYTES = 8_192;

describe.each(PLACES)("on $name", ({ open }) => {
  test.each(Object.entries(hostileErrors))(
    "what is kept of an error with %s is well-formed, short and harmless",
    async (_, { make }) => {
      const place = await open();
      const flow = workflow({
        name: "throwing",
        version: "1",
        nodes: {
          fail: node({
            input: unchecked<null>(),
            retry: { maxAttempts: 2, initialBackoff: 0 },
            run() {
              throw make() as Error;
            },
          }),
        },
        start: "fail",
        edges: { fail: [] },
      });
      const orchestrator = place.orchestrator(flow);
      const worker = place.worker(flow);
      const { id } = await orchestrator.startRun(flow, null);
      expect(await drain(worker)).toEqual(["fail retried", "fail failed"]);
      const errors = (await orchestrator.errors(id)).entries;
      const run = await orchestrator.getRun(id);
      const item = await orchestrator.getWorkItem(`${id}.0`);
      expect(errors).toHaveLength(2);
      for (const kept of [...errors, run?.failure, item.failure]) {
        for (const text of [kept?.message, kept?.stack, kept?.code]) {
          if (text === undefined) continue;
          expect(text.isWellFormed()).toBe(true);
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(TEXT_BYTES);
          expect(text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/u);
        }
        expect(kept?.code).toBe("ERROR");
      }
      expect((await orchestrator.explain(id)).sentence).not.toMatch(/[\0-\x1f\x7f-\x9f\u202e]/u);
      // The worker, its session and the store are none the worse for it.
      const other = await orchestrator.startRun(flow, null);
      expect(await drain(worker)).toEqual(["fail retried", "fail failed"]);
      expect(await other.status()).toBe("failed");
    },
  );

  test("log lines of each attempt are kept with their item, bounded and with the number of those dropped", async () => {
    const place = await open();
    const flow = workflow({
      name: "talkative",
      version: "1",
      nodes: {
        talk: node({
          input: unchecked<number>(),
          retry: { maxAttempts: 2, initialBackoff: 0 },
          run({ input, attempt, logger }) {
            for (let line = 0; line < input; line += 1) logger.info(`line ${line}\0\u202e`, { line });
            if (attempt === 1) throw new Error("first");
            logger.warn("done");
            return next(attempt);
          },
        }),
      },
      start: "talk",
      edges: { talk: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const few = await orchestrator.startRun(flow, 2);
    await drain(worker);
    const lines = (await orchestrator.logs(few.id)).entries;
    expect(lines.map(({ attempt, level, message, data }) => [attempt, level, message, data])).toEqual([
      [1, "info", "line 0\ufffd\ufffd", { line: 0 }],
      [1, "info", "line 1\ufffd\ufffd", { line: 1 }],
      [2, "info", "line 0\ufffd\ufffd", { line: 0 }],
      [2, "info", "line 1\ufffd\ufffd", { line: 1 }],
      [2, "warn", "done", undefined],
    ]);
    const many = await orchestrator.startRun(flow, 10_000);
    await drain(worker);
    const kept = await all((page) => orchestrator.logs(many.id, page));
    const second = kept.filter(({ attempt }) => attempt === 2);
    expect(second.length).toBeLessThanOrEqual(1_001);
    const [dropped] = second.at(-1)?.message.match(/\d+/u) ?? [];
    expect(Number(dropped) + second.length - 1).toBe(10_001);
  });

  test("a past context can be read when the present one comes from a snapshot", async () => {
    const place = await open();
    const Large = context({ log: field.eventLog<string>(), count: field.counter() });
    const flow = workflow({
      name: "large-context",
      version: "1",
      context: Large,
      completion: "all",
      nodes: {
        feed: node({
          input: unchecked<number>(),
          run: ({ input }) => nextAll(Array.from({ length: input }, (_, at) => at)),
        }),
        write: node({
          context: Large,
          input: unchecked<number>(),
          run({ input, context: { log, count } }) {
            log.append(`${input} ${"x".repeat(50_000)}`);
            count.add();
            return nextAll<number>([]);
          },
        }),
      },
      start: "feed",
      edges: { feed: "write", write: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const { id } = await orchestrator.startRun(flow, 40);
    // Each worker begins with nothing but what the store has.
    for (let round = 0; round < 10; round += 1) {
      const worker = place.worker(flow);
      for (let item = 0; item < 5; item += 1) await worker.runOnce();
      await worker.stop();
    }
    expect(await orchestrator.status(id)).toBe("completed");
    for (const sequence of [40, 39, 20, 7, 1]) {
      const view = await orchestrator.contextAt<typeof flow>(id, sequence);
      expect([sequence, view.log.length, view.count.value]).toEqual([sequence, sequence, sequence]);
      expect(view.log.events.every((event, at) => event.startsWith(`${at} `))).toBe(true);
    }
  });
});
