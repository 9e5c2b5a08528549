/**
 * The doctor's round: this Node, the choice of the store, its file, the opened store, its workers. Each step depends on
 * the one before; where one finds the way barred, the rest is left out and the report says why. Nothing is changed.
 */

import { ERRORS, isMillraceError } from "../../index.ts";
import type { CommonOptions } from "../command-line.ts";
import { exitCodeOf } from "../output/failure-report.ts";
import { chooseStore, onStore, requireStore, shownUrl, storeFile } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { examineSchedules } from "./schedules.ts";
import { examineStoreFile } from "./store-file.ts";
import { examineWorkers } from "./workers.ts";

/** What was found, and the exit code that says it. */
export interface Examination {
  readonly findings: readonly Finding[];
  readonly exitCode: number;
}

/** A store on another machine may be off by this much before timestamps mislead people. */
const CLOCK_MS = 5_000;

/** Looks at everything. */
export async function examine(
  around: Surroundings,
  options: CommonOptions & { readonly thorough?: boolean | undefined },
): Promise<Examination> {
  const findings: Finding[] = [examineNode()];
  let failedWith: number | undefined;
  try {
    await examineStore(around, options, findings);
  } catch (thrown) {
    if (!isMillraceError(thrown)) throw thrown;
    failedWith = exitCodeOf(thrown);
    findings.push(wrong("store", `${thrown.code}: ${thrown.message}`, thrown.hints.join("\n")));
  }
  const isWrong = findings.some(({ level }) => level === "wrong");
  return { findings, exitCode: failedWith ?? (isWrong ? ERRORS.BACKEND_UNAVAILABLE.exit : 0) };
}

/** The launcher and every entry point refuse an older Node, so whoever gets here has one that will do. */
function examineNode(): Finding {
  return ok("node", `Node.js ${process.versions.node} on ${process.platform} ${process.arch}`);
}

async function examineStore(
  around: Surroundings,
  options: CommonOptions & { readonly thorough?: boolean | undefined },
  findings: Finding[],
): Promise<void> {
  const choice = chooseStore(options, around);
  const by = { option: "--url", environment: "MILLRACE_URL", configuration: "the configuration", default: "default" };
  findings.push(
    ok("url", `${shownUrl(choice.url)} (${by[choice.chosenBy]}), namespace ${choice.namespace ?? "default"}`),
  );
  requireStore(choice, around);
  const file = storeFile(choice.url, around.directory);
  if (file !== undefined) findings.push(...(await examineStoreFile(file.path, options.thorough === true)));
  await onStore(choice, async (backend) => {
    const { durability, renewal } = backend.capabilities;
    findings.push(ok("store", `${backend.kind} at ${backend.location} can be opened`));
    findings.push(
      durability === "none"
        ? note("durability", "nothing outlives the process", "Keep runs in a file: sqlite:PATH.")
        : ok(
            "durability",
            `tier ${durability}: what was acknowledged survives ${durability === "power" ? "power loss" : "the crash of any program"}`,
          ),
    );
    if (renewal === "main") {
      findings.push(
        note(
          "leases",
          "leases are renewed on the worker's main thread",
          "A node that blocks it for longer than the lease loses its item.",
        ),
      );
    }
    for (const { level, about, message, hint } of (await backend.operations.advise?.()) ?? []) {
      findings.push(level === "warning" ? wrong(about, message, hint) : note(about, message, hint));
    }
    findings.push(examineClock(await backend.operations.now(), around.now()));
    findings.push(...(await examineWorkers(backend)));
    findings.push(...(await examineSchedules(backend)));
  });
}

function examineClock(theirs: number, ours: number): Finding {
  const offMs = theirs - ours;
  if (Math.abs(offMs) <= CLOCK_MS) return ok("clock", "this machine and the store agree on the time");
  const way = offMs > 0 ? "behind" : "ahead of";
  return note(
    "clock",
    `this machine is ${Math.round(Math.abs(offMs) / 1_000)} s ${way} the store`,
    "Leases and timers go by the store's clock and are right; logs of this machine are not. Synchronise its clock.",
  );
}
