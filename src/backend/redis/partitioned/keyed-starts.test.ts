import { afterAll, expect, test } from "vitest";
import { redisScratch } from "../../../../test/support/servers/redis-scratch.ts";
import { manualClock } from "../../../core/ports.ts";
import { bytes, newItem } from "../../../testing/conformance/parts.ts";
import { definitionOf } from "../../../testing/conformance/stage.ts";
import type { BackendOperations } from "../../contract/operations.ts";
import type { StartRun } from "../../contract/run.ts";
import type { Argument, CommandOptions, RedisClientHandle } from "../driver.ts";
import { openRedis } from "../index.ts";

const START = Date.UTC(2025, 0, 1);
const PARTITIONS = 4;
const ORDERS = definitionOf("orders");
const scratch = await redisScratch();
const { client } = scratch;
afterAll(() => scratch.end());

/** The client of a process that ends before or after its n-th command: nothing it sends later gets anywhere. */
class Mortal implements RedisClientHandle {
  readonly #client: RedisClientHandle = client;
  #left: number;
  readonly #when: "before" | "after";

  constructor(commands: number, when: "before" | "after") {
    this.#left = commands;
    this.#when = when;
  }

  get isOpen(): boolean {
    return this.#client.isOpen;
  }
  get isReady(): boolean {
    return this.#client.isReady;
  }
  /** Whether it is still there. */
  get isAlive(): boolean {
    return this.#left > 0;
  }
  connect = () => this.#client.connect();
  destroy = () => undefined;
  duplicate = () => this.#client.duplicate();
  on = (): unknown => this;
  off = (): unknown => this;
  subscribe: RedisClientHandle["subscribe"] = async () => undefined;
  unsubscribe: RedisClientHandle["unsubscribe"] = async () => undefined;

