/** One worker process of `npm start -- --workers N`. It ends, drained, when the process that made it ends or says so. */

import { DistributedWorker } from "millrace";
import { ofEnvironment, openStore } from "./store.ts";
import { WORKER } from "./worker-settings.ts";
import { licenceAudit } from "./workflow.ts";

await using backend = await openStore(ofEnvironment(process.env));
const worker = new DistributedWorker({ backend, workflows: [licenceAudit], ...WORKER });
const stop = () => void worker.stop({ drain: "5s" });
// Ctrl-C reaches the whole group of processes; the first one says when to stop.
process.on("SIGINT", () => undefined);
process.once("SIGTERM", stop);
process.once("disconnect", stop);
await worker.run();
