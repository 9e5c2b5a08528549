/**
 * `npm start`: audits the licences of the packages in a directory tree, as a durable run, on SQLite unless another store is
 * named. Killed at any moment and started again, it goes on with the same run; a finished audit is done anew.
 */

import { type ChildProcess, fork } from "node:child_process";
import { realpath, stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Backend, DistributedOrchestrator, type RunHandle, type TypesOf, WorkerPool } from "millrace";
import { environmentOf, openStore, readStoreSettings, type StoreSettings } from "./store.ts";
import { WORKER } from "./worker-settings.ts";
import { licenceAudit } from "./workflow.ts";

const USAGE = `Audits the licences of installed npm packages.

  npm start -- [--dir PATH] [--workers N] [--out PATH] [--url URL] [--durability TIER]

  --dir PATH          the tree to look through (default: node_modules)
  --workers N         use N worker processes (default: workers in this process)
  --out PATH          where the report goes (default: licence-audit)
  --url URL           the store: postgres://…, redis://… or sqlite:PATH (default: MILLRACE_URL, or a SQLite file)
  --durability TIER   the least that is accepted of the store: none, process or power (default: what its kind promises)`;

type AuditRun = RunHandle<TypesOf<typeof licenceAudit>>;

interface Settings {
  readonly directory: string;
  readonly reportFolder: string;
  readonly processes: number | undefined;
  readonly store: StoreSettings;
}

/** A mistake of the person at the keyboard. */
class UsageError extends Error {}

// npm changes into the package's folder; what the person typed is relative to where they were.
const here = process.env.INIT_CWD ?? process.cwd();

async function main(): Promise<void> {
  const settings = await readSettings();
  if (settings === undefined) return;
  await using backend = await openStore(settings.store);
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [licenceAudit] });
  const handle = await openRun(orchestrator, settings);
  await using crew =
    settings.processes === undefined ? await inProcess(backend) : await inProcesses(settings.processes, settings.store);
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const progress = showProgress(handle, stopped.signal);
  try {
    const result = await Promise.race([handle.result({ signal: stopped.signal }), crew.failure]);
    stop();
    await progress;
    await summarise(orchestrator, handle, result);
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
    await progress;
    console.log(`Stopped. The run ${handle.id} goes on where it was with the next start.`);
    process.exitCode = 130;
  } finally {
    stop();
  }
}

