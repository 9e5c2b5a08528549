import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newItem, ProtocolWorker, startOf } from "../../../test/backend/engine.ts";
import { integrityOf, openScratch, scratchFile, scratchFolder } from "../../../test/support/sqlite-scratch.ts";
import { type ErrorCode, isMillraceError } from "../../core/errors.ts";
import type { BackendOperations } from "../contract/operations.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

/** Starts runs until one is refused; the number that was acknowledged. */
async function fill(store: BackendOperations): Promise<number> {
  for (let started = 0; ; started += 1) {
    try {
      await store.startRuns([largeStart(started)]);
    } catch (error) {
      expect(error).toEqual(failsWith("STORE_FULL"));
      return started;
    }
  }
}

function largeStart(at: number) {
  return startOf(`run-${String(at).padStart(5, "0")}`, {
    first: newItem("first", { input: new Uint8Array(20_000).fill(at) }),
  });
}

test("a file that may not grow refuses writes with STORE_FULL, keeps what it has, and goes on when it may", async () => {
  const path = scratchFile();
  const store = await openScratch({ path, maxPages: 220 });
  const started = await fill(store);
  expect(started).toBeGreaterThan(5);
  expect((await store.read.runs({}, { limit: 1_000 })).entries).toHaveLength(started);
  await expect(store.startRuns([largeStart(started)])).rejects.toThrow(failsWith("STORE_FULL"));
  const worker = await ProtocolWorker.open(store, "s1");
  expect(await worker.claim({ limit: 3 })).toHaveLength(3);
  await store.close();
  expect(integrityOf(path)).toBe("ok");

  const again = await openScratch({ path });
  expect(await again.startRuns([largeStart(started)])).toMatchObject([{ kind: "started" }]);
  expect((await again.read.runs({}, { limit: 1_000 })).entries).toHaveLength(started + 1);
});

test("one write that is too large for what is left takes no small one with it", async () => {
  const store = await openScratch({ path: scratchFile(), maxPages: 120 });
  const large = startOf("large", { first: newItem("first", { input: new Uint8Array(900_000) }) });
  const outcomes = await Promise.allSettled([
    store.startRuns([startOf("small-1")]),
    store.startRuns([large]),
    store.startRuns([startOf("small-2")]),
  ]);
  expect(outcomes).toMatchObject([
    { status: "fulfilled" },
    { status: "rejected", reason: { code: "STORE_FULL" } },
    { status: "fulfilled" },
  ]);
  expect((await store.read.runs({}, {})).entries.map(({ id }) => id).sort()).toEqual(["small-1", "small-2"]);
});

/** A small file system of its own, as long as the test. */
function smallDisk(size: string): string {
  const folder = join(scratchFolder(), "small");
  mkdirSync(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder]);
  });
  return folder;
}

test.runIf(canMount())(
  "a full disk refuses writes with STORE_FULL, and they go on when there is space again",
  async () => {
    const folder = smallDisk("3m");
    const ballast = join(folder, "ballast");
    writeFileSync(ballast, new Uint8Array(1_000_000));
    const path = join(folder, "store.db");
    const store = await openScratch({ path });
    const started = await fill(store);
    expect(started).toBeGreaterThan(2);
    expect((await store.read.runs({}, { limit: 1_000 })).entries).toHaveLength(started);
    rmSync(ballast);
    expect(await store.startRuns([largeStart(started)])).toMatchObject([{ kind: "started" }]);
    await store.close();
    expect(integrityOf(path)).toBe("ok");
    const again = await openScratch({ path });
    expect((await again.read.runs({}, { limit: 1_000 })).entries).toHaveLength(started + 1);
  },
);

test.runIf(canMount())("a log that has filled the disk does not eat up what is freed", async () => {
  const folder = smallDisk("2m");
  const ballast = join(folder, "ballast");
  writeFileSync(ballast, new Uint8Array(1_000_000));
  const path = join(folder, "store.db");
  const store = await openScratch({ path });
  // Small writes that take room in the log alone: the same rows again and again.
  await ProtocolWorker.open(store, "s1");
  const write = () => store.renew({ session: "s1" });
  const writeUntilFull = async () => {
    for (let at = 0; at < 1_000; at += 1) await write();
  };
  await expect(writeUntilFull()).rejects.toThrow(failsWith("STORE_FULL"));
  rmSync(ballast);
  await writeUntilFull();
  await store.close();
  expect(integrityOf(path)).toBe("ok");
});

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
