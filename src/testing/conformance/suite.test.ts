import { expect, test } from "vitest";
import { MemoryWorld, memoryOperations } from "../../backend/memory/index.ts";
import { manualClock } from "../../core/ports.ts";
import { overlay } from "../broken/broken-backend.ts";
import { ConformanceFailure } from "./expectation.ts";
import type { ConformanceHarness } from "./harness.ts";
import { conformanceCases, runConformance } from "./suite.ts";

/** Memory that cannot be opened twice. */
async function oneHandle(): Promise<ConformanceHarness> {
  const world = new MemoryWorld(manualClock(1_000));
  const clock = manualClock(1_000);
  return { clock, open: async () => memoryOperations({ world, clock }), dispose: async () => undefined };
}

test("The suite has at least 150 cases", () => {
  expect(conformanceCases().length).toBeGreaterThanOrEqual(150);
});

test("Every case has a sentence of its own", () => {
  const names = conformanceCases().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[A-Z].* /.test(name))).toEqual([]);
});

test("The suite hands its cases to any framework and tells what it leaves out, and why", async () => {
  const handed = new Map<string, () => Promise<void>>();
  const leftOut = new Map<string, string>();
  const report = await runConformance(oneHandle, {
    test: (name, run) => handed.set(name, run),
    leftOut: (name, why) => leftOut.set(name, why),
  });
  expect(handed.size + leftOut.size).toBe(conformanceCases().length);
  expect([handed.size, leftOut.size]).toEqual([report.cases.length, report.leftOut.length]);
  expect(new Set(report.leftOut.map(({ needs }) => needs))).toEqual(new Set(["secondHandle"]));
  expect(leftOut.get("handles: Data outlives the handle that wrote it")).toContain("one handle");
  await expect(handed.get("starts: A started run is running with one open item")?.()).resolves.toBeUndefined();
});

test("A case that fails rejects with what was expected and what came", async () => {
  const named = conformanceCases().find(({ name }) => name === "A started run is running with one open item");
  const harness = await oneHandle();
  const open = async () => {
    const honest = await harness.open();
    const runState = async (runId: string) => {
      const run = await honest.read.runState(runId);
      return run && { ...run, open: 2 };
    };
    return overlay(honest, { read: overlay(honest.read, { runState }) });
  };
  const outcome = named?.run({ ...harness, open });
  await expect(outcome).rejects.toThrow(ConformanceFailure);
  await expect(outcome).rejects.toThrow(/the run at open:\s+expected 1\s+but got {2}2/);
});

test("A shared backend whose harness opens no second handle is refused", async () => {
  const shared = async (): Promise<ConformanceHarness> => {
    const harness = await oneHandle();
    const open = async () => {
      const honest = await harness.open();
      return overlay(honest, { capabilities: { ...honest.capabilities, shared: true } });
    };
    return { ...harness, open };
  };
  await expect(runConformance(shared, { test: () => undefined })).rejects.toThrow("reopen");
});
