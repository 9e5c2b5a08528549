import { expect, test } from "vitest";
import { emit, output, ProtocolWorker, publishDefinition, startOf, text } from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import { memoryOperations } from "../memory/index.ts";

test("a run goes from its start through its items to its output", async () => {
  const operations = memoryOperations({ clock: manualClock(1_000) });
  await publishDefinition(operations);
  const [started] = await operations.startRuns([startOf("run")]);
  expect(started).toMatchObject({ kind: "started", run: { id: "run", status: "running", open: 1, items: 1 } });
  const worker = await ProtocolWorker.open(operations, "s1");
  const first = await worker.claimOne();
  expect(first).toMatchObject({
    reason: "ready",
    item: { item: 0, epoch: 1 },
    run: { workflow: "orders", version: "1.0.0" },
  });
  await worker.finish(first, emit(["second"]));
  const second = await worker.claimOne();
  expect(await worker.finish(second, output('"done"'))).toMatchObject({ kind: "committed", runStatus: "completed" });
  const run = await operations.read.run("run");
  expect(run).toMatchObject({ status: "completed", open: 0, completed: 2, outputs: 1 });
  expect(text(run?.output)).toBe('"done"');
});
