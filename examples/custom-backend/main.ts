/**
 * A workflow on a store that the package does not know: the journal of this folder. Kill the program at any line and start
 * it again: what was committed stays. Look at what it keeps with `cat .millrace/journal/default/*.jsonl`.
 *
 *     node examples/custom-backend/main.ts
 *
 *     pick ─► pack (one for each thing) ─► send
 */

import { DistributedOrchestrator, join, next, node, split, unchecked, WorkerPool, workflow } from "millrace";
import { openJournal } from "./journal.ts";

const pick = split(unchecked<string>(), (list) => list.split(", "));
const pack = node({ input: unchecked<string>(), run: ({ input }) => next(`a box with ${input}`) });
const send = join({
  of: "pick",
  input: unchecked<string>(),
  run: ({ inputs }) => next(`sent ${inputs.join(" and ")}`),
});

const parcel = workflow({
  name: "parcel",
  version: "1.0.0",
  nodes: { pick, pack, send },
  start: "pick",
  edges: { pick: "pack", pack: "send", send: [] },
});

await using backend = await openJournal({ folder: ".millrace/journal" });
await using pool = new WorkerPool({ backend, workflows: [parcel] });
await pool.start();

const orchestrator = new DistributedOrchestrator({ backend, workflows: [parcel] });
const handle = await orchestrator.startRun(parcel, "a kettle, two cups", { idempotencyKey: "order 7" });
console.log(await handle.result());
console.log(`${backend.kind}, durable against the loss of ${backend.capabilities.durability}`);
