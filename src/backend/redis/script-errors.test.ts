import { hash } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { redisScratch } from "../../../test/support/servers/redis-scratch.ts";
import { manualClock } from "../../core/ports.ts";
import { commitOf } from "../../testing/conformance/actor.ts";
import { dumpBackend } from "../../testing/conformance/dump.ts";
import { bytes, emit, fail, joinTemplate, newItem, next, retry } from "../../testing/conformance/parts.ts";
import { definitionOf } from "../../testing/conformance/stage.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { Argument, CommandOptions, RedisClientHandle } from "./driver.ts";
import { openRedis } from "./index.ts";
import { type ScriptName, scriptText } from "./scripts.ts";

const START = Date.UTC(2025, 0, 1);
const SCRIPTS: readonly ScriptName[] = ["load", "apply", "read", "peek", "reserve", "compare-and-set"];
const NAMES = new Map(SCRIPTS.map((name) => [hash("sha1", scriptText(name), "hex"), name]));
const ORDERS = definitionOf("orders");
/** No test here asks for more commands of a script than this. */
const MOST_COMMANDS = 400;

/** Makes so many commands of a script fail, from the n-th one on. */
interface Injection {
  readonly script: ScriptName;
  readonly from: number;
  readonly count: number;
}

const scratch = await redisScratch();
const { client } = scratch;
/** Set by a script that got as far as an injection. */
const MARK = scratch.prefix();
afterAll(() => scratch.end());

/** The client, with commands of scripts that fail on demand. */
class Saboteur implements RedisClientHandle {
  readonly #client: RedisClientHandle = client;
  injection: Injection | undefined;
  /** Whether the last script got as far as the injection. */
  reached = false;

  get isOpen(): boolean {
    return this.#client.isOpen;
  }
  get isReady(): boolean {
    return this.#client.isReady;
  }
  connect = () => this.#client.connect();
  destroy = () => undefined;
  duplicate = () => this.#client.duplicate();
  on = (): unknown => this;
  off = (): unknown => this;
  subscribe: RedisClientHandle["subscribe"] = async () => undefined;
  unsubscribe: RedisClientHandle["unsubscribe"] = async () => undefined;

