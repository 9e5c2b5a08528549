/**
 * Orders: a retry with back-off, a failure edge that carries on where the card is refused, schemas by zod, and a start
 * that is idempotent. Everything is kept in SQLite, in `.millrace` of the current folder: start the program twice, and
 * the second time nothing is charged again.
 *
 *     node examples/order-processing/main.ts
 *
 *     validate ─► payment ─┬────────────────────► notify
 *                          └ failed ─► cancelOrder ─►
 */

import { abort, connect, context, DistributedOrchestrator, field, next, node, WorkerPool, workflow } from "millrace";
import { z } from "zod";

const Order = z.object({ orderId: z.string(), card: z.string(), cents: z.number().int().positive() });
const Outcome = z.object({ orderId: z.string(), status: z.enum(["paid", "cancelled"]), detail: z.string() });

const OrderContext = context({
  log: field.eventLog<string>(),
  charges: field.counter(),
});

/** Stands in for a payment service: it is busy at first, and knows one card that it refuses. */
const service = {
  calls: new Map<string, number>(),
  charge(key: string, card: string): string {
    const call = (this.calls.get(key) ?? 0) + 1;
    this.calls.set(key, call);
    if (call < 3) throw new Error(`the payment service is busy (call ${call})`);
    if (card.endsWith("0000")) return "refused";
    return "charged";
  },
};

const validate = node({
  context: OrderContext,
  input: Order,
  run({ input, context }) {
    context.log.append("validated");
    return next(input);
  },
});

const payment = node({
  context: OrderContext,
  input: Order,
  output: Outcome,
  retry: { maxAttempts: 5, initialBackoff: "20ms", strategy: "linear" },
  timeout: "10s",
  run({ input, context, attempt, idempotencyKey }) {
    // The key is the same on every attempt: a service that remembers it charges once, whatever happens to this process.
    const answer = service.charge(idempotencyKey, input.card);
    // An abort is not retried: another attempt would be refused too.
    if (answer === "refused") return abort("the card was refused", { code: "CARD_REFUSED" });
    context.charges.add();
    context.log.append(`paid at attempt ${attempt}`);
    return next({ orderId: input.orderId, status: "paid", detail: `${input.cents} cents` });
  },
});

const cancelOrder = node({
  context: OrderContext,
  input: Order,
  output: Outcome,
  run({ input, context, error }) {
    context.log.append(`cancelled: ${error?.code ?? "no reason"} at attempt ${error?.attempt ?? 0}`);
    return next({ orderId: input.orderId, status: "cancelled", detail: error?.message ?? "" });
  },
});

const notify = node({
  input: Outcome,
  run: ({ input }) => next(`${input.orderId} ${input.status}: ${input.detail}`),
});

const orders = workflow({
  name: "order-processing",
  version: "1.0.0",
  context: OrderContext,
  nodes: { validate, payment, cancelOrder, notify },
  start: "validate",
  edges: {
    validate: "payment",
    payment: { to: "notify", onFailure: "cancelOrder" },
    cancelOrder: "notify",
    notify: [],
  },
});

await using backend = await connect();
await using pool = new WorkerPool({ backend, workflows: [orders] });
await pool.start();

const orchestrator = new DistributedOrchestrator({ backend, workflows: [orders] });
for (const order of [
  { orderId: "o-1", card: "4242 4242", cents: 1_250 },
  { orderId: "o-2", card: "4000 0000", cents: 8_000 },
]) {
  const handle = await orchestrator.startRun(orders, order, { idempotencyKey: order.orderId });
  console.log(await handle.result());
  const { log, charges } = await handle.context();
  console.log(`  ${log.events.join(", ")}; charged ${charges.value} times`);
}
