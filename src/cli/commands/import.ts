/**
 * `millrace import`: takes runs into a store, from a file that `export` wrote or from another store. Open runs arrive
 * paused. A file is checked line by line, and no run appears before all of its lines were found right.
 */

import type { Command } from "commander";
import { type CopyOptions, copyRuns, importRuns, MillraceError, type TransferResult } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { usage } from "../input/option-values.ts";
import { chooseStore, onStore, shownUrl } from "../store.ts";
import { chunksOf } from "../transfer/import-source.ts";
import { confirmMove, type MoveOptions, withMove } from "../transfer/move-options.ts";
import { type Place, readPlace } from "../transfer/place.ts";
import { report, watched } from "../transfer/transfer-report.ts";

interface ImportCommandOptions extends CommonOptions, MoveOptions {
  readonly from: string;
  readonly fromNamespace?: string | undefined;
}

export function importCommand(run: Run): Command {
  const command = describeCommand({
    name: "import",
    summary: "Take in runs from a file, or from another store",
    details:
      "The store is made if it is absent. Runs that are there already stay as they are, so that an import that was broken off can be done again. From another store, runs that have ended are copied; with --move all are moved, and open ones arrive paused.",
    examples: [
      ["import --from runs.jsonl", "Take in what export wrote"],
      ["import --from sqlite:old.db --move --yes", "Empty another store into this one"],
    ],
  })
    .requiredOption("--from <place>", "a file, - for standard input, or URL of a store")
    .option("--from-namespace <name>", "namespace in the other store (default: the same)");
  return withMove(command).action(acting(run, (options: ImportCommandOptions) => importInto(run, options)));
}

async function importInto({ around }: Run, options: ImportCommandOptions): Promise<number> {
  const place = readPlace(options.from, "--from", around);
  check(options, place);
  const choice = chooseStore(options, around);
  const where = shownUrl(choice.url);
  const from = place.kind === "store" ? shownUrl(place.url) : "";
  await confirmMove(around, options, `Move runs from ${from} to ${where}, and remove them there?`);
  const { move, wait, resume, checkpoints } = options;
  const result = await onStore(choice, (to) =>
    watched(around, async (control): Promise<TransferResult> => {
      if (place.kind !== "store") return importRuns(to, chunksOf(place, around), control);
      const copy: CopyOptions = { move, wait, resume, checkpoints, actor: around.actor, ...control };
      const source = { url: place.url, target: place.target, namespace: options.fromNamespace ?? to.namespace };
      return onStore({ ...source, chosenBy: "option" }, (backend) => copyRuns(backend, to, copy));
    }),
  );
  const there = `--url ${where}${options.namespace === undefined ? "" : ` --namespace ${options.namespace}`}`;
  const words = {
    done: move === true ? "moved to" : "imported into",
    where,
    resume: `millrace resume --status paused ${there}`,
  };
  return report(around.out, result, words, options.json === true);
}

function check({ move, checkpoints, fromNamespace }: ImportCommandOptions, place: Place): void {
  if (place.kind === "store") {
    if (place.exists) return;
    throw new MillraceError("STORE_NOT_FOUND", `there is no store at ${shownUrl(place.url)}`, {
      hints: ["Check the path; relative ones start at the current folder."],
    });
  }
  if (fromNamespace !== undefined) throw usage("--from-namespace goes with the URL of a store");
  if (move === true) throw usage("--move goes with the URL of a store", "All that is in a file is imported.");
  if (checkpoints === true)
    throw usage("--checkpoints goes with the URL of a store", "All that is in a file is imported.");
}
