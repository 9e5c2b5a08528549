import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { MemoryWorld } from "./backend/memory/index.ts";
import { connect, memory } from "./connect.ts";

const folders: string[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "millrace-connect-"));
  folders.push(made);
  return made;
}

test("memory: opens a world of its own each time", async () => {
  await using first = await connect("memory:", { namespace: "a" });
  await using second = await connect("memory:");
  expect([first.kind, first.namespace, second.namespace]).toEqual(["memory", "a", "default"]);
  expect(first.capabilities.durability).toBe("none");
});

test("handles of one world and namespace have the same data", async () => {
  const world = new MemoryWorld();
  const [one, two, other] = [memory({ world }), memory({ world }), memory({ world, namespace: "other" })];
  await one.liveness.updateHeartbeat("w");
  expect(await two.liveness.listWorkers()).toEqual(["w"]);
  expect(await other.liveness.listWorkers()).toEqual([]);
});

test("sqlite: opens a file, with the durability of power loss unless asked otherwise", async () => {
  const path = join(folder(), "runs.db");
  await using backend = await connect(`sqlite:${path}`);
  expect([backend.kind, backend.capabilities.durability]).toEqual(["sqlite", "power"]);
  await using same = await connect(`sqlite://${path}`, { durability: "process" });
  await backend.liveness.updateHeartbeat("w");
  expect(await same.liveness.listWorkers()).toEqual(["w"]);
  await using other = await connect(`sqlite:${path}`, { namespace: "other" });
  expect(await other.liveness.listWorkers()).toEqual([]);
});

test("without a URL that of the environment is opened", async () => {
  vi.stubEnv("MILLRACE_URL", `sqlite:${join(folder(), "env.db")}`);
  await using backend = await connect();
  expect(backend.location).toContain("env.db");
});

test("less durability than asked for is refused", async () => {
  await expect(connect("memory:", { durability: "process" })).rejects.toMatchObject({ code: "DURABILITY_TOO_WEAK" });
  await expect(connect("sqlite::memory:", { durability: "power" })).rejects.toMatchObject({
    code: "DURABILITY_TOO_WEAK",
  });
  await using backend = await connect("sqlite::memory:");
  expect(backend.capabilities.durability).toBe("none");
});

test.each([
  ["postgres://ann:s3cret@127.0.0.1:1/orders", "BACKEND_UNAVAILABLE"],
  ["postgresql://ann:s3cret@127.0.0.1:1/orders", "BACKEND_UNAVAILABLE"],
  ["postgres://ann:s3cret@127.0.0.1:1/orders?sslmode=s3cret", "INVALID_CONFIG"],
  ["postgres://ann:12#s3cret@127.0.0.1/orders", "INVALID_CONFIG"],
  ["redis://ann:s3cret@127.0.0.1:1", "BACKEND_UNAVAILABLE"],
  ["rediss://ann:s3cret@127.0.0.1:1/1", "BACKEND_UNAVAILABLE"],
  ["redis://ann:s3cret@a,b", "INVALID_VALUE"],
  ["redis://ann:s3cret@a?password=s3cret", "INVALID_VALUE"],
  ["mysql://ann:s3cret@db", "INVALID_VALUE"],
  ["//ann:s3cret@db", "INVALID_VALUE"],
  ["memory:s3cret", "INVALID_VALUE"],
  ["sqlite:", "INVALID_VALUE"],
  ["sqlite://s3cret/x.db", "INVALID_VALUE"],
  ["", "INVALID_VALUE"],
])("%s is refused, and nothing secret is shown", async (url, code) => {
  const error: unknown = await connect(url).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code });
  expect(JSON.stringify(error) + String(error)).not.toContain("s3cret");
});

test("a namespace or a durability that is none is refused", async () => {
  await expect(connect("memory:", { namespace: "a/b" })).rejects.toMatchObject({ code: "INVALID_VALUE" });
  const options = JSON.parse('{ "durability": "forever" }');
  await expect(connect("memory:", options)).rejects.toMatchObject({ code: "INVALID_VALUE" });
});
