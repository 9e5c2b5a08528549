import { expect, test } from "vitest";
import { ProtocolWorker, startOf } from "../../../test/backend/engine.ts";
import { openScratch, scratchFile } from "../../../test/support/sqlite-scratch.ts";
import { manualClock } from "../../core/ports.ts";
import { openNodeSqlite } from "./connection.ts";

const LEASE_MS = 1_000;

/** One worker holds an item, another has just claimed in vain, both behind a lock that has outlasted their leases. */
async function lockedOut(lockWaitMs: number) {
  const clock = manualClock(1_000_000);
  const path = scratchFile();
  const options = { path, clock, waitingClock: clock, lockWaitMs };
  const [one, other] = [await openScratch(options), await openScratch(options)];
  const owner = await ProtocolWorker.open(one, "owner", LEASE_MS);
  const rival = await ProtocolWorker.open(other, "rival", LEASE_MS);
  await one.startRuns([startOf("a")]);
  const held = await owner.claimOne();
  const lock = openNodeSqlite(path);
  lock.exec("BEGIN IMMEDIATE");
  const claiming = rival.claim().catch(() => undefined);
  await clock.advance(3 * LEASE_MS);
  lock.exec("COMMIT");
  lock.close();
  await clock.advance(50);
  return { clock, one, owner, rival, held, claimed: await claiming };
}

test("who writes first after a lock leaves the items of those alone whom it kept from renewing", async () => {
  const { clock, one, owner, rival, held, claimed } = await lockedOut(60_000);
  expect(claimed).toEqual([]);
  expect(await rival.claim()).toEqual([]);
  await clock.advance(LEASE_MS / 2);
  expect(await rival.claim()).toEqual([]);
  expect(await one.renew({ session: owner.session })).toMatchObject({ kind: "renewed", revoked: [] });
  await clock.advance(LEASE_MS - 1);
  expect(await rival.claim()).toEqual([]);
  expect(await owner.finish(held, { kind: "release", delayMs: 0 })).toMatchObject({ kind: "committed" });
});

test("the same holds after a lock that was not waited out", async () => {
  const { rival, claimed } = await lockedOut(100);
  expect(claimed).toBeUndefined();
  expect(await rival.send(1, [], { limit: 10 })).toMatchObject({ items: [] });
});

test("a worker that does not come back after a lock loses its items one lease later", async () => {
  const { clock, rival } = await lockedOut(60_000);
  await clock.advance(LEASE_MS);
  expect(await rival.claim()).toMatchObject([{ run: { id: "a" }, item: { epoch: 2, stalls: 1 } }]);
});
