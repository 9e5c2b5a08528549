import { expect, onTestFinished, test } from "vitest";
import { ProtocolWorker, startOf } from "../../../test/backend/engine.ts";
import { openScratch, runProgram, scratchFile } from "../../../test/support/sqlite-scratch.ts";
import { manualClock } from "../../core/ports.ts";
import type { BackendOperations, Wakeup } from "../contract/operations.ts";
import { createWakeupHub } from "../synchronous/wakeups.ts";
import { sharedHub, watchingHub } from "./changes.ts";
import { openSqlite } from "./index.ts";

function listen(store: Pick<BackendOperations, "subscribe">): { readonly heard: Wakeup[]; stop(): void } {
  const heard: Wakeup[] = [];
  const stop = store.subscribe((wakeup) => heard.push(wakeup));
  onTestFinished(stop);
  return { heard, stop };
}

test("handles of one file in one process hear of each other at once", async () => {
  const path = scratchFile();
  const [one, other] = [await openScratch({ path }), await openScratch({ path })];
  const { heard } = listen(other);
  await one.startRuns([startOf("run-1")]);
  expect(heard).toEqual([{ kind: "work" }, { kind: "run", runId: "run-1" }]);
});

test("namespaces of one file do not hear of each other", async () => {
  const path = scratchFile();
  const [one, other] = [await openScratch({ path, namespace: "a" }), await openScratch({ path, namespace: "b" })];
  const { heard } = listen(other);
  await one.startRuns([startOf("run-1")]);
  expect(heard).toEqual([]);
});

test("what another process writes is noticed", async () => {
  const path = scratchFile();
  const store = await openScratch({ path });
  const noticed = new Promise<Wakeup>((resolve) => onTestFinished(store.subscribe(resolve)));
  const body = `
    const store = await sqlite.openSqlite({ path: parameters[0] });
    await store.publish([{ hash: "h", name: "w", version: "2", json: "{}" }], { replace: false });
    await store.close();`;
  expect(await runProgram(body, path)).toMatchObject({ code: 0, stderr: "" });
  expect(await noticed).toEqual({ kind: "any" });
});

test("the file is looked at often after a change, seldom while nothing happens, and never when nobody listens", async () => {
  const clock = manualClock();
  let version = 1;
  let looks = 0;
  const hub = watchingHub(
    createWakeupHub(),
    () => {
      looks += 1;
      return version;
    },
    clock,
  );
  await clock.advance(10_000);
  expect(looks).toBe(0);
  const { heard, stop } = listen(hub);
  await clock.advance(10_000);
  expect(heard).toEqual([]);
  looks = 0;
  await clock.advance(10_000);
  expect(looks).toBe(40);
  version = 2;
  await clock.advance(250);
  expect(heard).toEqual([{ kind: "any" }]);
  looks = 0;
  await clock.advance(100);
  expect(looks).toBeGreaterThanOrEqual(2);
  stop();
  expect(clock.untilNext()).toBeUndefined();
});

test("a file that cannot be read for a moment has not changed", async () => {
  const clock = manualClock();
  let version: number | undefined = 1;
  const hub = watchingHub(
    createWakeupHub(),
    () => {
      if (version === undefined) throw new Error("busy");
      return version;
    },
    clock,
  );
  const { heard } = listen(hub);
  version = undefined;
  await clock.advance(1_000);
  version = 1;
  await clock.advance(1_000);
  expect(heard).toEqual([]);
  version = 2;
  await clock.advance(1_000);
  expect(heard).toEqual([{ kind: "any" }]);
});

test("a hub is shared until its last handle is gone", () => {
  const [a, b] = [sharedHub("/f", "n"), sharedHub("/f", "n")];
  expect(a.hub).toBe(b.hub);
  a.release();
  const c = sharedHub("/f", "n");
  expect(c.hub).toBe(b.hub);
  b.release();
  c.release();
  const d = sharedHub("/f", "n");
  expect(d.hub).not.toBe(a.hub);
  d.release();
});

test("what another handle writes is true for this one at once, whatever it knew before", async () => {
  const path = scratchFile();
  const [one, other] = [await openScratch({ path }), await openScratch({ path })];
  await one.startRuns([startOf("run-1"), startOf("run-2")]);
  const worker = await ProtocolWorker.open(one, "s1");
  const [first] = await worker.claim({ limit: 1 });
  expect((await other.read.item("run-1", 0))?.status).toBe("in_progress");
  await other.control([{ action: { kind: "cancel", runId: "run-1" } }]);
  expect((await one.read.runState("run-1"))?.status).toBe("cancelled");
  if (first === undefined) throw new Error("nothing was claimed");
  expect(await worker.finish(first, { kind: "release", delayMs: 0 })).toMatchObject({
    kind: "refused",
    code: "RUN_CLOSED",
  });
  await other.control([{ action: { kind: "delete", runId: "run-1" } }]);
  await other.startRuns([startOf("run-1", { tags: { life: "second" } })]);
  expect((await one.read.run("run-1"))?.tags).toEqual({ life: "second" });
  expect((await worker.claim()).map(({ item }) => item.runId).sort()).toEqual(["run-1", "run-2"]);
});

test("what a refused write had begun is known to nobody", async () => {
  const path = scratchFile();
  const store = await openSqlite({ path, durability: "process" });
  onTestFinished(() => store.close());
  const lost = await Promise.allSettled([
    store.startRuns([startOf("run-1", { definition: "nowhere" })]),
    store.publish([{ hash: "d".repeat(32), name: "orders", version: "1.0.0", json: "{}" }], { replace: false }),
    store.startRuns([startOf("run-2")]),
  ]);
  expect(lost.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
  expect(await store.read.run("run-1")).toBeUndefined();
  expect((await store.read.run("run-2"))?.id).toBe("run-2");
});
