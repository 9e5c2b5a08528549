import { expect, test } from "vitest";
import { z } from "zod";
import {
  abort,
  context,
  field,
  isMillraceError,
  join,
  joinByName,
  next,
  node,
  split,
  variant,
  workflow,
} from "../../index.ts";
import { failing, failTimes } from "./mocks.ts";
import { testWorkflow } from "./workflow-test.ts";

const Shop = context({ log: field.eventLog<string>(), tries: field.counter(), status: field.register("new") });
const Order = z.object({ id: z.string(), quantity: z.coerce.number() });

const orders = workflow({
  name: "orders",
  version: "1",
  context: Shop,
  retry: { maxAttempts: 3, initialBackoff: "1s", jitter: "none" },
  nodes: {
    check: node({
      input: Order,
      run: ({ input }) => (input.quantity > 0 ? next(variant("good", input)) : next(variant("bad", "empty"))),
    }),
    pay: node({
      context: Shop,
      input: Order,
      output: z.object({ id: z.string(), receipt: z.string() }),
      run({ input, context }) {
        context.status.set("paid");
        return next({ id: input.id, receipt: `r-${input.id}` });
      },
    }),
    ship: node({
      input: z.object({ id: z.string(), receipt: z.string() }),
      run: ({ input }) => next(`shipped ${input.id}`),
    }),
    refuse: node({ input: z.string(), run: ({ input }) => next(`refused: ${input}`) }),
    sorry: node({ input: Order, run: ({ error }) => next(`sorry: ${error?.code}`) }),
  },
  start: "check",
  edges: {
    check: { route: { good: "pay", bad: "refuse" } },
    pay: { to: "ship", onFailure: "sorry" },
    ship: [],
    refuse: [],
    sorry: [],
  },
});

const order = { id: "o1", quantity: "2" };

