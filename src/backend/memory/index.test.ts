import { expect, test } from "vitest";
import { output, ProtocolWorker, publishDefinition, startOf } from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import { MemoryWorld, memoryOperations } from "./index.ts";

test("handles of one world and namespace have the same data, hints and attached sessions", async () => {
  const clock = manualClock(1_000);
  const world = new MemoryWorld(clock);
  const [one, two] = [memoryOperations({ world }), memoryOperations({ world })];
  const heard: string[] = [];
  two.subscribe(({ kind }) => heard.push(kind));
  await publishDefinition(one);
  await one.startRuns([startOf("run")]);
  expect(heard).toEqual(["work", "run"]);
  const worker = await ProtocolWorker.open(one, "s1");
  one.attachSession?.("s1");
  const claimed = await worker.claimOne();
  await clock.advance(100_000);
  expect(await (await ProtocolWorker.open(two, "s2")).claim()).toEqual([]);
  await two.close();
  await worker.finish(claimed, output("1"));
  expect(await one.read.run("run")).toMatchObject({ status: "completed" });
});

test("namespaces of one world share nothing", async () => {
  const world = new MemoryWorld(manualClock(1_000));
  const [one, two] = [memoryOperations({ world, namespace: "one" }), memoryOperations({ world, namespace: "two" })];
  const heard: string[] = [];
  two.subscribe(({ kind }) => heard.push(kind));
  await publishDefinition(one);
  await one.startRuns([startOf("run", { idempotencyKey: "k" })]);
  await ProtocolWorker.open(one, "s1");
  expect(await two.read.runs({}, {})).toEqual({ entries: [] });
  expect(await two.read.definitions()).toEqual([]);
  expect(await two.read.sessions()).toEqual([]);
  expect(await two.startRuns([startOf("run")])).toEqual([{ kind: "unknownDefinition" }]);
  await publishDefinition(two);
  expect(await two.startRuns([startOf("run", { inputDigest: "other", idempotencyKey: "k" })])).toMatchObject([
    { kind: "started" },
  ]);
  expect(heard).toEqual(["work", "run"]);
  expect(await one.read.run("run")).toMatchObject({ inputDigest: "input" });
});

test("worlds share nothing, not even by default", async () => {
  const [one, two] = [memoryOperations(), memoryOperations()];
  await publishDefinition(one);
  expect(await two.read.definitions()).toEqual([]);
});

test.each(["", "a b", "../x", "x'; --", "a".repeat(129)])("%j is no namespace", (namespace) => {
  expect(() => memoryOperations({ namespace })).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
});

test("it says what it is and what it does not promise", () => {
  expect(memoryOperations({ namespace: "tests" })).toMatchObject({
    kind: "memory",
    namespace: "tests",
    capabilities: { durability: "none", shared: false, pushWakeups: true, renewal: "inProcess" },
  });
});
