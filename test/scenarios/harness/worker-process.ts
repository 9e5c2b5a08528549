/**
 * A worker in a process of its own, as a scenario orders it: opens the store, runs the workflows that it is told to, and
 * traces what the store refused it. It drains on SIGTERM and ends with the scenario that started it, whatever happens to
 * that. It is told no more than a worker in production would be.
 */

import process from "node:process";
import { DistributedWorker, defineBackend, isWorkflow, type Logger, type Workflow } from "../../../src/index.ts";
import { observed, withLostAnswers } from "./observed-operations.ts";
import { openStore } from "./store-address.ts";
import { gate, trace } from "./traces.ts";
import type { ReadyMessage, WorkerOrder } from "./worker-order.ts";

// What the harness of the same version put there.
const order: WorkerOrder = JSON.parse(process.argv[2] ?? "");
const abandoned = (): void => process.exit(1);
process.on("disconnect", abandoned);

const workflows = await load(order);
if (order.gate !== undefined) {
  say("loaded");
  await gate(order.gate);
}
const { lostAnswers } = order;
const store = await openStore(order.store, order.limits);
const operations = observed(
  lostAnswers === undefined ? store.operations : withLostAnswers(store.operations, lostAnswers),
);
const worker = new DistributedWorker({
  ...order.options,
  backend: defineBackend(operations),
  workflows,
  logger: logger(),
  callbacks: {
    onItemProcessed({ itemId, node, outcome, failure }) {
      trace("outcomes", { itemId, node, outcome, code: failure?.code });
    },
  },
});
process.on("SIGTERM", () => void worker.stop({ drain: order.drain }));
const working = worker.run();
await worker.ready();
say("ready");
await working;
await store.close();
process.off("disconnect", abandoned);
process.disconnect();

function say(kind: ReadyMessage["kind"]): void {
  process.send?.({ kind } satisfies ReadyMessage);
}

async function load({ module, workflows: names }: WorkerOrder): Promise<readonly Workflow[]> {
  const exported: Readonly<Record<string, unknown>> = await import(module);
  return names.map((name) => {
    const found = exported[name];
    if (!isWorkflow(found)) throw new Error(`${module} exports no workflow ${name}`);
    return found;
  });
}

function logger(): Logger {
  const at =
    (level: string): Logger["info"] =>
    (message, data) =>
      trace("log", { level, message, data });
  return { debug: () => undefined, info: at("info"), warn: at("warn"), error: at("error") };
}
