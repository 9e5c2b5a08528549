/**
 * A worker process for the catalogue: executes items of all its workflows on the store that it is given, until it gets
 * SIGTERM or the test that started it is gone.
 */

import process from "node:process";
import { DistributedWorker } from "../../../src/index.ts";
import { openStore, type StoreAddress } from "../harness/store-address.ts";
import { workflows } from "./catalogue.ts";
import { workerOptions } from "./worker-options.ts";

const address: StoreAddress = JSON.parse(process.argv[2] ?? "");
const abandoned = (): void => process.exit(1);
process.on("disconnect", abandoned);

const backend = await openStore(address);
const worker = new DistributedWorker({ ...workerOptions, backend, workflows });
process.on("SIGTERM", () => void worker.stop({ drain: 0 }));
const working = worker.run();
await worker.ready();
process.send?.({ kind: "ready" });
await working;
await backend.close();
process.off("disconnect", abandoned);
process.disconnect();
