/** The commands that the page on backups shows are run as they stand, on a store that is being worked on. */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
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
async function type(commands: string, variables: Readonly<Record<string, string>>): Promise<string> {
  const command = join(root, "test/scenarios/cli/command-process.ts");
  const shell = `set -eu\nmillrace() { node ${command} "$@"; }\n${commands}`;
  const bin = join(root, "node_modules", "node", "bin");
  const child = spawn("sh", ["-c", shell], {
    env: { PATH: `${bin}${delimiter}${env.PATH}`, ...variables },
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

test("A SQLite store is copied while it is worked on, and goes on from its copy with the same keys", async () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-backup-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [STORE, BACKUP] = [join(folder, "runs.db"), join(folder, "backup.db")];

  await using before = await connect(`sqlite:${STORE}`);
  const orchestrator = new DistributedOrchestrator({ backend: before, workflows: [steps] });
  for (let input = 0; input < RUNS; input += 1)
    await orchestrator.startRun(steps, input, { idempotencyKey: `${input}` });
  {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    gate = { opened, open };
    await using pool = new WorkerPool({ backend: before, workflows: [steps], lease: LEASE_MS, concurrency: RUNS });
    await pool.start();
    await until("half of the runs have ended, and half are under way", async () => {
      const { entries } = await before.operations.read.items({ status: ["in_progress"] }, {});
      return entries.length >= RUNS / 2 && ((await statuses(before)).get("completed") ?? 0) >= RUNS / 2 - 1;
    });
    await type(commandsFor("backup", "sqlite"), { STORE, BACKUP });
    gate.open();
    gate = undefined;
  }
  await workOff(before);
  await before.close();
  const first = [...keys];
  keys.length = 0;

  const said = await type(commandsFor("restore", "sqlite"), { STORE, BACKUP });
  expect(said).toMatch(/integrity\s+whole/);
  expect(existsSync(`${STORE}.old`)).toBe(true);
  await using after = await connect(`sqlite:${STORE}`);
  const restored = await statuses(after);
  expect(restored.get("completed")).toBeGreaterThanOrEqual(RUNS / 2 - 1);
  expect(restored.get("running")).toBeGreaterThanOrEqual(RUNS / 2);
  await workOff(after);
  const outputs = [];
  for (const { id } of (await after.operations.read.runs({}, { limit: 1_000 })).entries) {
    outputs.push(await new DistributedOrchestrator({ backend: after, workflows: [steps] }).handle(steps, id).result());
  }
  expect(outputs.sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: RUNS }, (_, input) => input + 2));
  // What was done again was handed the keys of the first time.
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.filter((key) => !first.includes(key))).toEqual([]);
  await after.close();
  expect(readdirSync(folder).sort()).toEqual(["backup.db", "runs.db", "runs.db.old"]);
});
