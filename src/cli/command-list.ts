/**
 * All commands by name, each loaded when it is the one that was asked for: whoever lists runs waits for no code of the
 * others. What the help of the program shows of a command is kept here; a test holds it equal to the command's own word.
 */

import type { Command } from "commander";
import type { Run } from "./command-line.ts";

/** A command that may not be loaded yet. */
export interface ListedCommand {
  readonly name: string;
  readonly summary: string;
  load(): Promise<(run: Run) => Command>;
}

/** In the order of the help. */
export const COMMANDS: readonly ListedCommand[] = [
  listed("worker", "Run workers until told to stop", async () => (await import("./commands/worker.ts")).workerCommand),
  listed("start", "Start a run of a workflow", async () => (await import("./commands/start.ts")).startCommand),
  listed("list", "List runs, newest first", async () => (await import("./commands/list.ts")).listCommand),
  listed(
    "show",
    "Show a run: status, times, items by node, output or failure",
    async () => (await import("./commands/show.ts")).showCommand,
  ),
  listed("items", "List the work items of a run", async () => (await import("./commands/items.ts")).itemsCommand),
  listed(
    "errors",
    "List every failed attempt of a run, the retried ones too",
    async () => (await import("./commands/errors.ts")).errorsCommand,
  ),
  listed(
    "explain",
    "Say what a run or an item waits for, since when, and who can release it",
    async () => (await import("./commands/explain.ts")).explainCommand,
  ),
  listed(
    "workers",
    "List workers: whether they are alive, and what they are at",
    async () => (await import("./commands/workers.ts")).workersCommand,
  ),
  listed("cancel", "Cancel runs", async () => (await import("./commands/cancel.ts")).cancelCommand),
  listed("pause", "Pause runs", async () => (await import("./commands/pause.ts")).pauseCommand),
  listed(
    "resume",
    "Resume paused runs; re-open failed and cancelled ones",
    async () => (await import("./commands/resume.ts")).resumeCommand,
  ),
  listed(
    "retry",
    "Retry runs that failed or were cancelled, or one item",
    async () => (await import("./commands/retry.ts")).retryCommand,
  ),
  listed("delete", "Remove runs that have ended", async () => (await import("./commands/delete.ts")).deleteCommand),
  listed(
    "doctor",
    "Check Node, the store and its workers, and say what is wrong",
    async () => (await import("./commands/doctor.ts")).doctorCommand,
  ),
];

function listed(name: string, summary: string, load: ListedCommand["load"]): ListedCommand {
  return { name, summary, load };
}
