import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../scenarios/harness/until.ts";
import { findServers, type Surroundings } from "./find-servers.ts";
import { freePort } from "./free-port.ts";
import { privateRedis, redisReplica } from "./private-redis.ts";
import { postgresFolder, redisProgram } from "./server-programs.ts";
import { sharedPostgresUrl, sharedRedisUrl } from "./server-urls.ts";

/** A machine that has nothing, except for what is given. */
function machine(given: Partial<Surroundings> = {}): Surroundings {
  const places = { path: "", postgresVersions: "/nowhere" };
  return { env: { PATH: "" }, places, postgresUrls: [], redisUrls: [], patienceMs: 5_000, ...given };
}

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-find-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  return folder;
}

/** A folder on the path that has the real programs of the servers, by links. */
function linkPrograms(folder: string): void {
  const redis = redisProgram();
  const postgres = postgresFolder();
  if (redis === undefined || postgres === undefined) throw new Error("the programs are missing");
  symlinkSync(redis, join(folder, "redis-server"));
  for (const name of ["initdb", "postgres"]) symlinkSync(join(postgres, name), join(folder, name));
}

const variables = { MILLRACE_TEST_POSTGRES_URL: sharedPostgresUrl(), MILLRACE_TEST_REDIS_URL: sharedRedisUrl() };

test("what the environment names is taken, and nothing else is looked for", async () => {
  await using servers = await findServers(machine({ env: { ...variables, PATH: "" } }));
  expect(servers.variables).toEqual(variables);
  expect(servers.notes.join("\n")).toMatch(/^PostgreSQL 1\d.* at postgres:.*\nRedis \d.* at redis:[^,]*$/);
});

test("else what answers on the loopback is taken", async () => {
  const closed = `127.0.0.1:${await freePort()}`;
  const postgresUrls = [`postgres://postgres@${closed}/test`, sharedPostgresUrl()];
  const redisUrls = [`redis://${closed}`, sharedRedisUrl()];
  await using servers = await findServers(machine({ postgresUrls, redisUrls }));
  expect(servers.variables).toEqual(variables);
});

test("else the programs of the machine are started, and ended again", async () => {
  const path = scratch();
  linkPrograms(path);
  const servers = await findServers(machine({ places: { path, postgresVersions: "/nowhere" } }));
  const { variables: own } = servers;
  expect(own).not.toMatchObject(variables);
  expect(servers.notes.join("\n")).toMatch(/PostgreSQL .*, started for the tests\nRedis .*, started for the tests/);
  await using again = await findServers(machine({ env: { ...own, PATH: "" } }));
  expect(again.variables).toEqual(own);

  await servers.end();
  await servers.end();
  await expect(findServers(machine({ env: { ...own, PATH: "" } }))).rejects.toThrow("ECONNREFUSED");
});

test("else they are installed first, where that is possible", async () => {
  const [tools, stock, path] = [scratch(), scratch(), scratch()];
  linkPrograms(stock);
  writeFileSync(
    join(tools, "apt-get"),
    `#!/bin/sh\necho "$@" >>"${tools}/calls"\n[ "$1" = update ] || cp -P ${stock}/* ${path}\n`,
  );
  chmodSync(join(tools, "apt-get"), 0o755);
  const places = { path, postgresVersions: "/nowhere" };
  await using servers = await findServers(machine({ env: { PATH: `${tools}:/usr/bin:/bin` }, places }));
  expect(servers.notes).toHaveLength(2);
  const calls = readFileSync(join(tools, "calls"), "utf8").split("\n");
  expect(calls).toContain("install --yes --no-install-recommends postgresql");
});

