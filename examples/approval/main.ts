/**
 * A person decides in the middle of a run. The item of the node `decide` is parked: nothing polls, nothing is held in
 * memory, no worker is busy with it, and the run survives every restart for as long as the person takes. Whoever asks people,
 * a web page, a chat, a command line, lists the waits and completes them. Nobody decides within three days: then it is escalated.
 *
 *     node examples/approval/main.ts
 *
 *     decide ─┬ approved ─► buy
 *        ┆    └ rejected ─► decline
 *        └ after 3 days ──► escalate
 */

import { connect, DistributedOrchestrator, next, node, variant, WorkerPool, waitForInput, workflow } from "millrace";
import { z } from "zod";

const Purchase = z.object({ item: z.string(), price: z.number().positive() });
const Decision = z.object({ approved: z.boolean(), by: z.string() });
const Decided = Purchase.extend({ by: z.string() });

const decide = waitForInput({
  input: Purchase,
  receive: Decision,
  prompt: ({ input }) => `Buy ${input.item} for ${input.price}?`,
  deadline: "3d",
  run({ input, received }) {
    const decided = { ...input, by: received.by };
    return received.approved ? next(variant("approved", decided)) : next(variant("rejected", decided));
  },
});

const buy = node({
  input: Decided,
  run: ({ input }) => next(`${input.item} bought for ${input.price}, approved by ${input.by}`),
});

const decline = node({
  input: Decided,
  run: ({ input }) => next(`${input.item} not bought, rejected by ${input.by}`),
});

const escalate = node({
  input: Purchase,
  run: ({ input, error }) => next(`${input.item} not bought yet: ${error?.message}`),
});

const purchases = workflow({
  name: "purchase-approval",
  version: "2.0.0",
  nodes: { decide, buy, decline, escalate },
  start: "decide",
  edges: {
    decide: { route: { approved: "buy", rejected: "decline" }, onTimeout: "escalate" },
    buy: [],
    decline: [],
    escalate: [],
  },
});

await using backend = await connect();
const orchestrator = new DistributedOrchestrator({ backend, workflows: [purchases] });
await using pool = new WorkerPool({ backend, workflows: [purchases] });
await pool.start();

const handles = await Promise.all([
  orchestrator.startRun(purchases, { item: "desk", price: 300 }),
  orchestrator.startRun(purchases, { item: "yacht", price: 900_000 }),
]);
for (const handle of handles) {
  for await (const event of handle.watch()) if (event.type === "run" && event.status === "waiting") break;
}
console.log("2 purchases wait for a decision");

// What a program for people does: it shows the prompts, and completes the waits with what was decided.
for (const handle of handles) {
  for (const { id, prompt } of await handle.waits()) {
    const approved = prompt?.includes("desk") === true;
    await orchestrator.completeWait(id, { approved, by: "Ada" }, { actor: "Ada" });
  }
}
for (const handle of handles) console.log(await handle.result());
