/**
 * The same with the test runner of Node itself, which needs nothing but `node:assert`.
 *
 *     node --test examples/testing/orders-node.ts
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { next } from "millrace";
import { crashEverywhere, testWorkflow } from "millrace/testing";
import { orders } from "./orders.ts";

const order = { id: "7", card: "4242", cents: 1_250 };

test("a review is asked for three days after the card was charged", async () => {
  await using t = await testWorkflow(orders, {
    mocks: { charge: ({ input }) => next({ id: input.id, reference: "ref-1" }, { delay: "3d" }) },
  });
  const run = await t.start(order);
  await t.settle();
  assert.equal(await run.status(), "running");
  await t.advance("3d");
  assert.equal(await run.output(), "order 7: how was it?");
  assert.deepEqual((await run.context()).log.events, ["asked for a review"]);
});

test("a payment service that stays away leads to an apology", async () => {
  await using t = await testWorkflow(orders);
  t.fail("charge", new Error("no answer"));
  const run = await t.start(order);
  assert.equal(await run.toEnd(), "completed");
  assert.equal(await run.output(), "order 7: sorry (ERROR)");
  assert.deepEqual(
    run.path().map(({ node, outcome }) => `${node} ${outcome}`),
    ["charge retried", "charge retried", "charge failedOver", "apologise completed"],
  );
  assert.equal((await run.errors()).length, 3);
});

test("an order without a card fails at once, by the real node", async () => {
  await using t = await testWorkflow(orders);
  const run = await t.start({ ...order, card: "" });
  await t.settle();
  assert.equal(await run.output(), "order 7: sorry (NO_CARD)");
  assert.equal(run.executions("charge").length, 1);
});

test("orders come to the same wherever a worker vanishes", async () => {
  const { points, crashes } = await crashEverywhere(orders, order, {
    mocks: { charge: ({ input }) => next({ id: input.id, reference: "ref-1" }) },
  });
  assert.equal(points, 2);
  assert.equal(crashes, 4);
});
