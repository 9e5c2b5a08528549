/** The commands that the page on backups shows are run as they stand, on a store that is being worked on. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { env } from "node:process";
import { expect, onTestFinished, test } from "vitest";
import {
  type Backend,
  connect,
  DistributedOrchestrator,
  next,
  node,
  unchecked,
  WorkerPool,
  workflow,
} from "../../src/index.ts";
import { until } from "../scenarios/harness/until.ts";
import { privatePostgres } from "../support/servers/private-postgres.ts";
import { privateRedis } from "../support/servers/private-redis.ts";
import { postgresFolder, redisProgram } from "../support/servers/server-programs.ts";
import { fencesOf, markOf, root } from "./pages.ts";

const RUNS = 40;
const LEASE_MS = 2_000;

/** Keys that bodies were handed, in the order of their attempts. */
const keys: string[] = [];
const step = node({
  input: unchecked<number>(),
  async run({ input, idempotencyKey, signal }) {
    keys.push(idempotencyKey);
    if (gate !== undefined && input >= RUNS / 2) await Promise.race([gate.opened, aborted(signal)]);
    return next(input + 1);
  },
});
/** While it is there, what has larger inputs does not get through. */
let gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
const steps = workflow({
  name: "steps",
  version: "1.0.0",
  nodes: { first: step, second: step },
  start: "first",
  edges: { first: "second", second: [] },
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** The commands of the page for a kind of store. */
function commandsFor(mark: "backup" | "restore", store: string): string {
  const found = fencesOf("docs/backup.md").filter((fence) => markOf(fence, mark) === store);
  expect(found).toHaveLength(1);
  return found[0]?.code ?? "";
}

/** Runs commands as a person would, in a shell that stops at the first that fails. */
async function type(commands: string, { variables, programs }: Pick<Kept, "variables" | "programs">): Promise<string> {
  const command = join(root, "test/scenarios/cli/command-process.ts");
  const shell = `set -eu\nmillrace() { node ${command} "$@"; }\n${commands}`;
  const bin = join(root, "node_modules", "node", "bin");
  const child = spawn("sh", ["-c", shell], {
    env: { PATH: [bin, ...(programs === undefined ? [] : [programs]), env.PATH].join(delimiter), ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect({ code, err }, commands).toEqual({ code: 0, err: "" });
  return out;
}

async function statuses({ operations }: Backend): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { status } of (await operations.read.runs({}, { limit: 1_000 })).entries) {
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return counts;
}

/** Works until all runs have ended. */
async function workOff(backend: Backend): Promise<void> {
  await using pool = new WorkerPool({ backend, workflows: [steps], lease: LEASE_MS });
  await pool.start();
  await until("all runs have ended", async () => (await statuses(backend)).get("completed") === RUNS, {
    withinMs: 60_000,
  });
}

/** A store of a kind, and what a person does beside the commands of the page. */
interface Kept {
  readonly url: string;
  /** Variables that the commands name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where the programs are that come with the server. */
  readonly programs?: string | undefined;
  /** What has to be stopped before the commands of a restore, and started after them. */
  stop?(): Promise<void>;
  start?(): Promise<void>;
  /** What the restore says in the end. */
  readonly says: RegExp;
}

const KINDS: Readonly<Record<string, (folder: string) => Promise<Kept>>> = {
  async sqlite(folder) {
    const [STORE, BACKUP] = [join(folder, "runs.db"), join(folder, "backup.db")];
    return { url: `sqlite:${STORE}`, variables: { STORE, BACKUP }, says: /integrity\s+whole/ };
  },
  async postgres(folder) {
    const server = await privatePostgres();
    onTestFinished(() => server.end());
    const variables = { MILLRACE_URL: server.url, BACKUP: join(folder, "backup.dump") };
    return { url: server.url, variables, programs: postgresFolder(), says: /no open run lacks/ };
  },
  async redis(folder) {
    const server = await privateRedis({ appendonly: "always" });
    onTestFinished(() => server.end());
    return {
      url: server.url,
      variables: { MILLRACE_URL: server.url, REDIS_FOLDER: server.folder, BACKUP: join(folder, "backup") },
      programs: dirname(redisProgram() ?? ""),
      stop: () => server.stop(),
      start: () => server.start(),
      says: /^$/,
    };
  },
};

test.each(Object.keys(KINDS))(
  "A store on %s is copied while it is worked on, and goes on from its copy with the same keys",
  async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-backup-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const kept = await KINDS[kind]?.(folder);
    if (kept === undefined) throw new Error(`there is no ${kind}`);
    keys.length = 0;

    await using before = await connect(kept.url);
    const orchestrator = new DistributedOrchestrator({ backend: before, workflows: [steps] });
    for (let input = 0; input < RUNS; input += 1)
      await orchestrator.startRun(steps, input, { idempotencyKey: `${input}` });
    await copyWhileWorking(before, () => type(commandsFor("backup", kind), kept));
    await workOff(before);
    await before.close();
    const first = [...keys];
    keys.length = 0;

    await kept.stop?.();
    const said = await type(commandsFor("restore", kind), kept);
    await kept.start?.();
    expect(said).toMatch(kept.says);
    await using after = await connect(kept.url);
    const restored = await statuses(after);
    expect(restored.get("completed")).toBeGreaterThanOrEqual(RUNS / 2 - 1);
    expect(restored.get("running")).toBeGreaterThanOrEqual(RUNS / 2);
    await workOff(after);
    expect(await outputsOf(after)).toEqual(Array.from({ length: RUNS }, (_, input) => input + 2));
    // What was done again was handed the keys of the first time.
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => !first.includes(key))).toEqual([]);
  },
);

test("Workers that nobody stopped go on with a store on postgres that was put back to before their work", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-backup-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const kept = await KINDS.postgres?.(folder);
  if (kept === undefined) throw new Error("there is no postgres");
  await using backend = await connect(kept.url);
  await using orchestrating = await connect(kept.url);
  const orchestrator = new DistributedOrchestrator({ backend: orchestrating, workflows: [steps] });
  for (let input = 0; input < RUNS; input += 1) await orchestrator.startRun(steps, input, { id: `run-${input}` });
  await type(commandsFor("backup", "postgres"), kept);
  // All that happens from here on is undone while half of it is under way.
  await copyWhileWorking(backend, () => type(commandsFor("restore", "postgres"), kept));
  await using pool = new WorkerPool({ backend, workflows: [steps], lease: LEASE_MS });
  await pool.start();
  await until("all runs have ended", async () => (await statuses(orchestrating)).get("completed") === RUNS, {
    withinMs: 60_000,
  });
  expect(await outputsOf(orchestrating)).toEqual(Array.from({ length: RUNS }, (_, input) => input + 2));
});

/** Calls back while half of the runs have ended and half are under way; their worker is not told. */
async function copyWhileWorking(backend: Backend, copy: () => Promise<unknown>): Promise<void> {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  gate = { opened, open };
  await using pool = new WorkerPool({ backend, workflows: [steps], lease: LEASE_MS, concurrency: RUNS });
  await pool.start();
  await until("half of the runs have ended, and half are under way", async () => {
    const { entries } = await backend.operations.read.items({ status: ["in_progress"] }, {});
    return entries.length >= RUNS / 2 && ((await statuses(backend)).get("completed") ?? 0) >= RUNS / 2 - 1;
  });
  await copy();
  gate.open();
  gate = undefined;
}

async function outputsOf(backend: Backend): Promise<readonly unknown[]> {
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [steps] });
  const { entries } = await backend.operations.read.runs({}, { limit: 1_000 });
  const outputs = await Promise.all(entries.map(({ id }) => orchestrator.handle(steps, id).result()));
  return outputs.sort((a, b) => a - b);
}
