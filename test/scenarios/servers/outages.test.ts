import { expect, type TestContext, test } from "vitest";
import { isMillraceError } from "../../../src/index.ts";
import { privatePostgres } from "../../support/servers/private-postgres.ts";
import { privateRedis } from "../../support/servers/private-redis.ts";
import { tcpProxy } from "../../support/servers/tcp-proxy.ts";
import { assertRunInvariants } from "../harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "../harness/scene.ts";
import { Store } from "../harness/store.ts";
import type { StoreAddress } from "../harness/store-address.ts";
import { until } from "../harness/until.ts";
import type { LogLine } from "../harness/worker-order.ts";
import { type BodyLine, gateOf, patient } from "../workflows/patient.ts";

/** Long enough for a client that waits a second between two tries to connect. */
const LEASE_MS = 2_000;
/** Every lease has run out by then. */
const OUTAGE_MS = LEASE_MS + 600;
const RUNS = 4;
const WORKERS = 2;

/** A store that can be taken away and given back. */
interface Fragile {
  readonly address: StoreAddress;
  begin(): Promise<void>;
  end(): Promise<void>;
}

type Finished = Pick<TestContext, "onTestFinished">;

async function postgresDown({ onTestFinished }: Finished): Promise<Fragile> {
  const server = await privatePostgres();
  onTestFinished(() => server.end());
  return { address: { url: server.url }, begin: () => server.stop("immediate"), end: () => server.start() };
}

async function postgresSilent({ onTestFinished }: Finished): Promise<Fragile> {
  const server = await privatePostgres();
  const proxy = await tcpProxy(`${server.url}`);
  onTestFinished(async () => {
    await proxy.end();
    await server.end();
  });
  return {
    address: { url: `${proxy.url}?connect_timeout=2&statement_timeout=1000` },
    begin: async () => proxy.blackHole(),
    end: () => proxy.heal(),
  };
}

async function redis({ onTestFinished }: Finished) {
  const server = await privateRedis({ appendonly: "always" });
  onTestFinished(() => server.end());
  return { server, address: { url: server.url, durability: "power" } as const };
}

async function redisDown(finished: Finished): Promise<Fragile> {
  const { server, address } = await redis(finished);
  return { address, begin: () => server.kill(), end: () => server.start() };
}

async function redisFull(finished: Finished): Promise<Fragile> {
  const { server, address } = await redis(finished);
  const set = async (bytes: string): Promise<void> => void (await server.call("CONFIG", "SET", "maxmemory", bytes));
  return { address, begin: () => set("1mb"), end: () => set("0") };
}

async function redisReplica(finished: Finished): Promise<Fragile> {
  const { server, address } = await redis(finished);
  const follow = async (...master: readonly string[]): Promise<void> =>
    void (await server.call("REPLICAOF", ...master));
  return { address, begin: () => follow("127.0.0.1", "1"), end: () => follow("NO", "ONE") };
}

const outages = [
  { what: "PostgreSQL is down", code: "BACKEND_UNAVAILABLE", prepare: postgresDown },
  { what: "PostgreSQL says nothing", code: undefined, prepare: postgresSilent },
  { what: "Redis is down", code: "BACKEND_UNAVAILABLE", prepare: redisDown },
  { what: "Redis is full", code: "STORE_FULL", prepare: redisFull },
  { what: "Redis is a replica", code: "BACKEND_UNAVAILABLE", prepare: redisReplica },
];

// All at once: most of it is waiting.
test.concurrent.for(outages)(
  "workers keep what they have while $what for longer than their lease",
  async ({ code, prepare }, context) => {
    const store = await prepare(context);
    const scene = new Scene({ address: store.address, remove: async () => undefined }, context.onTestFinished);
    const orchestrator = await scene.orchestrator(patient);
    const looking = new Store(orchestrator.backend.operations);
    const order: SpawnOptions = {
      module: "patient",
      workflows: ["patient"],
      // More slots than runs, so that whoever comes back first could take everything.
      options: { lease: LEASE_MS, pollInterval: "50ms", concurrency: RUNS },
    };
    const workers = [await scene.worker({ ...order, options: { ...order.options, concurrency: RUNS / 2 } })];
    const handles = await Promise.all(Array.from({ length: RUNS }, () => orchestrator.startRun(patient, null)));
    while (workers.length < WORKERS) workers.push(await scene.worker(order));
    await until("all bodies have started", () => holdersOf(scene).size === RUNS);
    const before = holdersOf(scene);

    await store.begin();
    const endsAt = performance.now() + OUTAGE_MS;
    if (code !== undefined) {
      const refused = await until("what is asked is refused", () => codeOf(orchestrator.startRun(patient, null)));
      expect(refused).toBe(code);
    }
    await until("every lease has run out", () => performance.now() >= endsAt);
    for (const worker of workers) expect(worker.isAlive).toBe(true);
    await store.end();
    await until("all sessions are renewed", async () => {
      const now = await looking.operations.now();
      const sessions = await Promise.all(workers.map(({ pid }) => looking.sessionsOf(pid)));
      return sessions.flat().every((session) => session.until > now);
    });

    for (const [runId, pid] of before) scene.openGate(gateOf(pid, runId));
    for (const handle of handles) {
      expect(await handle.result({ timeout: "15s" })).toEqual({ pid: before.get(handle.id) });
      expect(await looking.failures(handle.id)).toEqual([]);
      expect((await looking.items(handle.id))[0]).toMatchObject({ epoch: 1, stalls: 0, attempts: 0 });
    }
    expect(scene.traces("refusals")).toEqual([]);
    for (const { pid } of workers) {
      const lines = scene.traces<LogLine>("log").filter((line) => line.pid === pid);
      const said = lines.filter(({ message }) => message.startsWith("the store fails"));
      // Once for each outage, however often it was asked in vain.
      if (code !== undefined) expect(said.length).toBeGreaterThanOrEqual(1);
      expect(said.length).toBeLessThanOrEqual(2);
    }
    for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });
    await assertRunInvariants(
      looking.operations,
      handles.map(({ id }) => id),
    );
  },
);

/** Whoever started which run. */
function holdersOf(scene: Scene): ReadonlyMap<string, number> {
  const started = scene.traces<BodyLine>("bodies").filter(({ event }) => event === "started");
  return new Map(started.map(({ runId, pid }) => [runId, pid]));
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  return await call.then(
    () => undefined,
    (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
  );
}
