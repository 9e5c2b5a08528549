/**
 * A Redis to be broken: it is killed, stands still, forgets its scripts, is full, and takes no writes in each of the ways in
 * which a server does.
 */

import { setTimeout as passed } from "node:timers/promises";
import { type PrivateRedis, privateRedis } from "../../support/servers/private-redis.ts";
import { tcpProxy } from "../../support/servers/tcp-proxy.ts";
import type { Chance } from "../harness/seed.ts";
import type { Ground, Trouble } from "./ground.ts";
import { madeBy, proxyTroubles } from "./proxy-troubles.ts";

/** How its log is written: after each write, or each second. A kill costs nothing in either case. */
export type LogMode = "always" | "everysec";

export async function redisGround(log: LogMode): Promise<Ground> {
  const server = await privateRedis({ appendonly: log });
  const proxy = await tcpProxy(server.url);
  const durability = log === "always" ? "power" : "process";
  return {
    name: `Redis, log ${log}`,
    address: { url: proxy.url, durability },
    direct: { url: server.url, durability },
    troubles: [...serverTroubles(server), ...proxyTroubles(proxy, (request) => request.includes("EVALSHA"))],
    disturbances: () => madeBy(proxy),
    async end() {
      await proxy.end();
      await server.end();
    },
  };
}

function serverTroubles(server: PrivateRedis): readonly Trouble[] {
  const aWhile = (chance: Chance) => passed(100 + chance.upTo(600));
  /** A setting for a while. */
  const setting = (name: string, trouble: () => Promise<string>, calm: string) => async (chance: Chance) => {
    await server.call("CONFIG", "SET", name, await trouble());
    await aWhile(chance);
    await server.call("CONFIG", "SET", name, calm);
  };
  return [
    { name: "killed", make: () => server.restart() },
    {
      name: "paused",
      async make(chance) {
        const ms = 100 + chance.upTo(600);
        await server.call("CLIENT", "PAUSE", String(ms), chance.upTo(2) === 0 ? "ALL" : "WRITE");
        await passed(ms);
      },
    },
    {
      name: "asleep",
      async make(chance) {
        await server.call("DEBUG", "SLEEP", String((100 + chance.upTo(600)) / 1_000));
      },
    },
    {
      name: "scripts forgotten",
      async make() {
        await server.call("SCRIPT", "FLUSH");
      },
    },
    {
      name: "clients killed",
      async make() {
        await server.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await server.call("CLIENT", "KILL", "TYPE", "pubsub");
      },
    },
    {
      name: "full",
      make: setting(
        "maxmemory",
        async () => String(Math.floor(Number((await server.info("memory")).used_memory) / 2)),
        "0",
      ),
    },
    { name: "too few replicas", make: setting("min-replicas-to-write", async () => "1", "0") },
    {
      name: "a replica",
      // Of nobody, so that it keeps what it has and takes no writes.
      async make(chance) {
        await server.call("REPLICAOF", "127.0.0.1", "1");
        await aWhile(chance);
        await server.call("REPLICAOF", "NO", "ONE");
      },
    },
  ];
}