test("else it fails, and says of each what was tried and what to do", async () => {
  const closed = `127.0.0.1:${await freePort()}`;
  const around = machine({ postgresUrls: [`postgres://postgres@${closed}/test`], redisUrls: [`redis://${closed}`] });
  const failure = findServers(around);
  await expect(failure).rejects.toThrow("The tests need PostgreSQL 15 or later, and there is none. Tried:");
  await expect(failure).rejects.toThrow(`redis://${closed}: connect ECONNREFUSED ${closed}`);
  await expect(failure).rejects.toThrow(
    "(apt-get install redis-server), or set MILLRACE_TEST_REDIS_URL to the URL of one",
  );
});

test("what the environment names and does not answer is an error, without its password", async () => {
  const closed = `127.0.0.1:${await freePort()}`;
  const named = { ...variables, MILLRACE_TEST_POSTGRES_URL: `postgres://u:geheim@${closed}/test`, PATH: "" };
  const failure = findServers(machine({ env: named, postgresUrls: [sharedPostgresUrl()] }));
  await expect(failure).rejects.toThrow(`MILLRACE_TEST_POSTGRES_URL names postgres://u:***@${closed}/test, which`);
  await expect(failure).rejects.not.toThrow("geheim");
});

test("a Redis that is a replica, or that evicts keys, is not taken", async () => {
  await using evicting = await privateRedis({ config: { maxmemory: "50mb", "maxmemory-policy": "allkeys-lru" } });
  await using replica = await redisReplica(evicting);
  const around = machine({
    env: { ...variables, MILLRACE_TEST_REDIS_URL: "", PATH: "" },
    redisUrls: [evicting.url, replica.url],
  });
  const failure = findServers(around);
  await expect(failure).rejects.toThrow(`${evicting.url}: it evicts keys`);
  await expect(failure).rejects.toThrow(`${replica.url}: it is a replica`);
});

test("a server that accepts and says nothing is not waited for without end", async () => {
  const silent = createServer();
  await once(silent.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void silent.close());
  const address = silent.address();
  const at = `127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`;
  const named = { MILLRACE_TEST_POSTGRES_URL: `postgres://${at}`, MILLRACE_TEST_REDIS_URL: `redis://${at}`, PATH: "" };
  const failure = findServers(machine({ env: named, patienceMs: 200 }));
  await expect(failure).rejects.toThrow(/MILLRACE_TEST_POSTGRES_URL names .* cannot use: timeout/);
  await expect(failure).rejects.toThrow(/MILLRACE_TEST_REDIS_URL names .* cannot use: no answer within 200 ms/);
});

const holder = fileURLToPath(new URL("find-servers-process.ts", import.meta.url));

test("servers that were started end with the process that started them, even if it is killed", async () => {
  const program = `
    import { privatePostgres } from ${JSON.stringify(new URL("private-postgres.ts", import.meta.url).href)};
    import { privateRedis } from ${JSON.stringify(new URL("private-redis.ts", import.meta.url).href)};
    const [postgres, redis] = await Promise.all([privatePostgres(), privateRedis()]);
    console.log(JSON.stringify([postgres, redis].map(({ port, folder }) => ({ port, folder }))));
    setInterval(() => undefined, 1000);`;
  const child = spawn(node(), ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = await once(child.stdout, "data");
  const servers: { port: number; folder: string }[] = JSON.parse(String(said));
  for (const { port, folder } of servers) {
    expect(existsSync(folder)).toBe(true);
    expect(await listens(port)).toBe(true);
  }
  child.kill("SIGKILL");
  for (const { port, folder } of servers) {
    await until("the server has ended", async () => !(await listens(port)));
    await until("its folder is gone", () => !existsSync(folder));
  }
});

test("the process that holds the servers of a run says what it found, and ends with its input", async () => {
  const child = spawn(node(), [holder], { env: { ...env, ...variables }, stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = await once(child.stdout, "data");
  expect(JSON.parse(String(said)).variables).toEqual(variables);
  child.stdin.end();
  expect(await once(child, "exit")).toEqual([0, null]);
});

function node(): string {
  return fileURLToPath(new URL("../../../node_modules/node/bin/node", import.meta.url));
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
