/**
 * The workflow that the two test files beside this one test: an order is charged, with retries; three days later the
 * customer is asked for a review. A card that is refused takes the failure edge. It is exported and not run, so that
 * workers and tests can both import it.
 *
 *     charge ─┬─ three days ─► review ─►
 *             └ failed ─► apologise ─►
 */

import { abort, context, field, next, node, workflow } from "millrace";
import { z } from "zod";

const Order = z.object({ id: z.string(), card: z.string(), cents: z.number().int().positive() });
const Receipt = z.object({ id: z.string(), reference: z.string() });

const OrderContext = context({ log: field.eventLog<string>(), status: field.register("new") });

/** The payment service; tests have no need of it. */
async function chargeCard(_card: string, _cents: number, _idempotencyKey: string): Promise<string> {
  throw new Error("the payment service is not configured");
}

export const orders = workflow({
  name: "orders",
  version: "1",
  context: OrderContext,
  nodes: {
    charge: node({
      context: OrderContext,
      input: Order,
      output: Receipt,
      retry: { maxAttempts: 3, initialBackoff: "1m" },
      async run({ input, context, idempotencyKey, step }) {
        if (input.card === "") return abort("no card was given", { code: "NO_CARD" });
        const reference = await step("charge", () => chargeCard(input.card, input.cents, idempotencyKey));
        context.status.set("charged");
        context.log.append(`charged ${input.cents} cents`);
        return next({ id: input.id, reference }, { delay: "3d" });
      },
    }),
    review: node({
      context: OrderContext,
      input: Receipt,
      run({ input, context }) {
        context.log.append("asked for a review");
        return next(`order ${input.id}: how was it?`);
      },
    }),
    apologise: node({
      context: OrderContext,
      input: Order,
      run({ input, context, error }) {
        context.status.set("not charged");
        return next(`order ${input.id}: sorry (${error?.code})`);
      },
    }),
  },
  start: "charge",
  edges: { charge: { to: "review", onFailure: "apologise" }, review: [], apologise: [] },
});
