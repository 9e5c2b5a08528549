/**
 * `millrace worker`: runs workers in this process until it is told to stop. The first interrupt or termination drains:
 * nothing more is taken, and what is in hand may finish; the second ends the process at once, and other workers take the
 * items over. It writes a line when it is ready and one when it has drained.
 */

import { type Command, Option } from "commander";
import {
  type Config,
  type Duration,
  isMillraceError,
  toMilliseconds,
  WorkerPool,
  type WorkerPoolOptions,
} from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { durationText, wholeNumber, wordList } from "../input/option-values.ts";
import { loadProjectConfig, loadWorkflowsFile, noWorkflows } from "../input/project-configuration.ts";
import { lineLogger } from "../line-logger.ts";
import { chooseStore, onStore, shownUrl } from "../store.ts";
import type { Signal, Surroundings } from "../surroundings.ts";
import { workerEvents } from "../worker-events.ts";

interface WorkerCommandOptions extends CommonOptions {
  readonly concurrency?: number | undefined;
  readonly workers?: number | undefined;
  readonly queues?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly lease?: Duration | undefined;
  readonly drain?: Duration | undefined;
  readonly workflows?: string | undefined;
  /** Started by `dev`: drains when its standard input ends, also because its parent is gone, and publishes what changed. */
  readonly supervised?: boolean | undefined;
}

const DEFAULT_DRAIN = "30s";
/** What a shell gives a program that a signal ended. */
const SIGNAL_EXIT: Readonly<Record<Signal, number>> = { SIGINT: 130, SIGTERM: 143 };

export function workerCommand(run: Run): Command {
  return describeCommand({
    name: "worker",
    summary: "Run workers until told to stop",
    details:
      "Workflows come from millrace.config beside the project's package.json, or from --workflows. Ctrl-C or SIGTERM lets items in hand finish; the second one ends at once. With --json every event is a line of JSON.",
    examples: [
      ["worker", "Work on the project's workflows"],
      ["worker --workflows ./workflows.ts --queues gpu --concurrency 4 --drain 2m", "A worker for one queue"],
    ],
  })
    .option(
      "--concurrency <n>",
      "items that each worker executes at a time (default: 16)",
      wholeNumber("--concurrency", 1),
    )
    .option("--workers <n>", "workers in this process (default: 1)", wholeNumber("--workers", 1))
    .option("--queues <list>", "serve only these queues (default: all of the workflows)", wordList("--queues"))
    .option("--labels <list>", "labels that these workers offer", wordList("--labels"))
    .option(
      "--lease <duration>",
      "how long items stay with a worker that is not heard of (default: 30s)",
      durationText("--lease"),
    )
    .option(
      "--drain <duration>",
      `how long items in hand may take to finish (default: ${DEFAULT_DRAIN})`,
      durationText("--drain"),
    )
    .option("--workflows <file>", "take workflows from this file instead of millrace.config")
    .addOption(new Option("--supervised", "as a child of `millrace dev`").hideHelp())
    .action(acting(run, (options: WorkerCommandOptions) => work(run, options)));
}

async function work({ around }: Run, options: WorkerCommandOptions): Promise<void> {
  const config = await findCode(options, around);
  const drainMs = toMilliseconds(options.drain ?? config.worker?.drain ?? DEFAULT_DRAIN, "worker.drain");
  const choice = chooseStore(options, around, config);
  await onStore(choice, async (backend) => {
    const events = workerEvents(around, options.json === true);
    const settings = poolOptions(options, config, around);
    const callbacks = events.counting(config.worker?.callbacks);
    const pool = new WorkerPool({ ...settings, backend, workflows: config.workflows, callbacks });
    let stopping: Promise<void> | undefined;
    const stop = (): void => {
      events.draining(drainMs);
      stopping = pool.stop({ drain: drainMs });
    };
    const release = around.onSignal((signal) => {
      if (stopping !== undefined) around.exit(SIGNAL_EXIT[signal]);
      else stop();
    });
    if (options.supervised === true) {
      void endOf(around.stdin).then(() => {
        if (stopping === undefined) stop();
      });
    }
    try {
      await pool.start();
      const store = { url: shownUrl(choice.url), namespace: backend.namespace };
      if (stopping === undefined) events.ready(pool.health(), store);
      await pool.join();
    } catch (error) {
      // Workers that are stopped before they have signed on say so by rejecting.
      if (stopping === undefined || !isMillraceError(error, "CANCELLED")) throw error;
    } finally {
      await stopping;
      release();
    }
    events.drained();
  });
}

/** Resolves when nothing more comes, for whatever reason. */
async function endOf(stream: AsyncIterable<unknown>): Promise<void> {
  const chunks = stream[Symbol.asyncIterator]();
  try {
    while ((await chunks.next()).done !== true);
  } catch {
    // A pipe that broke has ended too.
  }
}

async function findCode(options: WorkerCommandOptions, around: Surroundings): Promise<Config> {
  const { directory } = around;
  const file = options.workflows;
  const loaded = file === undefined ? await loadProjectConfig(directory) : await loadWorkflowsFile(file, directory);
  if (loaded === undefined || loaded.config.workflows.length === 0) throw noWorkflows(directory);
  return loaded.config;
}

function poolOptions(
  options: WorkerCommandOptions,
  { worker = {} }: Config,
  { err, environment }: Surroundings,
): Omit<WorkerPoolOptions, "backend" | "workflows" | "callbacks"> {
  const { drain: _, callbacks: __, ...configured } = worker;
  const { concurrency, workers, queues, labels, lease } = options;
  const typed = Object.entries({ concurrency, workers, queues, labels, lease }).filter(
    ([, value]) => value !== undefined,
  );
  const development = options.supervised === true ? { development: true } : {};
  // Who asks for a log by name gets that one.
  const logger = (environment.MILLRACE_LOG ?? "") === "" ? lineLogger(err, options.json === true) : undefined;
  return { logger, ...development, ...configured, ...Object.fromEntries(typed) };
}
