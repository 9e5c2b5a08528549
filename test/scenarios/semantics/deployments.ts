/**
 * The ways in which the catalogue is run: over memory and over a SQLite file by one process, and over a SQLite file by
 * three worker processes beside the one that starts and looks. Each gives the same things to hold; nothing of a scenario
 * depends on which it is.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Backend,
  connect,
  DistributedOrchestrator,
  DistributedWorker,
  type Workflow,
} from "../../../src/index.ts";
import { isIntact } from "../harness/store-file.ts";
import { ProcessHandle } from "../harness/worker-handle.ts";
import { workerOptions } from "./worker-options.ts";

export interface Deployment {
  readonly backend: Backend;
  readonly orchestrator: DistributedOrchestrator;
  /** Ends everything that was started. Throws what workers had to say on stderr, and what is wrong with the file. */
  close(): Promise<void>;
}

export interface Form {
  readonly name: string;
  deploy(workflows: readonly Workflow[]): Promise<Deployment>;
}

export const FORMS: readonly Form[] = [
  { name: "memory, one process", deploy: async (workflows) => await oneProcess("memory:", workflows) },
  {
    name: "a SQLite file, one process",
    async deploy(workflows) {
      const place = storePlace();
      const deployed = await oneProcess(`sqlite:${place.path}`, workflows);
      return { ...deployed, close: () => place.close(deployed) };
    },
  },
  {
    name: "a SQLite file, three worker processes",
    async deploy(workflows) {
      const place = storePlace();
      const deployed = await threeProcesses(place.folder, place.path, workflows);
      return { ...deployed, close: () => place.close(deployed) };
    },
  },
];

/** Two workers, so that items meet those of another one here too. */
const WORKERS = 2;

async function oneProcess(url: string, workflows: readonly Workflow[]): Promise<Deployment> {
  const backend = await connect(url);
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

async function threeProcesses(folder: string, path: string, workflows: readonly Workflow[]): Promise<Deployment> {
  const backend = await connect(`sqlite:${path}`);
  const workers = Array.from({ length: PROCESSES }, () => new ProcessHandle(program, path, folder));
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

interface StorePlace {
  readonly folder: string;
  readonly path: string;
  close(deployed: Deployment): Promise<void>;
}

function storePlace(): StorePlace {
  const folder = mkdtempSync(join(tmpdir(), "millrace-semantics-"));
  const path = join(folder, "store.db");
  return {
    folder,
    path,
    async close(deployed) {
      await deployed.close();
      const intact = isIntact(path);
      rmSync(folder, { recursive: true, force: true });
      if (intact !== "ok") throw new Error(`the store's file is broken: ${intact}`);
    },
  };
}
