import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  context,
  DistributedOrchestrator,
  field,
  next,
  node,
  type StartOptions,
  unchecked,
  workflow,
} from "../../../src/index.ts";
import { keptValues, refusedValues } from "./hostile.ts";
import { codeOf, drain, PLACES, refusal } from "./place.ts";

const Given = context({ note: field.register<unknown>("none"), hits: field.counter() });

const echo = workflow({
  name: "echo",
  version: "1",
  context: Given,
  nodes: { only: node({ input: unchecked<unknown>(), run: ({ input }) => next(input as null) }) },
  start: "only",
  edges: { only: [] },
});

const strict = workflow({
  name: "strict",
  version: "1",
  nodes: { only: node({ input: z.object({ n: z.number().int() }), run: ({ input }) => next(input.n) }) },
  start: "only",
  edges: { only: [] },
});

describe.each(PLACES)("on $name", ({ open }) => {
  test("the same key with the same input is the same run, whoever asks, for as long as the run exists", async () => {
    const place = await open();
    const one = place.orchestrator(echo);
    const two = new DistributedOrchestrator({ backend: await place.open(), workflows: [echo] });
    const worker = place.worker(echo);
    const options = { idempotencyKey: "order-7" };
    const first = await one.startRun(echo, { b: [1, 2], a: "x" }, options);
    // The order of keys is none of an input's.
    const second = await two.startRun(echo, { a: "x", b: [1, 2] }, options);
    expect(second.id).toBe(first.id);
    expect(await refusal(one.startRun(echo, { a: "y" }, options))).toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
      runId: first.id,
    });
    await drain(worker);
    await place.clock.advance(86_400_000);
    expect((await two.startRun(echo, { a: "x", b: [1, 2] }, options)).id).toBe(first.id);
    expect(await two.handle(echo, second.id).result()).toEqual({ b: [1, 2], a: "x" });
    expect((await one.listRuns()).entries).toHaveLength(1);
    await one.deleteRun(first.id);
    expect((await one.startRun(echo, { a: "y" }, options)).id).not.toBe(first.id);
  });

  test("keys are of one workflow and one namespace", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(echo, strict);
    const elsewhere = new DistributedOrchestrator({ backend: await place.open("elsewhere"), workflows: [echo] });
    const options = { idempotencyKey: "same" };
    const ids = [
      await orchestrator.startRun(echo, { n: 1 }, options),
      await orchestrator.startRun(strict, { n: 1 }, options),
      await elsewhere.startRun(echo, { n: 1 }, options),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
  });

  test("of a hundred starts at once with one key, one is made", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(echo);
    const starts = Array.from({ length: 100 }, (_, at) =>
      orchestrator.startRun(echo, at % 2, { idempotencyKey: "race" }).then(
        ({ id }) => id,
        (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
      ),
    );
    const results = await Promise.all(starts);
    const winners = new Set(results.filter((result) => result !== "IDEMPOTENCY_CONFLICT"));
    expect(winners.size).toBe(1);
    expect(results.filter((result) => result === "IDEMPOTENCY_CONFLICT")).toHaveLength(50);
    expect((await orchestrator.listRuns()).entries).toHaveLength(1);
  });

  test("a taken id or key is returned, refused or replaced, as it is asked for", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(echo);
    const worker = place.worker(echo);
    const first = await orchestrator.startRun(echo, 1, { id: "run-1", idempotencyKey: "k" });
    expect((await orchestrator.startRun(echo, 1, { id: "run-1" })).id).toBe("run-1");
    expect(await codeOf(orchestrator.startRun(echo, 2, { id: "run-1" }))).toBe("RUN_EXISTS");
    expect(await codeOf(orchestrator.startRun(echo, 1, { idempotencyKey: "k", onConflict: "fail" }))).toBe(
      "RUN_EXISTS",
    );
    const second = await orchestrator.startRun(echo, 1, { idempotencyKey: "k", onConflict: "cancelRunning" });
    expect(second.id).not.toBe(first.id);
    expect(await first.status()).toBe("cancelled");
    expect(await drain(worker)).toEqual(["only completed"]);
    // One that has ended is not running: it is what the key stands for.
    expect((await orchestrator.startRun(echo, 1, { idempotencyKey: "k", onConflict: "cancelRunning" })).id).toBe(
      second.id,
    );
  });

  test("many runs are started in one go, each for itself", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(strict);
    const worker = place.worker(strict);
    const bad: object = { n: "no number" };
    const started = await orchestrator.startRuns(strict, [
      { input: { n: 1 }, idempotencyKey: "a" },
      { input: bad as { n: number } },
      { input: { n: 1 }, idempotencyKey: "a" },
      { input: { n: 2 }, idempotencyKey: "a" },
      { input: { n: 3 }, tags: { a: "b" } },
      { input: { n: 4 }, id: "../../etc/passwd" },
    ]);
    expect(started.map((one) => (one.ok ? (one.existing ? "existing" : "new") : one.error.code))).toEqual([
      "new",
      "INVALID_INPUT",
      "existing",
      "IDEMPOTENCY_CONFLICT",
      "new",
      "INVALID_VALUE",
    ]);
    expect(await drain(worker)).toEqual(["only completed", "only completed"]);
  });

  test.each(Object.entries(refusedValues))(
    "an input cannot be %s, nor an initial value of a context",
    async (name, { make, code }) => {
      const place = await open();
      const orchestrator = place.orchestrator(echo);
      // Undefined is no input at all, and stands for leaving a field out.
      const expected = code ?? "INVALID_INPUT";
      const refused = await refusal(orchestrator.startRun(echo, make()));
      expect(refused.code).toBe(expected);
      if (name !== "undefined itself") {
        const given = await codeOf(orchestrator.startRun(echo, 1, { context: { note: make() } }));
        expect(["INVALID_INPUT", "INVALID_VALUE", code]).toContain(given);
      }
      expect((await orchestrator.listRuns()).entries).toEqual([]);
      expect(Reflect.get({}, "admin")).toBeUndefined();
    },
  );

  test.each(Object.entries(keptValues))("an input may be %s", async (_, value) => {
    const place = await open();
    const orchestrator = place.orchestrator(echo);
    const worker = place.worker(echo);
    const handle = await orchestrator.startRun(echo, value, { context: { note: value }, idempotencyKey: "value" });
    expect((await orchestrator.startRun(echo, value, { idempotencyKey: "value" })).id).toBe(handle.id);
    await drain(worker);
    expect(await handle.result()).toEqual(value);
    expect((await orchestrator.getRun(handle.id))?.input).toEqual(value);
    expect((await handle.context()).note.value).toEqual(value);
  });

  const long = "x".repeat(10_000);
  const REFUSED: readonly (readonly [string, StartOptions])[] = [
    ...[
      "",
      "a b",
      "../x",
      "a/b",
      "a\\b",
      "x\0",
      "\ud800",
      "é",
      "-a",
      ".",
      "..",
      "a".repeat(129),
      "a\n",
      "😀",
      "C:x",
    ].map((id): readonly [string, StartOptions] => [`the id ${JSON.stringify(id).slice(0, 40)}`, { id }]),
    ["a key of nothing", { idempotencyKey: "" }],
    ["a key that is too long", { idempotencyKey: long }],
    ["a tag with a bad name", { tags: { "a b": "x" } }],
    ["a tag that is too long", { tags: { a: long } }],
    ["too many tags", { tags: Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`t${at}`, ""])) }],
    ["a tag called __proto__", { tags: JSON.parse('{"__proto__":"x"}') }],
    ["a priority that is no integer", { priority: 0.5 }],
    ["a priority of NaN", { priority: Number.NaN }],
    ["a negative delay of garbage", { delay: JSON.parse('"soon"') }],
    ["a delay of NaN", { delay: Number.NaN }],
    ["a start at no instant", { startAt: "tomorrow" }],
    ["an unknown way to settle conflicts", { onConflict: JSON.parse('"replace"') }],
  ];
  test.each(REFUSED)("a run is not started with %s", async (_, options) => {
    const place = await open();
    const orchestrator = place.orchestrator(echo);
    expect(await codeOf(orchestrator.startRun(echo, 1, options as StartOptions<never>))).toBe("INVALID_VALUE");
    expect((await orchestrator.listRuns()).entries).toEqual([]);
  });

  test("keys and tags keep any text, and ids that differ in case are different runs", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(echo);
    const text = "x'; DROP TABLE runs; --\0\u202e😀%_*";
    const upper = await orchestrator.startRun(echo, 1, { id: "RUN-a", idempotencyKey: text, tags: { odd: text } });
    const lower = await orchestrator.startRun(echo, 2, { id: "run-A", idempotencyKey: `${text} ` });
    expect((await orchestrator.getRun(upper.id))?.tags).toEqual({ odd: text });
    expect((await orchestrator.getRun(upper.id))?.idempotencyKey).toBe(text);
    expect([(await orchestrator.getRun(upper.id))?.input, (await orchestrator.getRun(lower.id))?.input]).toEqual([
      1, 2,
    ]);
    expect((await orchestrator.listRuns({ tags: { odd: text } })).entries.map(({ id }) => id)).toEqual(["RUN-a"]);
  });
});
