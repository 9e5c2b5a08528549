/**
 * Testing a workflow with vitest: mocked nodes, time that only the test moves, failures and crashes where it wants them.
 *
 *     npx vitest run --root examples/testing
 */

import { abort, next } from "millrace";
import { crashEverywhere, failing, failTimes, testWorkflow } from "millrace/testing";
import { describe, expect, it } from "vitest";
import { orders } from "./orders.ts";

const order = { id: "7", card: "4242", cents: 1_250 };

describe("orders", () => {
  it("ask for a review three days after the card was charged", async () => {
    await using t = await testWorkflow(orders, {
      startAt: "2026-05-01T12:00:00Z",
      mocks: { charge: ({ input }) => next({ id: input.id, reference: "ref-1" }, { delay: "3d" }) },
    });
    const run = await t.start(order);
    await t.settle();
    expect(run.executions("review")).toEqual([]);
    await t.advance("3d");
    expect(await run.output()).toBe("order 7: how was it?");
    expect(run.executions("review")).toMatchObject([
      { attempt: 1, input: { id: "7", reference: "ref-1" }, at: Date.parse("2026-05-04T12:00:00Z") },
    ]);
    expect((await run.context()).log.events).toEqual(["asked for a review"]);
  });

  it("try a busy payment service again", async () => {
    await using t = await testWorkflow(orders, {
      mocks: { charge: failTimes(2, new Error("busy"), ({ input }) => next({ id: input.id, reference: "ref-2" })) },
    });
    const run = await t.start(order);
    expect(await run.toEnd()).toBe("completed");
    expect(run.path()).toEqual([
      { node: "charge", attempt: 1, outcome: "retried" },
      { node: "charge", attempt: 2, outcome: "retried" },
      { node: "charge", attempt: 3, outcome: "completed" },
      { node: "review", attempt: 1, outcome: "completed" },
    ]);
  });

  it("apologise for a card that is refused", async () => {
    await using t = await testWorkflow(orders, {
      mocks: { charge: failing(abort("the card was refused", { code: "CARD_REFUSED" })) },
    });
    const run = await t.start(order);
    await t.settle();
    expect(await run.output()).toBe("order 7: sorry (CARD_REFUSED)");
    expect((await run.context()).status.value).toBe("not charged");
  });

  it("charge again when the worker vanishes before it could say so", async () => {
    await using t = await testWorkflow(orders, {
      mocks: { charge: ({ input, idempotencyKey }) => next({ id: input.id, reference: idempotencyKey }) },
    });
    t.crashBeforeCommit("charge");
    const run = await t.start(order);
    expect(await run.toEnd()).toBe("completed");
    const [first, second] = run.executions("charge");
    expect(second?.itemId).toBe(first?.itemId);
    expect(run.path().map(({ outcome }) => outcome)).toEqual(["crashed", "completed", "completed"]);
  });

  it("come to the same wherever a worker vanishes", async () => {
    const report = await crashEverywhere(orders, order, {
      mocks: {
        charge: async ({ input, idempotencyKey, step, context }) => {
          const reference = await step("charge", () => `ref-${idempotencyKey}`);
          context.status.set("charged");
          return next({ id: input.id, reference });
        },
      },
    });
    expect(report).toEqual({ points: 3, crashes: 6 });
  });
});
