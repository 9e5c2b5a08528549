/**
 * Moving runs as the cases do it: all parts of a run out of one backend, and into another under a name of their own. It
 * speaks the contract and nothing else.
 */

import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { ExportOutcome, ImportOutcome, RunPart } from "../../backend/contract/transfer.ts";
import { dumpRun, type RunDump } from "./dump.ts";
import { check, equal, ofKind, present } from "./expectation.ts";
import { arrival, bytes, emit, fanOut, newItem, next, textOf } from "./parts.ts";
import type { Stage } from "./stage.ts";

type Transfer = Pick<BackendOperations, "transfer">;
export type Exported = Extract<ExportOutcome, { kind: "part" }>;

/** All parts of a run, which must not change meanwhile. */
export async function exportParts({ transfer }: Transfer, runId: string): Promise<readonly Exported[]> {
  const exported: Exported[] = [];
  let cursor: string | undefined;
  do {
    const outcome = ofKind(await transfer.export(runId, cursor), "part", `part ${exported.length} of run ${runId}`);
    equal(outcome.part.number, exported.length, "the number of the part");
    equal(outcome.part.last, outcome.cursor === undefined, "whether the part is the last one");
    exported.push(outcome);
    cursor = outcome.cursor;
  } while (cursor !== undefined);
  equal(new Set(exported.map(({ mark }) => mark)).size, 1, "marks of one state");
  return exported;
}

export async function partsOf(from: Transfer, runId: string): Promise<readonly RunPart[]> {
  return (await exportParts(from, runId)).map(({ part }) => part);
}

/** Imports parts in their order; the outcome of the last one that was sent. */
export async function importParts(
  { transfer }: Transfer,
  parts: readonly RunPart[],
  name = "import-1",
): Promise<ImportOutcome> {
  let outcome: ImportOutcome | undefined;
  for (const part of parts) {
    outcome = await transfer.import({ import: name, part });
    if (outcome.kind !== "taken") break;
  }
  return present(outcome, "the outcome of the import");
}

/** Copies a run, which must arrive. */
export async function copyRun(from: Transfer, to: Transfer, runId: string): Promise<readonly RunPart[]> {
  const parts = await partsOf(from, runId);
  ofKind(await importParts(to, parts), "imported", `the import of run ${runId}`);
  return parts;
}

/** Everything of a run that another store has of it, too: all but which sessions had its items, and until when. */
export async function portrait(backend: Pick<BackendOperations, "read">, runId: string): Promise<RunDump> {
  const dump = await dumpRun(backend, runId);
  const items = dump.items.map((item) => ({ ...item, session: undefined, timeoutAt: undefined }));
  return { ...dump, run: { ...dump.run, affinity: undefined }, items };
}

/** A run that left something in every table, completed by as many branches as there are values. */
export async function fullRun(stage: Stage, values: readonly string[]): Promise<string> {
  const id = await stage.start({
    tags: { team: "a", region: "" },
    idempotencyKey: `key-${values.length}`,
    completion: "all",
    delta: { bytes: bytes("initial"), writes: [0, 2] },
    parent: { runId: "some-parent", item: 7 },
    maxItems: 10_000,
  });
  const worker = await stage.session();
  const first = await worker.take();
  const { epoch } = first.item;
  const memo = { runId: id, item: 0, epoch, session: worker.id, name: "charged", value: bytes("receipt") };
  equal(await stage.backend.putMemo(memo), true, "whether the memo was kept");
  await worker.did(first, {
    kind: "retry",
    delayMs: 5,
    failure: { code: "ERROR", message: "no", details: [1, { a: 2 }] },
  });
  await stage.clock.advance(5);
  await worker.did(await worker.take(), fanOut("branch", values), {
    delta: bytes("grown"),
    writes: [1],
    metrics: [{ name: "size", value: -0.5 }],
    logs: [{ at: 1, level: "info", message: "opened", data: "[1]" }],
  });
  for (let left = values.length; left > 0; ) {
    const { items } = await worker.claim({ limit: 50 });
    for (const claimed of items) await worker.did(claimed, bothWays(textOf(claimed.input)));
    left -= items.length;
    check(items.length > 0, "every branch is claimed");
  }
  await worker.did(await worker.take(), next());
  equal((await stage.state(id)).status, "completed", "the status of the run that is moved");
  await worker.signOff();
  return id;
}

/** A value for the join, and one for the run. */
function bothWays(value: string): ReturnType<typeof emit> {
  const outputs = [{ index: 1, value: bytes(`output ${value}`) }];
  return emit({ arrivals: [arrival("join", "first", `arrival ${value}`)], outputs, width: 2 });
}

/** An open run with more items than fit into a part, one of them failed once, none in progress. */
export async function largeOpenRun(stage: Stage, items: number): Promise<string> {
  const id = await stage.start({ idempotencyKey: "large", maxItems: items + 10 });
  const worker = await stage.session();
  const nodes = Array.from({ length: items }, (_, index) => newItem("branch", { index, input: bytes(String(index)) }));
  await worker.did(await worker.take(), { ...next(), items: nodes, width: items });
  await stage.does({ kind: "pause", runId: id });
  await worker.signOff();
  return id;
}