async function refusal(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

test("without mocks the workflow runs as it is, and tells which way it took", async () => {
  await using t = await testWorkflow(orders);
  const run = await t.start(order, { context: { status: "waiting" } });
  await t.settle();
  expect(await run.output()).toBe("shipped o1");
  expect(await run.status()).toBe("completed");
  expect((await run.context()).status.value).toBe("paid");
  expect(run.path()).toEqual([
    { node: "check", attempt: 1, outcome: "completed" },
    { node: "pay", attempt: 1, outcome: "completed" },
    { node: "ship", attempt: 1, outcome: "completed" },
  ]);
  expect(run.executions("pay")).toMatchObject([{ attempt: 1, outcome: "next", input: { id: "o1", quantity: 2 } }]);
  expect(run.executions("check")).toMatchObject([{ input: { id: "o1", quantity: "2" } }]);
});

test("a mock gets what was delivered, sees attempt and context, and emits past the output schema", async () => {
  const inputs: unknown[] = [];
  await using t = await testWorkflow(orders, {
    mocks: {
      pay: ({ input, attempt, context: shop }) => {
        inputs.push(input);
        shop.log.append(`try ${attempt}`);
        return next({ id: input.id, receipt: "mocked" });
      },
    },
  });
  const run = await t.start(order);
  await t.settle();
  expect(await run.output()).toBe("shipped o1");
  expect(inputs).toEqual([{ id: "o1", quantity: 2 }]);
  expect((await run.context()).toJSON()).toMatchObject({ log: ["try 1"] });
  expect(run.executions("ship")[0]?.input).toEqual({ id: "o1", receipt: "mocked" });
});

test("a start node that is mocked gets the input as it was given, and the real node as it was parsed", async () => {
  const seen: unknown[] = [];
  await using t = await testWorkflow(orders, {
    mocks: {
      check: async ({ input, real }) => {
        seen.push(input);
        return await real();
      },
    },
  });
  const run = await t.start(order);
  await t.settle();
  expect(seen).toEqual([order]);
  expect(run.executions("pay")[0]?.input).toEqual({ id: "o1", quantity: 2 });
  expect(isMillraceError(await refusal(t.start({ id: "o2", quantity: "many" })), "INVALID_INPUT")).toBe(true);
});

test("retries wait for the test's time and for nothing else", async () => {
  await using t = await testWorkflow(orders, {
    startAt: "2026-03-01T00:00:00Z",
    mocks: { pay: failTimes(2, new Error("down")) },
  });
  const run = await t.start(order);
  await t.settle();
  expect(await run.status()).toBe("running");
  expect(run.executions("pay")).toHaveLength(1);
  await t.advance("999ms");
  expect(run.executions("pay")).toHaveLength(1);
  await t.advance("1ms");
  expect(run.executions("pay")).toHaveLength(2);
  await t.advance("2s");
  expect(await run.output()).toBe("shipped o1");
  expect(run.path().map(({ node: name, outcome }) => `${name} ${outcome}`)).toEqual([
    "check completed",
    "pay retried",
    "pay retried",
    "pay completed",
    "ship completed",
  ]);
  expect((await run.errors()).map(({ attempt, message }) => `${attempt} ${message}`)).toEqual(["1 down", "2 down"]);
  expect(t.now()).toBe(Date.parse("2026-03-01T00:00:03Z"));
});

test("a node that fails for good takes its failure edge", async () => {
  await using t = await testWorkflow(orders, { mocks: { pay: failing(abort("declined", { code: "DECLINED" })) } });
  const run = await t.start(order);
  expect(await run.toEnd()).toBe("completed");
  expect(await run.output()).toBe("sorry: DECLINED");
  expect(run.executions("pay")).toMatchObject([{ outcome: "abort", error: { code: "DECLINED" } }]);
  expect(run.path()).toContainEqual({ node: "pay", attempt: 1, outcome: "failedOver" });
});

test("chosen attempts fail in the place of the real body", async () => {
  await using t = await testWorkflow(orders);
  t.fail("ship", new Error("no truck"), { attempts: [1, 2] });
  const run = await t.start(order);
  expect(await run.toEnd()).toBe("completed");
  expect(run.executions("ship").map(({ outcome }) => outcome)).toEqual(["threw", "threw", "next"]);
});

test("a run that fails says so by its output, its failure and its errors", async () => {
  await using t = await testWorkflow(orders);
  t.fail("ship", new Error("no truck"));
  const run = await t.start(order);
  expect(await run.toEnd()).toBe("failed");
  expect(await refusal(run.output())).toMatchObject({ code: "RUN_FAILED", node: "ship" });
  expect(await run.failure()).toMatchObject({ message: "no truck", node: "ship", attempt: 3 });
  expect(await run.errors()).toHaveLength(3);
});

test("an output that is not there yet is refused with what the run waits for", async () => {
  await using t = await testWorkflow(orders, { mocks: { pay: failTimes(1, new Error("down")) } });
  const run = await t.start(order);
  await t.settle();
  const thrown = await refusal(run.output());
  expect(thrown).toMatchObject({ code: "RUN_OPEN" });
  expect(String(thrown)).toContain('"pay"');
  expect((await run.explain()).sentence).toContain("attempt 2 of 3");
});

test("a worker that vanishes before its commit leaves nothing, and another does it again after the lease", async () => {
  await using t = await testWorkflow(orders);
  t.crashBeforeCommit("pay");
  const run = await t.start(order);
  await t.settle();
  expect(run.path().at(-1)).toEqual({ node: "pay", attempt: 1, outcome: "crashed" });
  expect((await run.context()).status.value).toBe("new");
  await t.advance("29s");
  expect(run.executions("pay")).toHaveLength(1);
  await t.advance("2s");
  expect(run.executions("pay").map(({ attempt }) => attempt)).toEqual([1, 1]);
  expect(await run.output()).toBe("shipped o1");
});

test("a worker that vanishes after its commit has done its work once", async () => {
  await using t = await testWorkflow(orders, { workers: 2 });
  t.crashAfterCommit("pay");
  const run = await t.start(order);
  expect(await run.toEnd()).toBe("completed");
  expect(run.executions("pay")).toHaveLength(1);
  expect(run.path().map(({ outcome }) => outcome)).toEqual(["completed", "completed", "completed"]);
});

test("all workers may vanish in the middle of a body, whose result then counts for nothing", async () => {
  const calls: number[] = [];
  await using t = await testWorkflow(orders, {
    mocks: {
      ship: async ({ input, attempt, signal }) => {
        calls.push(attempt);
        await t.clock.sleep(10_000, signal);
        return next(`slowly ${input.id}`);
      },
    },
  });
  const run = await t.start(order);
  await t.advance("5s");
  t.crash();
  expect(await run.toEnd()).toBe("completed");
  expect(await run.output()).toBe("slowly o1");
  expect(calls).toEqual([1, 1]);
  expect(run.path().map(({ outcome }) => outcome)).toEqual(["completed", "completed", "crashed", "completed"]);
});

test("a body that hangs times out in the test's time", async () => {
  const slow = workflow({
    name: "slow",
    version: "1",
    retry: false,
    nodes: { wait: node({ input: z.null(), timeout: "5m", run: () => next("done") }) },
    start: "wait",
    edges: { wait: [] },
  });
  await using t = await testWorkflow(slow, { mocks: { wait: () => new Promise(() => undefined) }, patience: 0 });
  const run = await t.start(null);
  await t.advance("4m");
  expect(await run.status()).toBe("running");
  await t.advance("1m");
  expect(await run.failure()).toMatchObject({ code: "TIMEOUT", node: "wait" });
});

const counting = workflow({
  name: "counting",
  version: "1",
  nodes: {
    cut: split(z.string(), (text) => text.split(" ")),
    measure: node({ input: z.string(), run: ({ input }) => next(input.length) }),
    sum: join({
      of: "cut",
      input: z.number(),
      run: ({ inputs }) => next(inputs.reduce((sum, length) => sum + length, 0)),
    }),
    spread: node({ input: z.number(), run: ({ input }) => next(input) }),
    half: node({ input: z.number(), run: ({ input }) => next(input / 2) }),
    text: node({ input: z.number(), run: ({ input }) => next(String(input)) }),
    both: joinByName({
      of: "spread",
      inputs: { half: z.number(), text: z.string() },
      run: ({ inputs }) => next(`${inputs.half} ${inputs.text}`),
    }),
  },
  start: "cut",
  edges: {
    cut: "measure",
    measure: "sum",
    sum: "spread",
    spread: ["half", "text"],
    half: "both",
    text: "both",
    both: [],
  },
});

test("what is due in days happens at its very instant", async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    await using t = await testWorkflow(orders, {
      seed,
      mocks: { pay: ({ input }) => next({ id: input.id, receipt: "r" }, { delay: "3d" }) },
    });
    const run = await t.start(order);
    await t.advance("71h");
    expect(run.executions("ship")).toEqual([]);
    await t.advance("1h");
    expect(await run.output()).toBe("shipped o1");
    expect(run.executions("ship")[0]?.at).toBe(t.now());
  }
});

