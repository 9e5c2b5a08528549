import { existsSync } from "node:fs";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { onOneConnection, type PrivatePostgres, privatePostgres } from "./private-postgres.ts";

describe("a private PostgreSQL", () => {
  let server: PrivatePostgres;

  beforeAll(async () => {
    server = await privatePostgres({ settings: { max_connections: "17" } });
    await server.sql("create table kept (n int)");
  });
  afterAll(() => server.end());

  test("has the settings it was given, and syncs what it commits", async () => {
    const [row] = await server.sql(
      "select current_setting('max_connections') as most, current_setting('fsync') as fsync",
    );
    expect(row).toEqual({ most: "17", fsync: "on" });
  });

  test.each(["immediate", "fast"] as const)("keeps what was committed when it stops the %s way", async (how) => {
    await server.sql("truncate kept");
    await server.sql("insert into kept values ($1)", [7]);
    const before = server.pid;

    await server.stop(how);
    expect(server.pid).toBeUndefined();
    await expect(server.sql("select 1")).rejects.toThrow("ECONNREFUSED");

    await server.start();
    expect(server.pid).not.toBe(before);
    expect(await server.sql("select n from kept")).toEqual([{ n: 7 }]);
  });

  test("forgets what was not committed, and cuts off who did it, when it crashes", async () => {
    await server.sql("truncate kept");
    const client = new Client(server.url);
    const broken = new Promise((resolve) => client.once("error", resolve));
    await client.connect();
    await client.query("begin");
    await client.query("insert into kept values (8)");

    await server.restart("immediate");

    expect(await broken).toBeInstanceOf(Error);
    expect(await server.sql("select n from kept")).toEqual([]);
  });

  test("says what is wrong with a statement", async () => {
    await expect(server.sql("select nothing")).rejects.toThrow('column "nothing" does not exist');
  });
});

test("two at a time do not know of each other", async () => {
  const [one, other] = await Promise.all([privatePostgres(), privatePostgres()]);
  onTestFinished(async () => void (await Promise.all([one.end(), other.end()])));
  await one.sql("create table mine ()");
  await expect(other.sql("table mine")).rejects.toThrow("does not exist");
});

test("it asks for a password where its file says so, and leaves nothing when it ends", async () => {
  const files = { "pg_hba.conf": "host all all 127.0.0.1/32 scram-sha-256\n" };
  const server = await privatePostgres({ files });
  expect(existsSync(server.folder)).toBe(true);
  await expect(onOneConnection(server.url, async () => undefined)).rejects.toThrow("password");
  await server.end();
  await server.end();
  expect(existsSync(server.folder)).toBe(false);
  await expect(server.start()).rejects.toThrow("was closed");
});

test("one that cannot start says why", async () => {
  await expect(privatePostgres({ settings: { max_connections: "none" } })).rejects.toThrow(
    /invalid value for parameter "max_connections"/,
  );
});
