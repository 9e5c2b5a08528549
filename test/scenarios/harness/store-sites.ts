/**
 * The stores that scenarios run on, each made for one scene and removed with it: a file of SQLite, a schema of its own on
 * the PostgreSQL that tests share, a Redis of its own that keeps a log, and a Redis Cluster of three nodes. What a
 * scenario shows holds on all of them; what differs is how much of it a test can afford.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemIds } from "../../../src/core/ports.ts";
import { onOneConnection } from "../../support/servers/private-postgres.ts";
import { privateRedis } from "../../support/servers/private-redis.ts";
import { redisCluster } from "../../support/servers/redis-cluster.ts";
import { sharedPostgresUrl } from "../../support/servers/server-urls.ts";
import type { StoreAddress } from "./store-address.ts";
import { isIntact } from "./store-file.ts";

export interface StoreSite {
  readonly address: StoreAddress;
  /** Removes what was made for it. Throws what is wrong with the store, whatever was done to its users. */
  remove(): Promise<void>;
}

export interface StoreKind {
  readonly name: string;
  prepare(): Promise<StoreSite>;
}

export const SQLITE: StoreKind = { name: "a SQLite file", prepare: async () => fileSite() };

/** The folder, if the file is not to lie in one of its own. */
export function fileSite(folder?: string): StoreSite & { readonly path: string } {
  const own = folder === undefined ? mkdtempSync(join(tmpdir(), "millrace-store-")) : undefined;
  const path = join(own ?? folder ?? "", "store.db");
  return {
    path,
    address: { url: `sqlite:${path}` },
    async remove() {
      const intact = isIntact(path);
      if (own !== undefined) rmSync(own, { recursive: true, force: true });
      if (intact !== "ok") throw new Error(`the store's file is broken: ${intact}`);
    },
  };
}

export const POSTGRES: StoreKind = {
  name: "PostgreSQL",
  async prepare() {
    const schema = `scenario_${systemIds.token()}`;
    const url = new URL(sharedPostgresUrl());
    url.searchParams.set("schema", schema);
    return {
      // Nobody crashes the server that all tests share.
      address: { url: url.href, durability: "process" },
      async remove() {
        await onOneConnection(sharedPostgresUrl(), (client) =>
          client.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`),
        );
      },
    };
  },
};

export const REDIS: StoreKind = {
  name: "Redis",
  async prepare() {
    const server = await privateRedis({ appendonly: "everysec" });
    return { address: { url: server.url, durability: "process" }, remove: () => server.end() };
  },
};

export const CLUSTER: StoreKind = {
  name: "Redis Cluster",
  async prepare() {
    const cluster = await redisCluster({ appendonly: "everysec" });
    return { address: { url: `${cluster.url}?cluster=true`, durability: "process" }, remove: () => cluster.end() };
  },
};

export const STORES: readonly StoreKind[] = [SQLITE, POSTGRES, REDIS];
export const SERVERS: readonly StoreKind[] = [POSTGRES, REDIS];