test("joins run as they are, and mocks of them get all that arrived", async () => {
  await using plain = await testWorkflow(counting);
  const first = await plain.start("a bc def");
  await plain.settle();
  expect(await first.output()).toBe("3 6");
  expect(first.executions("sum")[0]?.input).toEqual([1, 2, 3]);
  expect(first.executions("both")[0]?.input).toEqual({ half: 3, text: "6" });

  await using mocked = await testWorkflow(counting, {
    mocks: {
      sum: ({ inputs }) => next(inputs.length * 10),
      both: async ({ inputs, real }) => (inputs.half === 15 ? await real() : next("else")),
    },
  });
  const second = await mocked.start("a bc def");
  await mocked.settle();
  expect(await second.output()).toBe("15 30");
});

test("the same seed gives the same history, another one another", async () => {
  const history = async (seed: number): Promise<string> => {
    const jittery = { maxAttempts: 5, initialBackoff: "1m", jitter: "full" } as const;
    await using t = await testWorkflow(counting, { seed, retry: jittery });
    t.fail("measure", new Error("flaky"), { attempts: [1, 2] });
    const run = await t.start("a bc def");
    await run.toEnd();
    return JSON.stringify([run.id, run.path(), t.now()]);
  };
  expect(await history(3)).toBe(await history(3));
  expect(await history(3)).not.toBe(await history(4));
});

test("a run that no time moves on is told apart from one that needs more of it", async () => {
  await using t = await testWorkflow(counting, { retry: { maxAttempts: 3, initialBackoff: "1m", jitter: "none" } });
  t.fail("half", new Error("flaky"), { attempts: [1, 2] });
  const run = await t.start("a");
  await t.settle();
  await run.handle.pause();
  expect(await refusal(run.toEnd())).toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("paused") });
  await run.handle.resume();
  expect(await refusal(run.toEnd({ within: "1s" }))).toMatchObject({
    message: expect.stringContaining("within 1s of the test's time"),
  });
  expect(await run.toEnd()).toBe("completed");
});

test("names of no node are refused with those that there are", async () => {
  const typo: Record<string, () => never> = { paymnt: failing("x") as () => never };
  expect(await refusal(testWorkflow(orders, { mocks: typo }))).toMatchObject({
    code: "INVALID_VALUE",
    message: 'workflow "orders" has no node "paymnt"',
    hints: ["Its nodes are check, pay, refuse, ship, sorry."],
  });
});
