import { expect, test } from "vitest";
import { portProblems } from "./ports.ts";
import { parseSource, readSources } from "./source-file.ts";

test("time, chance and ids come from the ports alone", () => {
  expect(portProblems(readSources("src"))).toEqual([]);
});

test.each([
  "const now = Date.now();",
  "const now = new Date();",
  "const now = Date();",
  "const clock = { now: Date.now };",
  "const start = performance.now();",
  "const roll = Math.random();",
  "setTimeout(() => undefined, 5);",
  "globalThis.setInterval(() => undefined, 5);",
  "setImmediate(() => undefined);",
  "process.nextTick(() => undefined);",
  "const id = crypto.randomUUID();",
  `import { randomUUID } from "node:crypto";`,
  `import { createHash, randomBytes as bytes } from "node:crypto";`,
  `import { setTimeout as sleep } from "node:timers/promises";`,
  `import { performance } from "node:perf_hooks";`,
  "const signal = AbortSignal.timeout(5);",
])("outside of the ports this is refused: %s", (text) => {
  expect(portProblems([parseSource("src/worker/a.ts", text)])).toHaveLength(1);
});

test.each([
  ["src/core/ports.ts", "export const systemClock = { now: () => Date.now() };"],
  ["src/core/ports-system.ts", `import { randomUUID } from "node:crypto";`],
  ["src/worker/a.test.ts", "const started = Date.now();"],
  ["src/worker/a.ts", "const at = new Date(1_000).toISOString(); const later = clock.setTimer(5, wake);"],
  ["src/worker/a.ts", `import { createHash } from "node:crypto"; import type { setTimeout } from "node:timers";`],
])("%s may say: %s", (path, text) => {
  expect(portProblems([parseSource(path, text)])).toEqual([]);
});
