import { describe, expect, test } from "vitest";
import { context, field, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";
import { all } from "../harness/run-invariants.ts";
import { codeOf, drain, PLACES, START } from "./place.ts";

const Journal = context({
  log: field.eventLog<string>(),
  sum: field.counter(100),
  last: field.register<string>("none"),
  seen: field.set<number>(),
  latest: field.map<number>(),
  highest: field.maximum(),
  words: field.merged<readonly string[]>({ empty: [], merge: (a, b) => [...a, ...b] }),
});

const journal = workflow({
  name: "journal",
  version: "1",
  context: Journal,
  completion: "all",
  nodes: {
    feed: node({
      context: Journal,
      input: unchecked<number>(),
      run({ input, context: { last } }) {
        last.set("feed");
        return nextAll(Array.from({ length: input }, (_, at) => at));
      },
    }),
    note: node({
      context: Journal,
      input: unchecked<number>(),
      run({ input, context: live }) {
        live.log.append(`a${input}`);
        live.log.append(`b${input}`);
        live.sum.add(input);
        live.last.update((before) => `${before},${input}`);
        live.seen.add(input % 2);
        live.latest.set(`k${input % 2}`, input);
        live.highest.offer(input);
        live.words.merge([`w${input}`]);
        return next(input);
      },
    }),
    quiet: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
  },
  start: "feed",
  edges: { feed: "note", note: "quiet", quiet: [] },
});

/** The context after so many of the notes, each in its turn. */
function noted(notes: number): Readonly<Record<string, unknown>> {
  const done = Array.from({ length: notes }, (_, at) => at);
  return {
    log: done.flatMap((at) => [`a${at}`, `b${at}`]),
    sum: 100 + done.reduce((sum, at) => sum + at, 0),
    last: ["feed", ...done].join(),
    seen: [0, 1].slice(0, notes),
    latest: Object.fromEntries(done.map((at) => [`k${at % 2}`, at])),
    highest: done.at(-1) ?? null,
    words: done.map((at) => `w${at}`),
  };
}

describe.each(PLACES)("on $name", ({ open }) => {
  test("any past context can be read, however much came after it, by whoever has not seen it", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(journal);
    const worker = place.worker(journal);
    const handle = await orchestrator.startRun(journal, 6, { context: { words: [] } });
    await drain(worker);
    const other = place.orchestrator(journal);
    // Initial values, the feed, and six notes; quiet nodes add nothing.
    expect((await other.context(handle.id)).sequence).toBe(8);
    for (let sequence = 8; sequence >= 2; sequence -= 1) {
      const view = await other.contextAt<typeof journal>(handle.id, sequence);
      expect(view.sequence).toBe(sequence);
      expect(view.toJSON()).toEqual(noted(sequence - 2));
    }
    expect((await handle.context({ at: 1 })).last.value).toBe("none");
    expect((await handle.context({ at: 0 })).toJSON()).toEqual({ ...noted(0), last: "none" });
    for (const wrong of [9, -1, 1.5, Number.NaN]) {
      expect([wrong, await codeOf(handle.context({ at: wrong }))]).toEqual([wrong, "INVALID_VALUE"]);
    }
  });

  test("events keep their order, their time of commit, and ids of item, epoch and index", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(journal);
    const worker = place.worker(journal);
    const handle = await orchestrator.startRun(journal, 2, { context: { log: ["given", "twice"] } });
    await worker.runOnce();
    await place.clock.advance(500);
    await worker.runOnce();
    await place.clock.advance(500);
    await worker.runOnce();
    const { log } = await handle.context();
    expect([...log]).toEqual([
      { id: `${handle.id}/0/0`, at: START, event: "given" },
      { id: `${handle.id}/0/1`, at: START, event: "twice" },
      { id: `${handle.id}.1/1/0`, at: START + 500, event: "a0" },
      { id: `${handle.id}.1/1/1`, at: START + 500, event: "b0" },
      { id: `${handle.id}.2/1/0`, at: START + 1_000, event: "a1" },
      { id: `${handle.id}.2/1/1`, at: START + 1_000, event: "b1" },
    ]);
    expect(log.length).toBe(6);
    expect(log.fold("", (text, event) => text + event)).toBe("giventwicea0b0a1b1");
  });

  test("what is changed from outside is one delta among the others, and has events of its own", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(journal);
    const worker = place.worker(journal);
    const { contexts } = place.backend;
    const handle = await orchestrator.startRun(journal, 2);
    await worker.runOnce();
    for (const word of ["one", "two"]) {
      await contexts.merge(handle.id, Journal, (live) => {
        live.log.append(word);
        live.sum.add(1_000);
      });
    }
    await drain(worker);
    const view = await contexts.get(handle.id, Journal);
    expect(view?.log.events).toEqual(["one", "two", "a0", "b0", "a1", "b1"]);
    expect(view?.sum.value).toBe(2_101);
    const ids = [...(view?.log ?? [])].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await codeOf(contexts.merge(handle.id, Journal, ({ sum }) => sum.add(1)))).toBe("RUN_CLOSED");
    expect(await codeOf(contexts.set(handle.id, Journal, {}))).toBe("RUN_CLOSED");
    expect(await contexts.get("no-such-run", Journal)).toBeUndefined();
  });

  test("fifty updates of one register by items that all began on the same context are all there", async () => {
    const place = await open();
    const started: (() => void)[] = [];
    const Sum = context({ sum: field.register<{ readonly by: readonly number[] }>({ by: [] }) });
    const flow = workflow({
      name: "same-context",
      version: "1",
      context: Sum,
      completion: "all",
      nodes: {
        feed: node({
          input: unchecked<number>(),
          run: ({ input }) => nextAll(Array.from({ length: input }, (_, at) => at)),
        }),
        add: node({
          context: Sum,
          input: unchecked<number>(),
          async run({ input, context: { sum } }) {
            const before = sum.value.by.length;
            sum.update(({ by }) => ({ by: [...by, input] }));
            await new Promise<void>((resolve) => {
              started.push(resolve);
              if (started.length === 50) for (const go of started) go();
            });
            return next(before);
          },
        }),
      },
      start: "feed",
      edges: { feed: "add", add: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const workers = [1, 2].map(() => place.worker(flow, { concurrency: 25 }));
    const handle = await orchestrator.startRun(flow, 50);
    const working = workers.map((worker) => worker.run());
    // Bodies ran once each: all of them saw nothing of the others, and none was run again.
    while ((await handle.status()) === "running") await place.clock.advance(100);
    expect(await handle.result()).toEqual(Array.from({ length: 50 }, () => 0));
    const { by } = (await handle.context()).sum.value;
    expect(by.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, at) => at));
    await Promise.all(workers.map((worker) => worker.stop({ drain: 0 })));
    await Promise.all(working);
  });

  test("the history tells what happened in its order", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(journal);
    const worker = place.worker(journal);
    const handle = await orchestrator.startRun(journal, 1);
    await worker.runOnce();
    await place.clock.advance(10);
    await orchestrator.pause(handle.id, { actor: "ann" });
    await place.clock.advance(10);
    await orchestrator.resume(handle.id, { actor: "ben" });
    await drain(worker);
    const history = await orchestrator.history(handle.id);
    expect(
      history.map((entry) => (entry.type === "control" ? `${entry.action} by ${entry.actor}` : entry.type)),
    ).toEqual(["started", "context", "item", "pause by ann", "resume by ben", "context", "item", "item", "ended"]);
    expect((await all((page) => orchestrator.listWorkItems(handle.id, page))).map(({ status }) => status)).toEqual([
      "completed",
      "completed",
      "completed",
    ]);
  });
});
