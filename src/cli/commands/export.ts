/**
 * `millrace export`: copies runs of a store to another one, or into a file of JSON lines; or moves them. What is open is
 * only ever moved: it is paused here, arrives paused, and is removed here after that.
 */

import type { Command } from "commander";
import {
  type Backend,
  type CopyOptions,
  copyRuns,
  DistributedOrchestrator,
  exportRuns,
  type RunConditions,
  type RunInfo,
  type TransferResult,
} from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { choiceList, tagList, usage } from "../input/option-values.ts";
import { readSince } from "../input/since.ts";
import { RUN_STATUSES } from "../input/statuses.ts";
import { findRunId } from "../run-lookup.ts";
import { onExistingStore, onStore, shownUrl } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";
import { writeLines } from "../transfer/export-file.ts";
import { confirmMove, type MoveOptions, withMove } from "../transfer/move-options.ts";
import { type Place, readPlace } from "../transfer/place.ts";
import { report, type TransferWords, watched } from "../transfer/transfer-report.ts";

interface ExportCommandOptions extends CommonOptions, MoveOptions {
  readonly to: string;
  readonly toNamespace?: string | undefined;
  readonly status?: readonly RunInfo["status"][] | undefined;
  readonly workflow?: string | undefined;
  readonly tag?: Readonly<Record<string, string>> | undefined;
  readonly search?: string | undefined;
  readonly since?: string | undefined;
  readonly overwrite?: boolean | undefined;
}

const OPEN: readonly RunInfo["status"][] = ["running", "waiting", "paused", "compensating"];

export function exportCommand(run: Run): Command {
  const command = describeCommand({
    name: "export",
    summary: "Copy or move runs to another store, or into a file",
    details:
      "Runs that have ended are copied with everything of them and their definitions. Open ones are left alone, or moved with --move: they arrive paused, and are removed here once they arrived. Each run arrives whole or not at all; broken off, the same command goes on.",
    examples: [
      ["export --to runs.jsonl", "Keep a copy of all runs that have ended"],
      ["export --to postgres://db.example/millrace --move --resume --yes", "From one machine to many"],
      ["export --to - --workflow orders --since 7d", "To another program, a JSON list per line"],
    ],
  })
    .argument("[run...]", "ids of the runs; all if none are named and no condition is given")
    .requiredOption("--to <place>", "URL of a store, a file, or - for standard output")
    .option("--to-namespace <name>", "namespace in the other store (default: the same)")
    .option("--status <list>", `only these: ${RUN_STATUSES.join(", ")}`, choiceList("--status", RUN_STATUSES))
    .option("--workflow <name>", "only runs of this workflow")
    .option("--tag <name=value>", "only runs with this tag; may be repeated", tagList("--tag"))
    .option("--search <text>", "part of the id, workflow, a tag's value or the key")
    .option("--since <when>", "started since: 2h, 3d, or an instant such as 2026-03-01T09:00:00Z")
    .option("--overwrite", "replace a file that is there");
  return withMove(command).action(
    acting(run, (runs: readonly string[], options: ExportCommandOptions) => exportFrom(run, runs, options)),
  );
}

async function exportFrom({ around }: Run, typed: readonly string[], options: ExportCommandOptions): Promise<number> {
  const place = readPlace(options.to, "--to", around);
  check(typed, options, place);
  return onExistingStore(options, around, async (backend) => {
    const runs = await selectionOf(backend, typed, options);
    const where = shownPlace(place);
    await confirmMove(around, options, `Move runs to ${where}, and remove them here?`);
    const { move, wait, resume, checkpoints, json } = options;
    const result = await watched(around, (control) =>
      transfer(backend, place, options, around, {
        runs,
        move,
        wait,
        resume,
        checkpoints,
        actor: around.actor,
        ...control,
      }),
    );
    // Standard output belongs to the runs where they are written to it.
    const output = place.kind === "stream" ? around.err : around.out;
    return report(output, result, wordsOf(place, options, where), json === true);
  });
}

function check(typed: readonly string[], options: ExportCommandOptions, place: Place): void {
  const { status, workflow, tag, search, since, move, resume, overwrite, toNamespace } = options;
  if ([workflow, search, since].includes("")) throw usage("a condition is empty");
  if (typed.length > 0 && [status, workflow, tag, search, since].some((condition) => condition !== undefined)) {
    throw usage("runs are named by their ids or selected by conditions, not both");
  }
  if (move !== true && status?.some((one) => OPEN.includes(one)) === true) {
    throw usage("open runs cannot be copied: both would go on with them", "Add --move to move them.");
  }
  if (place.kind !== "file" && overwrite === true) throw usage("--overwrite goes with a file");
  if (place.kind === "store") return;
  if (toNamespace !== undefined) throw usage("--to-namespace goes with the URL of a store");
  if (resume === true) throw usage("--resume goes with the URL of a store: nothing runs in a file");
  if (place.kind === "stream" && move === true) {
    throw usage(
      "runs cannot be moved to standard output",
      "Nobody can tell whether they arrived; move them to a file.",
    );
  }
}

async function selectionOf(
  backend: Backend,
  typed: readonly string[],
  { status, workflow, tag: tags, search, since }: ExportCommandOptions,
): Promise<RunConditions | readonly string[]> {
  if (typed.length === 0) {
    const from = since === undefined ? undefined : readSince(since, await backend.operations.now());
    return { status, workflow, tags, search, since: from };
  }
  const orchestrator = new DistributedOrchestrator({ backend });
  const ids: string[] = [];
  for (const one of typed) ids.push(await findRunId(orchestrator, one));
  return ids;
}

async function transfer(
  backend: Backend,
  place: Place,
  { overwrite, toNamespace }: ExportCommandOptions,
  around: Surroundings,
  options: CopyOptions,
): Promise<TransferResult> {
  if (place.kind === "store") {
    const target = { target: place.target, url: place.url, namespace: toNamespace ?? backend.namespace };
    return onStore({ ...target, chosenBy: "option" }, (to) => copyRuns(backend, to, options));
  }
  const leaving = exportRuns(backend, options);
  try {
    if (place.kind === "file") await writeLines(place.path, leaving.lines, overwrite === true);
    else await writeOut(around, leaving.lines);
  } catch (error) {
    await leaving.abandoned();
    throw error;
  }
  return await leaving.stored();
}

async function writeOut({ out }: Surroundings, lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    if (out.gone) return;
    out.line(line);
    await out.drained();
  }
}

function wordsOf(place: Place, { move, toNamespace, namespace }: ExportCommandOptions, where: string): TransferWords {
  const name = toNamespace ?? namespace;
  const there = `--url ${where}${name === undefined ? "" : ` --namespace ${name}`}`;
  return {
    done: place.kind === "store" ? (move === true ? "moved to" : "copied to") : "written to",
    where,
    resume: place.kind === "store" ? `millrace resume --status paused ${there}` : undefined,
  };
}

function shownPlace(place: Place): string {
  if (place.kind === "store") return shownUrl(place.url);
  return place.kind === "file" ? place.path : "standard output";
}