  async sendCommand(args: readonly Argument[], options?: CommandOptions): Promise<unknown> {
    const { injection } = this;
    const name = args[0] === "EVALSHA" ? NAMES.get(String(args[1])) : undefined;
    if (injection === undefined || name !== injection.script) return await this.#client.sendCommand(args, options);
    // Once: what comes after it is the world after the error.
    this.injection = undefined;
    const text = `${prologue(injection)}\n${scriptText(name)}`;
    try {
      return await this.#client.sendCommand(["EVAL", text.replace("@mark", MARK), ...args.slice(2)], options);
    } finally {
      this.reached = (await this.#client.sendCommand(["DEL", MARK])) === 1;
    }
  }
}

/** Counts the commands of a script, and fails some of them before they are done. */
function prologue({ from, count }: Injection): string {
  return `local realRedis, made = redis, 0
  local function isDue()
    made = made + 1
    if made == ${from} then realRedis.call('SET', '@mark', '1') end
    return made >= ${from} and made < ${from + count}
  end
  local redis = {
    error_reply = realRedis.error_reply,
    call = function(...) if isDue() then error('ERR injected') end return realRedis.call(...) end,
    pcall = function(...) if isDue() then return {err = 'ERR injected'} end return realRedis.pcall(...) end,
  }`;
}

interface Scene {
  readonly operations: BackendOperations;
  readonly saboteur: Saboteur;
  act(): Promise<unknown>;
}

type Prepare = (operations: BackendOperations, tick: (ms: number) => Promise<void>) => Promise<() => Promise<unknown>>;

async function sceneOf(prepare: Prepare, partitions: number): Promise<Scene> {
  const prefix = scratch.prefix();
  const clock = manualClock(START);
  const saboteur = new Saboteur();
  const operations = await openRedis({ client: saboteur, prefix, partitions, clock, durability: "none" });
  await operations.publish([ORDERS], { replace: false });
  const act = await prepare(operations, (ms) => clock.advance(ms));
  return { operations, saboteur, act };
}

function startOf(id: string, changes: object = {}) {
  const { hash: definition, name: workflow, version } = ORDERS;
  return {
    id,
    workflow,
    version,
    definition,
    input: bytes("input"),
    inputDigest: "digest",
    onConflict: "return",
    delta: { bytes: bytes("init"), writes: [0] },
    first: newItem("first"),
    completion: "all",
    maxItems: 100,
    priority: 0,
    tags: { region: "eu" },
    ...changes,
  } as const;
}

const CLAIM = {
  queues: ["default"],
  definitions: [ORDERS.hash],
  labels: [],
  limit: 5,
  stalledLimit: 1,
  maxStalls: 3,
  graceMs: 0,
};

async function sessionOn(operations: BackendOperations, id = "session", leaseMs = 60_000): Promise<void> {
  const lanes = { queues: ["default"], labels: [], definitions: [ORDERS.hash] };
  await operations.openSession({ id, workerId: "worker", leaseMs, ...lanes, host: "host", pid: 1 });
}

/** What is done to a store, once it has been prepared for it. */
const ACTS: Readonly<Record<string, Prepare>> = {
  "a start": async (operations) => () => operations.startRuns([startOf("run-1", { idempotencyKey: "key" })]),

  "a request that commits and claims": async (operations) => {
    await sessionOn(operations);
    await operations.startRuns(["run-1", "run-2", "run-3", "run-4"].map((id) => startOf(id)));
    const first = await operations.commitAndClaim({ session: "session", request: 1, commits: [], claim: CLAIM });
    await operations.startRuns([startOf("run-5")]);
    const extras = {
      delta: bytes("delta"),
      writes: [1],
      metrics: [{ name: "m", value: 1 }],
      logs: [{ at: 1, level: "info", message: "said" }],
    } as const;
    const outcomes = [
      emit({ items: [newItem("a"), newItem("b")], width: 2, opens: { joins: [joinTemplate("join")] } }),
      retry(1_000),
      fail(),
      emit({ outputs: [{ index: 0, value: bytes("out") }] }),
    ];
    const commits = first.items.map((item, at) => commitOf(item, outcomes[at] ?? next(), extras));
    return () => operations.commitAndClaim({ session: "session", request: 2, commits, claim: CLAIM });
  },

  "a claim of what a vanished session left": async (operations, tick) => {
    await sessionOn(operations, "vanished", 1_000);
    await operations.startRuns(["run-1", "run-2"].map((id) => startOf(id)));
    await operations.commitAndClaim({ session: "vanished", request: 1, commits: [], claim: CLAIM });
    await tick(5_000);
    await sessionOn(operations);
    return () => operations.commitAndClaim({ session: "session", request: 1, commits: [], claim: CLAIM });
  },

  "the deletion of a run that failed": async (operations) => {
    await sessionOn(operations);
    await operations.startRuns([startOf("run-1", { idempotencyKey: "key" }), startOf("run-2")]);
    const { items } = await operations.commitAndClaim({ session: "session", request: 1, commits: [], claim: CLAIM });
    const commits = items.map((item) => commitOf(item, item.run.id === "run-1" ? fail() : next("more")));
    await operations.commitAndClaim({ session: "session", request: 2, commits });
    return () => operations.control([{ action: { kind: "delete", runId: "run-1" }, actor: "somebody" }]);
  },

  "a pause, and what is moved out of the way of claims": async (operations) => {
    await sessionOn(operations);
    await operations.startRuns(["run-1", "run-2"].map((id) => startOf(id)));
    await operations.control([{ action: { kind: "pause", runId: "run-1" } }]);
    return () => operations.commitAndClaim({ session: "session", request: 1, commits: [], claim: CLAIM });
  },

  "an event that a run waits for": async (operations) => {
    await sessionOn(operations);
    await operations.startRuns([startOf("run-1")]);
    const { items } = await operations.commitAndClaim({ session: "session", request: 1, commits: [], claim: CLAIM });
    const event = { name: "paid", key: "order", conditions: [] };
    const wait = { kind: "event", durationMs: 5_000, details: "{}", event } as const;
    const commits = items.map((item) => commitOf(item, { kind: "wait", wait }));
    await operations.commitAndClaim({ session: "session", request: 2, commits });
    return () => operations.sendEvents([{ name: "paid", key: "order", payload: bytes("1") }]);
  },
};

async function worldOf(operations: BackendOperations): Promise<unknown> {
  return { ...(await dumpBackend(operations)), failures: (await operations.read.failures({}, {})).entries };
}

const CASES = Object.keys(ACTS).flatMap((act) =>
  (["load", "apply"] as const).map((script): readonly [string, ScriptName] => [act, script]),
);

test.each(CASES)(
  "%s is done or not at all, whichever commands of the script %s fail",
  async (name, script) => {
    const prepare = ACTS[name];
    if (prepare === undefined) throw new Error(`there is no act ${name}`);
    const model = await sceneOf(prepare, 1);
    const before = await worldOf(model.operations);
    const answer = await model.act();
    const after = await worldOf(model.operations);
    let tried = 0;
    for (let from = 1; from < MOST_COMMANDS; from += 1) {
      let reached = false;
      for (const count of [1, 2, 3]) {
        const { operations, saboteur, act } = await sceneOf(prepare, 1);
        saboteur.injection = { script, from, count };
        const outcome = await act().then(
          (given) => ({ given }),
          () => undefined,
        );
        reached ||= saboteur.reached;
        saboteur.injection = undefined;
        const where = `commands ${from} to ${from + count - 1} of ${script} fail`;
        const world = await worldOf(operations);
        if (outcome === undefined) expect([before, after], where).toContainEqual(world);
        else expect(world, where).toEqual(after);
        if (name.includes("request")) {
          expect(await act(), `${where}, and it is sent again`).toMatchObject({ answers: Object(answer).answers });
          expect(await worldOf(operations), `${where}, and it is sent again`).toEqual(after);
        }
        await operations.close();
      }
      if (!reached) break;
      tried += 1;
    }
    expect(tried).toBeGreaterThan(2);
    expect(tried).toBeLessThan(MOST_COMMANDS - 1);
    await model.operations.close();
  },
  300_000,
);

/** These write once at most, and what they are about is completed by whoever tries again. */
const OVER_PARTITIONS: readonly (readonly [string, ScriptName])[] = [
  ["a start", "read"],
  ["a start", "compare-and-set"],
  ["a request that commits and claims", "read"],
  ["a request that commits and claims", "peek"],
  ["a request that commits and claims", "reserve"],
  ["a request that commits and claims", "compare-and-set"],
];

test.each(OVER_PARTITIONS)(
  "%s over two partitions that failed at any command of the script %s is completed when it is made again",
  async (name, script) => {
    const prepare = ACTS[name];
    if (prepare === undefined) throw new Error(`there is no act ${name}`);
    const model = await sceneOf(prepare, 2);
    await model.act();
    const after = await worldOf(model.operations);
    let failed = 0;
    for (let from = 1; from < MOST_COMMANDS; from += 1) {
      const { operations, saboteur, act } = await sceneOf(prepare, 2);
      saboteur.injection = { script, from, count: 3 };
      const isRefused = await act().then(
        () => false,
        () => true,
      );
      saboteur.injection = undefined;
      if (isRefused) failed += 1;
      await act();
      expect(await worldOf(operations), `command ${from} of ${script} failed`).toEqual(after);
      await operations.close();
      if (!saboteur.reached) break;
    }
    expect(failed).toBeGreaterThan(0);
    await model.operations.close();
  },
  300_000,
);