  async sendCommand(args: readonly Argument[], options?: CommandOptions): Promise<unknown> {
    this.#left -= 1;
    if (this.#left < 0 || (this.#left === 0 && this.#when === "before")) throw new Error("the process has ended");
    const reply = await this.#client.sendCommand(args, options);
    if (this.#left === 0) throw new Error("the process has ended");
    return reply;
  }
}

function startOf(id: string, changes: Partial<StartRun> = {}): StartRun {
  const { hash: definition, name: workflow, version } = ORDERS;
  return {
    id,
    workflow,
    version,
    definition,
    input: bytes("input"),
    inputDigest: "digest",
    idempotencyKey: "key",
    onConflict: "return",
    first: newItem("first"),
    completion: "single",
    maxItems: 100,
    priority: 0,
    tags: {},
    ...changes,
  };
}

interface World {
  readonly living: BackendOperations;
  /** Opens a handle of a process that ends at its n-th command from here on. */
  mortal(commands: number, when: "before" | "after"): Promise<{ operations: BackendOperations; handle: Mortal }>;
  /** Closes every handle. */
  leave(): Promise<void>;
}

async function worldOf(): Promise<World> {
  const prefix = scratch.prefix();
  const clock = manualClock(START);
  const options = { prefix, partitions: PARTITIONS, clock, durability: "none" } as const;
  const living = await openRedis({ ...options, client });
  await living.publish([ORDERS], { replace: false });
  const opened = [living];
  return {
    living,
    async mortal(commands, when) {
      const opening = new Mortal(Number.POSITIVE_INFINITY, when);
      let handle = opening;
      const operations = await openRedis({ ...options, client: forwarding(() => handle) });
      handle = new Mortal(commands, when);
      opened.push(operations);
      return { operations, handle };
    },
    async leave() {
      for (const operations of opened) await operations.close();
    },
  };
}

/** A client that is another one from some moment on. */
function forwarding(current: () => Mortal): RedisClientHandle {
  return {
    get isOpen() {
      return current().isOpen;
    },
    get isReady() {
      return current().isReady;
    },
    connect: () => current().connect(),
    destroy: () => undefined,
    duplicate: () => current().duplicate(),
    on: () => undefined,
    off: () => undefined,
    subscribe: async () => undefined,
    unsubscribe: async () => undefined,
    sendCommand: (args, options) => current().sendCommand(args, options),
  };
}

async function openRuns({ read }: BackendOperations): Promise<readonly string[]> {
  return (await read.runs({ status: ["running", "waiting", "paused"] }, {})).entries.map(({ id }) => id);
}

/** Ends a process at each of its commands in turn, until it comes through. */
async function atEachCommand(
  prepare: (world: World) => Promise<StartRun>,
  check: (world: World, start: StartRun, where: string) => Promise<void>,
): Promise<number> {
  let points = 0;
  for (const when of ["before", "after"] as const) {
    for (let command = 1; ; command += 1) {
      const world = await worldOf();
      const start = await prepare(world);
      const { operations, handle } = await world.mortal(command, when);
      const outcome = await operations.startRuns([start]).then(
        ([given]) => given,
        () => undefined,
      );
      await check(world, start, `the process ended ${when} command ${command}`);
      await world.leave();
      if (outcome !== undefined && handle.isAlive) break;
      points += 1;
    }
  }
  return points;
}

test("a start under a new key that ended on the way leaves one run, whoever goes on with it", async () => {
  const points = await atEachCommand(
    async () => startOf("run-1"),
    async ({ living }, _start, where) => {
      const [second] = await living.startRuns([startOf("run-2")]);
      const [third] = await living.startRuns([startOf("run-3")]);
      const [again] = await living.startRuns([startOf("run-1")]);
      const kinds = [second?.kind, third?.kind];
      expect(
        [
          ["started", "existing"],
          ["existing", "existing"],
        ],
        where,
      ).toContainEqual(kinds);
      expect(await openRuns(living), where).toHaveLength(1);
      expect(again, where).toMatchObject({ kind: "existing" });
      const [other] = await living.startRuns([startOf("run-4", { inputDigest: "another" })]);
      expect(other, where).toMatchObject({ kind: "conflict", by: "idempotencyKey" });
    },
  );
  expect(points).toBeGreaterThan(6);
}, 120_000);

test("a start that takes the place of a run and ended on the way never leaves two that are open", async () => {
  const points = await atEachCommand(
    async ({ living }) => {
      expect(await living.startRuns([startOf("old")])).toMatchObject([{ kind: "started" }]);
      return startOf("new", { onConflict: "cancelRunning" });
    },
    async ({ living }, start, where) => {
      expect((await openRuns(living)).length, where).toBeLessThanOrEqual(1);
      await living.startRuns([start]);
      expect(await openRuns(living), where).toEqual(["new"]);
      expect((await living.read.runState("old"))?.status, where).toBe("cancelled");
      expect(await living.startRuns([startOf("third")]), where).toMatchObject([
        { kind: "existing", run: { id: "new" } },
      ]);
    },
  );
  expect(points).toBeGreaterThan(8);
}, 120_000);

test("a key whose run was removed is free, also if the process that removed it ended on the way", async () => {
  for (let command = 1; command < 40; command += 1) {
    const world = await worldOf();
    await world.living.startRuns([startOf("old")]);
    await world.living.control([{ action: { kind: "cancel", runId: "old" } }]);
    const { operations, handle } = await world.mortal(command, "after");
    await operations.control([{ action: { kind: "delete", runId: "old" } }]).catch(() => undefined);
    const isGone = (await world.living.read.run("old")) === undefined;
    const [outcome] = await world.living.startRuns([startOf("new", { inputDigest: "another" })]);
    expect(outcome, `after command ${command}`).toMatchObject(
      isGone ? { kind: "started", run: { id: "new" } } : { kind: "conflict", run: { id: "old" } },
    );
    await world.leave();
    if (handle.isAlive) return;
  }
  throw new Error("the deletion never came through");
}, 120_000);

test("many starts under one key at once make one run", async () => {
  const { living, leave } = await worldOf();
  const starts = Array.from({ length: 30 }, (_, at) => startOf(`run-${at}`));
  const outcomes = (await Promise.all(starts.map((start) => living.startRuns([start])))).flat();
  expect(outcomes.filter(({ kind }) => kind === "started")).toHaveLength(1);
  expect(outcomes.filter(({ kind }) => kind === "existing")).toHaveLength(29);
  expect(await openRuns(living)).toHaveLength(1);
  await leave();
});
