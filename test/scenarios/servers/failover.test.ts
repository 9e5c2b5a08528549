import { setTimeout as passed } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type PrivateRedis, privateRedis, redisReplica } from "../../support/servers/private-redis.ts";
import { tcpProxy } from "../../support/servers/tcp-proxy.ts";
import { tellFigures } from "../harness/figures.ts";
import { Scene } from "../harness/scene.ts";
import { withChance } from "../harness/seed.ts";
import { Store } from "../harness/store.ts";
import { openStore } from "../harness/store-address.ts";
import { until } from "../harness/until.ts";
import type { RefusalLine } from "../harness/worker-order.ts";
import { PersistentClient } from "./persistent-client.ts";
import { checkPromises, STORM_ORDER, unfinished } from "./storm.ts";

const WORKERS = 3;
const STRANDS = 3;
const LOOK_EVERY_MS = 20;
/** How long the replica hears nothing while the master goes on: what is acknowledged meanwhile is lost with the master. */
const APART_MS = 700;
const SETTLED_MS = 20_000;

/** A master whose replica can be cut off from it, and the address under which users find whichever of them it is. */
async function pair() {
  const master = await privateRedis({ appendonly: "everysec" });
  const link = await tcpProxy(master.url);
  const replica = await redisReplica({ port: link.port }, { appendonly: "everysec" });
  const users = await tcpProxy(master.url);
  onTestFinished(async () => {
    for (const one of [users, link]) await one.end();
    for (const one of [replica, master]) await one.end();
  });
  return { master, replica, link, users };
}

/** How far it has come in what the master says to its replicas. */
async function offsetOf(server: PrivateRedis): Promise<number> {
  const { role, master_repl_offset: said, slave_repl_offset: heard } = await server.info("replication");
  return Number(role === "master" ? said : heard);
}

test("after a failover of Redis only what the replica had not is gone, nothing is committed twice, and fresh workers end the rest", async () => {
  await withChance("test/scenarios/servers/failover.test.ts", async (chance) => {
    const { master, replica, link, users } = await pair();
    const scene = new Scene({ address: { url: users.url, durability: "process" }, remove: async () => undefined });
    const workers = await Promise.all(Array.from({ length: WORKERS }, () => scene.worker(STORM_ORDER)));
    const client = new PersistentClient(await scene.connect(), chance);
    const working = client.work(STRANDS, LOOK_EVERY_MS);
    await until("work is underway", () => client.promised.length > 10);

    const kept = new Set(client.promised.map(({ handle }) => handle.id));
    const level = await offsetOf(master);
    await until("the replica has all of that", async () => (await offsetOf(replica)) >= level);
    link.blackHole();
    await passed(APART_MS);
    await master.kill();
    await replica.promote();
    const before = new Set(client.promised.map(({ handle }) => handle.id));
    users.lead(replica.url);
    users.cut();
    await until("runs are started on the new master", () => client.promised.length > kept.size + 10);
    client.stop();
    await working;

    const backend = await openStore({ url: replica.url, durability: "process" });
    onTestFinished(() => backend.close());
    const there = new Set((await new Store(backend.operations).runs()).map(({ id }) => id));
    const lost = client.promised.filter(({ handle }) => !there.has(handle.id));
    // The loss is what was promised while the replica heard nothing, and nothing else.
    expect(lost.filter(({ handle }) => kept.has(handle.id))).toEqual([]);
    const left = client.promised.filter(({ handle }) => there.has(handle.id));
    // Events of that time are gone too; under their ids those that are not have no second effect.
    for (const { handle } of left) await client.approve(handle.id);
    const open = async () => await new Store(backend.operations).openRuns();
    const patience = { withinMs: SETTLED_MS, everyMs: 50, seen: () => unfinished(backend) };
    const anew = left.filter(({ handle }) => !before.has(handle.id));
    for (const { handle } of anew) await handle.result({ timeout: SETTLED_MS });
    const standing = await open();
    for (const worker of workers) expect(worker.isAlive).toBe(true);
    for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });
    // What the replica had as in the hands of a worker, the worker may have done on the master: it is done again.
    await Promise.all(Array.from({ length: WORKERS }, () => scene.worker(STORM_ORDER)));
    await until("every run has ended", async () => (await open()) === 0, patience);
    const figures = await checkPromises(backend, left);
    const refusals = scene.traces<RefusalLine>("refusals").length;
    tellFigures("failover of Redis", {
      ...figures,
      promised: client.promised.length,
      lost: lost.length,
      standing,
      refusals,
    });
    // Otherwise the master had nothing that the replica had not.
    expect(lost.length).toBeGreaterThan(0);
  });
});
