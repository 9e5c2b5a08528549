/**
 * Orchestrators in a process of their own that keep schedules and do nothing else, as a scenario orders them. One that is
 * told to vanish kills itself the moment a start was acknowledged, before anything else can be put. It ends with the scenario.
 */

import process from "node:process";
import { type BackendOperations, DistributedOrchestrator, defineBackend } from "../../../src/index.ts";
import { openStore, type StoreAddress } from "./store-address.ts";
import type { ReadyMessage } from "./worker-order.ts";

export interface KeeperOrder {
  readonly store: StoreAddress;
  /** So many orchestrators in this process. */
  readonly orchestrators: number;
  readonly vanishesAfterStart: boolean;
}

// What the scenario of the same version put there.
const order: KeeperOrder = JSON.parse(process.argv[2] ?? "");
const abandoned = (): void => process.exit(1);
process.on("disconnect", abandoned);

const store = await openStore(order.store);
const operations = order.vanishesAfterStart ? vanishing(store.operations) : store.operations;
const keepers = Array.from({ length: order.orchestrators }, () =>
  new DistributedOrchestrator({ backend: defineBackend(operations) }).schedules.keep(),
);
process.on("SIGTERM", () => void stop());
process.send?.({ kind: "ready" } satisfies ReadyMessage);

async function stop(): Promise<void> {
  await Promise.all(keepers.map((keeper) => keeper.stop()));
  await store.close();
  process.off("disconnect", abandoned);
  process.disconnect();
}

function vanishing(honest: BackendOperations): BackendOperations {
  return {
    ...honest,
    async startRuns(starts) {
      await honest.startRuns(starts);
      process.kill(process.pid, "SIGKILL");
      return await new Promise<never>(() => undefined);
    },
  };
}
