/**
 * A person decides in the middle of a run. The item of the node `decide` lies in a queue of its own that no worker
 * serves; a program for people takes it from there, with a lease, and completes it. Nothing polls and nothing is held in
 * memory: the run survives every restart, for as long as the person takes. Waits, with addresses and deadlines of their own, are not
 * there yet; this is how it is done without.
 *
 *     node examples/approval/main.ts
 *
 *     request ─► decide ─┬ approved ─► buy
 *                        └ rejected ─► decline
 */

import {
  type Abort,
  abort,
  type Backend,
  connect,
  DistributedOrchestrator,
  type Next,
  next,
  node,
  type Variant,
  variant,
  WorkerPool,
  workflow,
} from "millrace";
import { z } from "zod";

const Purchase = z.object({ item: z.string(), price: z.number().positive() });
const Decision = Purchase.extend({ by: z.string() });
type Decided = Variant<"approved", z.infer<typeof Decision>> | Variant<"rejected", z.infer<typeof Decision>>;

const PEOPLE = "people";

const request = node({ input: Purchase, run: ({ input }) => next(input) });

/** The types of what a person may decide; its body runs only where a worker is told to serve the queue of people. */
const decide = node({
  queue: PEOPLE,
  input: Purchase,
  retry: false,
  run: (): Next<Decided> | Abort => abort("a worker served the queue of people"),
});

const buy = node({
  input: Decision,
  run: ({ input }) => next(`${input.item} bought for ${input.price}, approved by ${input.by}`),
});

const decline = node({
  input: Decision,
  run: ({ input }) => next(`${input.item} not bought, rejected by ${input.by}`),
});

const purchases = workflow({
  name: "purchase-approval",
  version: "1.0.0",
  nodes: { request, decide, buy, decline },
  start: "request",
  edges: {
    request: "decide",
    decide: { route: { approved: "buy", rejected: "decline" } },
    buy: [],
    decline: [],
  },
});

/** The program for people: takes the next open decision, asks, and completes it. False when there is none. */
async function decideOne(backend: Backend, person: (purchase: z.infer<typeof Purchase>) => string): Promise<boolean> {
  await using item = await backend.queue.dequeue({ workflow: purchases.name, queues: [PEOPLE], lease: "10m" });
  if (item === undefined) return false;
  const purchase = Purchase.parse(item.input);
  const answer = person(purchase) === "yes" ? "approved" : "rejected";
  await item.complete(variant(answer, { ...purchase, by: "Ada" }));
  return true;
}

await using backend = await connect();
const orchestrator = new DistributedOrchestrator({ backend, workflows: [purchases] });
await using pool = new WorkerPool({ backend, workflows: [purchases], queues: ["default"] });
await pool.start();

const handles = await Promise.all([
  orchestrator.startRun(purchases, { item: "desk", price: 300 }),
  orchestrator.startRun(purchases, { item: "yacht", price: 900_000 }),
]);

// Once `request` is committed, the item of `decide` is there; the run then waits for a person, and for nothing else.
for (const handle of handles) {
  for await (const event of handle.watch()) {
    if (event.type === "item" && event.node === "request") break;
  }
}
console.log("2 purchases wait for a decision");

while (await decideOne(backend, ({ price }) => (price < 1_000 ? "yes" : "no")));
for (const handle of handles) console.log(await handle.result());
