/**
 * The ways in which the catalogue is run: over memory and over a SQLite file by one process, and over each kind of store
 * that processes can share by three worker processes beside the one that starts and looks. Each gives the same things to
 * hold; nothing of a scenario depends on which it is.
 */

import { fileURLToPath } from "node:url";
import { type Backend, DistributedOrchestrator, DistributedWorker, memory, type Workflow } from "../../../src/index.ts";
import { openStore } from "../harness/store-address.ts";
import { CLUSTER, SQLITE, STORES, type StoreKind, type StoreSite } from "../harness/store-sites.ts";
import { ProcessHandle } from "../harness/worker-handle.ts";
import { workerOptions } from "./worker-options.ts";

export interface Deployment {
  readonly backend: Backend;
  readonly orchestrator: DistributedOrchestrator;
  /** Ends everything that was started. Throws what workers had to say on stderr, and what is wrong with the store. */
  close(): Promise<void>;
}

export interface Form {
  readonly name: string;
  deploy(workflows: readonly Workflow[]): Promise<Deployment>;
}

export const FORMS: readonly Form[] = [
  { name: "memory, one process", deploy: async (workflows) => await oneProcess(memory(), workflows) },
  {
    name: "a SQLite file, one process",
    deploy: async (workflows) =>
      await onSite(SQLITE, async ({ address }) => await oneProcess(await openStore(address), workflows)),
  },
  ...[...STORES, CLUSTER].map((kind) => ({
    name: `${kind.name}, three worker processes`,
    deploy: async (workflows: readonly Workflow[]) =>
      await onSite(kind, async (site) => await threeProcesses(site, workflows)),
  })),
];

/** Whatever becomes of the deployment, its store goes with it. */
async function onSite(kind: StoreKind, deploy: (site: StoreSite) => Promise<Deployment>): Promise<Deployment> {
  const site = await kind.prepare();
  try {
    const deployment = await deploy(site);
    return {
      ...deployment,
      close: () => deployment.close().finally(() => site.remove()),
    };
  } catch (error) {
    await site.remove();
    throw error;
  }
}

/** Two workers, so that items meet those of another one here too. */
const WORKERS = 2;

async function oneProcess(backend: Backend, workflows: readonly Workflow[]): Promise<Deployment> {
  const workers = Array.from(
    { length: WORKERS },
    () => new DistributedWorker({ ...workerOptions, backend, workflows }),
  );
  const working = workers.map((worker) => worker.run());
  return {
    backend,
    orchestrator: new DistributedOrchestrator({ backend, workflows }),
    async close() {
      await Promise.all(workers.map((worker) => worker.stop({ drain: 0 })));
      await Promise.all(working);
      await backend.close();
    },
  };
}

const PROCESSES = 3;
const program = fileURLToPath(new URL("catalogue-process.ts", import.meta.url));

async function threeProcesses({ address }: StoreSite, workflows: readonly Workflow[]): Promise<Deployment> {
  const backend = await openStore(address);
  const workers = Array.from({ length: PROCESSES }, () => new ProcessHandle(program, address, ""));
  await Promise.all(workers.map(({ ready }) => ready));
  return {
    backend,
    orchestrator: new DistributedOrchestrator({ backend, workflows }),
    async close() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await backend.close();
      const spoken = workers.map(({ stderr }) => stderr).join("");
      if (spoken !== "") throw new Error(`worker processes said on stderr:\n${spoken}`);
    },
  };
}
