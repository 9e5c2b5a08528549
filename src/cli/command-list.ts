/**
 * All commands by name, each loaded when it is the one that was asked for: whoever lists runs waits for no code of the
 * others. What the help of the program shows of a command is kept here; a test holds it equal to the command's own word.
 */

import type { ListedCommand } from "./command-line.ts";

/** In the order of the help. */
export const COMMANDS: readonly ListedCommand[] = [
  listed(
    "init",
    "Set up a project: a workflow, its test, and what runs them",
    async () => (await import("./commands/init.ts")).initCommand,
  ),
  listed(
    "dev",
    "Run workers while you develop, again after every change",
    async () => (await import("./commands/dev.ts")).devCommand,
  ),
  listed("worker", "Run workers until told to stop", async () => (await import("./commands/worker.ts")).workerCommand),
  listed("start", "Start a run of a workflow", async () => (await import("./commands/start.ts")).startCommand),
  listed("list", "List runs, newest first", async () => (await import("./commands/list.ts")).listCommand),
  listed(
    "show",
    "Show a run: status, times, items by node, output or failure",
    async () => (await import("./commands/show.ts")).showCommand,
  ),
  listed("watch", "Follow a run to its end", async () => (await import("./commands/watch.ts")).watchCommand),
  listed("items", "List the work items of a run", async () => (await import("./commands/items.ts")).itemsCommand),
  listed(
    "errors",
    "List every failed attempt of a run, the retried ones too",
    async () => (await import("./commands/errors.ts")).errorsCommand,
  ),
  listed("logs", "List what the nodes of a run logged", async () => (await import("./commands/logs.ts")).logsCommand),
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
  listed(
    "waits",
    "List what runs wait for: inputs, events, results of tools, child runs",
    async () => (await import("./commands/waits.ts")).waitsCommand,
  ),
  listed(
    "complete",
    "Give a wait its answer: an input, the result of a tool, an event by hand",
    async () => (await import("./commands/complete.ts")).completeCommand,
  ),
  listed(
    "send",
    "Send an event to the runs that wait for it",
    async () => (await import("./commands/send.ts")).sendCommand,
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
    "context",
    "Show the shared context of a run, now or after an earlier change",
    async () => (await import("./commands/context.ts")).contextCommand,
  ),
  listed(
    "workflows",
    "List published workflows, their versions, and live workers of each",
    async () => (await import("./commands/workflows.ts")).workflowsCommand,
  ),
  listed(
    "schedules",
    "List schedules, and make, show, pause, trigger and remove them",
    async () => (await import("./commands/schedules.ts")).schedulesCommand,
  ),
  listed(
    "graph",
    "Draw a workflow as DOT, Mermaid or SVG",
    async () => (await import("./commands/graph.ts")).graphCommand,
  ),
  listed(
    "cleanup",
    "Remove runs that ended long ago",
    async () => (await import("./commands/cleanup.ts")).cleanupCommand,
  ),
  listed(
    "export",
    "Copy or move runs to another store, or into a file",
    async () => (await import("./commands/export.ts")).exportCommand,
  ),
  listed(
    "import",
    "Take in runs from a file, or from another store",
    async () => (await import("./commands/import.ts")).importCommand,
  ),
  listed(
    "completion",
    "Print a script that completes commands and options in a shell",
    async () => (await import("./commands/completion.ts")).completionCommand,
  ),
  listed(
    "doctor",
    "Check Node, the store and its workers, and say what is wrong",
    async () => (await import("./commands/doctor.ts")).doctorCommand,
  ),
];

function listed(name: string, summary: string, load: ListedCommand["load"]): ListedCommand {
  return { name, summary, load };
}
