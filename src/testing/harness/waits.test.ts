import { expect, test } from "vitest";
import { z } from "zod";
import {
  child,
  context,
  event,
  field,
  isMillraceError,
  next,
  node,
  sleep,
  waitForEvent,
  waitForInput,
  workflow,
} from "../../index.ts";
import { testWorkflow } from "./workflow-test.ts";

const Text = z.string();
const Asked = context({ asked: field.counter() });
const Paid = event("paid", z.object({ amount: z.number() }));

const packing = workflow({
  name: "packing",
  version: "1",
  nodes: { pack: node({ input: Text, run: ({ input }) => next(`packed ${input}`) }) },
  start: "pack",
  edges: { pack: [] },
});

const orders = workflow({
  name: "orders",
  version: "1",
  context: Asked,
  nodes: {
    approve: waitForInput({
      input: Text.transform((text) => text.toUpperCase()),
      receive: z.boolean(),
      context: Asked,
      deadline: "3d",
      prompt({ input, context: shared }) {
        shared.asked.add();
        return `${input}?`;
      },
      run: ({ input, received }) => next(received ? input : "nothing"),
    }),
    paid: waitForEvent({ input: Text, event: Paid, key: ({ input }) => input, run: ({ input }) => next(input) }),
    cool: sleep(Text, "2h"),
    own: child(packing),
    late: node({ input: Text, run: ({ input, error }) => next(`${input}: ${error?.code}`) }),
  },
  start: "approve",
  edges: { approve: { to: "paid", onTimeout: "late" }, paid: "cool", cool: "own", own: [], late: [] },
});

test("a test answers, sends events and lets time pass, and the run goes on", async () => {
  await using t = await testWorkflow(orders);
  const run = await t.start("book");
  await t.settle();
  expect(await run.waits()).toMatchObject([{ node: "approve", prompt: "BOOK?" }]);
  await run.complete("approve", true);
  expect(await t.sendEvent(Paid, { key: "BOOK", payload: { amount: 1 } })).toEqual({ outcome: "delivered", waits: 1 });
  await t.advance("119m");
  expect(await run.status()).toBe("waiting");
  await t.advance("1m");
  expect(await run.output()).toBe("packed BOOK");
  expect(run.executions("paid")).toMatchObject([{ input: "BOOK" }]);
  expect((await run.context()).asked.value).toBe(1);
});

test("a crash at any commit of a wait asks nobody twice", async () => {
  for (const side of ["crashBeforeCommit", "crashAfterCommit"] as const) {
    await using t = await testWorkflow(orders);
    for (const name of ["approve", "paid", "cool", "own"] as const) t[side](name);
    const run = await t.start("book");
    await t.advance("1m");
    await run.complete("approve", true);
    await t.advance("1m");
    await t.sendEvent(Paid, { key: "BOOK", payload: { amount: 1 } });
    expect(await run.toEnd({ within: "3h" })).toBe("completed");
    expect(await run.output()).toBe("packed BOOK");
    expect((await run.context()).asked.value).toBe(1);
  }
});

test("a deadline that the test lets pass takes its edge", async () => {
  await using t = await testWorkflow(orders);
  const run = await t.start("book");
  expect(await run.toEnd()).toBe("completed");
  expect(await run.output()).toBe("book: DEADLINE");
});

test("a mock stands in for the whole of a wait", async () => {
  await using t = await testWorkflow(orders, {
    mocks: {
      approve: ({ input }) => next(input),
      paid: ({ input }) => next(input),
      cool: ({ input }) => next(input),
      own: () => next("mocked"),
    },
  });
  const run = await t.start("book");
  expect(await run.toEnd()).toBe("completed");
  expect([await run.output(), (await run.context()).asked.value]).toEqual(["mocked", 0]);
});

test("a mock has no real wait to call, and an answer needs a wait", async () => {
  await using t = await testWorkflow(orders, { mocks: { approve: ({ real }) => real() }, retry: false });
  const run = await t.start("book");
  await t.settle();
  expect((await run.failure())?.message).toContain("stands in for the whole of that");
  const thrown: unknown = await run.complete("paid", { amount: 1 }).catch((error: unknown) => error);
  expect(isMillraceError(thrown, "WAIT_NOT_FOUND")).toBe(true);
});
