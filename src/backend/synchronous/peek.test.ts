import { expect, test } from "vitest";
import { ANYTHING, ProtocolWorker, startOf } from "../../../test/backend/engine.ts";
import { openScratch, scratchFile } from "../../../test/support/sqlite-scratch.ts";
import { manualClock } from "../../core/ports.ts";
import type { Claim } from "../contract/claim.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { memoryOperations } from "../memory/index.ts";
import { openNodeSqlite } from "../sqlite/connection.ts";

const LEASE_MS = 1_000;

async function look(operations: BackendOperations, claim: Partial<Claim> = {}) {
  const seen = await operations.peek?.({ ...ANYTHING, ...claim });
  if (seen === undefined) throw new Error("the backend cannot be looked at");
  return seen;
}

async function publishedIn(operations: BackendOperations): Promise<BackendOperations> {
  const { definition } = startOf("a");
  await operations.publish([{ hash: definition, name: "any", version: "1", json: "{}" }], { replace: false });
  return operations;
}

test("a session that is attached in this process is not taken for one that vanished", async () => {
  const clock = manualClock(1_000_000);
  const operations = await publishedIn(memoryOperations({ clock }));
  await operations.startRuns([startOf("a")]);
  const owner = await ProtocolWorker.open(operations, "owner", LEASE_MS);
  const detach = operations.attachSession?.("owner");
  await owner.claimOne();
  await clock.advance(LEASE_MS);
  expect(await look(operations)).toMatchObject({ ready: false, nextDueAt: clock.now() + 1_000 });
  detach?.();
  expect(await look(operations)).toMatchObject({ ready: true, nextDueAt: clock.now() });
});

test("what no claim may ask for, no look may ask for", async () => {
  const operations = await publishedIn(memoryOperations());
  await expect(look(operations, { limit: -1 })).rejects.toMatchObject({ code: "INVALID_VALUE" });
  await operations.startRuns([startOf("a")]);
  expect(await look(operations, { limit: 0 })).toMatchObject({ ready: false });
  await operations.close();
  await expect(look(operations)).rejects.toMatchObject({ code: "CLOSED" });
});

test("a look changes nothing in a file, so that nobody who watches it is woken up", async () => {
  const path = scratchFile();
  const operations = await publishedIn(await openScratch({ path }));
  const watcher = openNodeSqlite(path);
  const version = () => watcher.prepare("PRAGMA data_version").get()?.[0];
  await operations.startRuns([startOf("a")]);
  const before = version();
  expect((await look(operations)).ready).toBe(true);
  expect(version()).toBe(before);
  await (await ProtocolWorker.open(operations, "other")).claimOne();
  expect(version()).not.toBe(before);
  watcher.close();
});

test("who only looks notices as well that a lock keeps everybody from renewing", async () => {
  const clock = manualClock(1_000_000);
  const path = scratchFile();
  const options = { path, clock, waitingClock: clock, lockWaitMs: 60_000 };
  const [one, other] = [await openScratch(options), await openScratch(options)];
  await publishedIn(one);
  await one.startRuns([startOf("a")]);
  const owner = await ProtocolWorker.open(one, "owner", LEASE_MS);
  await owner.claimOne();
  const rival = await ProtocolWorker.open(other, "rival", LEASE_MS);
  const lock = openNodeSqlite(path);
  lock.exec("BEGIN IMMEDIATE");
  const looking = look(other);
  await clock.advance(3 * LEASE_MS);
  lock.exec("COMMIT");
  lock.close();
  await clock.advance(50);
  expect((await looking).ready).toBe(false);
  expect(await rival.claim()).toEqual([]);
  await clock.advance(LEASE_MS);
  expect((await look(other)).ready).toBe(true);
});
