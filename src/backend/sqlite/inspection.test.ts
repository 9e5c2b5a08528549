import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { startOf } from "../../../test/backend/engine.ts";
import { openScratch, scratchFile } from "../../../test/support/sqlite-scratch.ts";
import { isMillraceError } from "../../core/errors.ts";
import { inspectSqlite } from "./inspection.ts";

async function filled(): Promise<string> {
  const path = scratchFile();
  const store = await openScratch({ path });
  await store.startRuns(Array.from({ length: 50 }, (_, at) => startOf(`run-${at}`)));
  await store.close();
  return path;
}

test("a whole file is told as such, and stays as it is", async () => {
  const path = await filled();
  const before = readFileSync(path);
  const found = await inspectSqlite(path);
  expect(found).toEqual({
    bytes: before.length,
    schemaVersion: 5,
    newestSchema: 5,
    network: undefined,
    checked: true,
    problems: [],
  });
  expect(readFileSync(path)).toEqual(before);
});

test("a store that is open elsewhere can be looked at", async () => {
  const path = scratchFile();
  const store = await openScratch({ path });
  await store.startRuns([startOf("run-1")]);
  expect((await inspectSqlite(path)).problems).toEqual([]);
  expect(await store.startRuns([startOf("run-2")])).toMatchObject([{ kind: "started" }]);
});

test("a large file is not read as a whole unless it may be", async () => {
  expect(await inspectSqlite(await filled(), { checkUpToBytes: 1_000 })).toMatchObject({
    checked: false,
    problems: [],
  });
});

test("damage is told", async () => {
  const path = await filled();
  const damaged = readFileSync(path);
  damaged.fill(0, 8 * 4_096, 10 * 4_096);
  writeFileSync(path, damaged);
  expect((await inspectSqlite(path)).problems.length).toBeGreaterThan(0);
});

test("there has to be a file, and none is made", async () => {
  const path = scratchFile();
  await expect(inspectSqlite(path)).rejects.toThrow(
    expect.toSatisfy((error) => isMillraceError(error, "BACKEND_UNAVAILABLE")),
  );
  expect(existsSync(path)).toBe(false);
});