async function readSettings(): Promise<Settings | undefined> {
  const options = {
    dir: { type: "string" },
    workers: { type: "string" },
    out: { type: "string" },
    url: { type: "string" },
    durability: { type: "string" },
    help: { type: "boolean" },
  } as const;
  const { values } = parse(() => parseArgs({ options, strict: true }));
  if (values.help === true) {
    console.log(USAGE);
    return undefined;
  }
  const processes = values.workers === undefined ? undefined : Number(values.workers);
  if (processes !== undefined && !(Number.isInteger(processes) && processes >= 1 && processes <= 64)) {
    throw new UsageError("--workers takes a whole number from 1 to 64");
  }
  const directory = resolve(here, values.dir ?? "node_modules");
  const found = await stat(directory).catch(() => undefined);
  if (found === undefined || !found.isDirectory()) throw new UsageError(`--dir: there is no directory ${directory}`);
  return {
    directory: await realpath(directory),
    reportFolder: resolve(here, values.out ?? "licence-audit"),
    processes,
    store: parse(() => readStoreSettings(values.url, values.durability)),
  };
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * The open run of this audit, if there is one, or else a new one. The key counts the audits that have ended, so that two
 * starts at the same moment get the same run.
 */
async function openRun(
  orchestrator: DistributedOrchestrator,
  { directory, reportFolder }: Settings,
): Promise<AuditRun> {
  const tags = { audit: await fingerprint(directory, reportFolder) };
  let ended = 0;
  let cursor: string | undefined;
  do {
    const page = await orchestrator.listRuns({ workflow: licenceAudit.name, tags, cursor, limit: 100 });
    for (const run of page.entries) {
      const isOpen = run.finishedAt === undefined;
      if (isOpen && run.definition === licenceAudit.hash) return goOn(orchestrator, run.id, run.status);
      if (isOpen) await orchestrator.cancel(run.id, { reason: "the audit's own workflow has changed since" });
      ended += 1;
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  const idempotencyKey = `${tags.audit}:${ended}`;
  const handle = await orchestrator.startRun(licenceAudit, { directory, reportFolder }, { tags, idempotencyKey });
  console.log(`Auditing ${directory} (run ${handle.id})`);
  return handle;
}

async function goOn(orchestrator: DistributedOrchestrator, id: string, status: string): Promise<AuditRun> {
  console.log(`Going on with run ${id}, which was interrupted`);
  if (status === "paused") await orchestrator.resume(id);
  return orchestrator.handle(licenceAudit, id);
}

async function fingerprint(directory: string, reportFolder: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${directory}\n${reportFolder}`));
  return Buffer.from(hash).toString("hex").slice(0, 32);
}

/** Whoever does the work; `failure` rejects when nobody is left to. */
interface Crew extends AsyncDisposable {
  readonly failure: Promise<never>;
}

async function inProcess(backend: Backend): Promise<Crew> {
  const pool = new WorkerPool({ backend, workflows: [licenceAudit], workers: 2, ...WORKER });
  await pool.start();
  return { failure: new Promise(() => undefined), [Symbol.asyncDispose]: () => pool.stop({ drain: "5s" }) };
}

/** One worker in each of N processes, which end with this one. */
async function inProcesses(count: number, store: StoreSettings): Promise<Crew> {
  const program = fileURLToPath(new URL("./worker.ts", import.meta.url));
  const children = Array.from({ length: count }, () =>
    fork(program, { env: { ...process.env, ...environmentOf(store) }, stdio: ["ignore", "inherit", "inherit", "ipc"] }),
  );
  const exits = children.map(exitOf);
  const failure = Promise.all(exits).then((codes): never => {
    throw new Error(`all worker processes have ended (${codes.join(", ")})`);
  });
  failure.catch(() => undefined);
  return {
    failure,
    async [Symbol.asyncDispose]() {
      for (const child of children) if (child.connected) child.disconnect();
      await Promise.all(exits);
    },
  };
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((done) => child.once("exit", (code, signal) => done(signal ?? `exit code ${code}`)));
}

/** On a terminal one line that changes; elsewhere a line for each tenth. */
async function showProgress(handle: AuditRun, signal: AbortSignal): Promise<void> {
  const isTerminal = process.stdout.isTTY === true;
  let shown = -1;
  while (!signal.aborted) {
    const { packages, inspected } = await handle.context();
    const tenth = packages.value === 0 ? 0 : Math.floor((10 * inspected.value) / packages.value);
    if (packages.value > 0 && (isTerminal || tenth > shown)) {
      shown = tenth;
      const line = `${inspected.value} of ${packages.value} packages inspected`;
      process.stdout.write(isTerminal ? `\r${line}\u001b[K` : `${line}\n`);
    }
    await pause(200, signal);
  }
  if (isTerminal && shown >= 0) process.stdout.write("\r\u001b[K");
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        done();
      },
      { once: true },
    );
  });
}

type Result = TypesOf<typeof licenceAudit>["output"];

async function summarise(orchestrator: DistributedOrchestrator, handle: AuditRun, result: Result): Promise<void> {
  const metrics = await orchestrator.metrics(handle.id);
  const { permitted, denied, unknown, unreadable } = result.verdicts;
  const top = Object.entries(result.licences)
    .slice(0, 5)
    .map(([name, count]) => `${name} ${count}`);
  console.log(
    `${result.packages} packages: ${permitted} permitted, ${denied} denied, ${unknown} unknown, ${unreadable} unreadable`,
  );
  if (top.length > 0) console.log(`Most frequent: ${top.join(", ")}`);
  console.log(`${metrics.completed} work items committed, ${metrics.retried} retried`);
  console.log(`Report: ${relative(here, result.path) || result.path}`);
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(error instanceof Error ? error.message : String(error));
  if (isUsage) console.error(`\n${USAGE}`);
  process.exitCode = isUsage ? 2 : 1;
}
