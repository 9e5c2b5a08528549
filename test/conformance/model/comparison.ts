/**
 * The model-based test: histories of random commands, played to the memory backend (the model) and to another one on the
 * same clock, with every answer and everything that is stored compared after each command. A failure prints the shortest
 * history that shows it, with the seed and path to play it again.
 */

import { env } from "node:process";
import fc from "fast-check";
import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import { manualClock } from "../../../src/core/ports.ts";
import { dumpBackend } from "../../../src/testing/conformance/dump.ts";
import { ConformanceFailure, equal } from "../../../src/testing/conformance/expectation.ts";
import type { ConformanceHarness } from "../../../src/testing/conformance/harness.ts";
import { memory, START, type Subject } from "../subjects.ts";
import { type Command, history } from "./command.ts";
import { Player, type Tally } from "./player.ts";
import { compareInTime, recount } from "./recount.ts";
import { shortest } from "./shortening.ts";
import { EMPTY, look, type View } from "./watching.ts";

/** Another seed, or the one that a failure printed: `MILLRACE_SEED=…`. */
const SEED = Number(env.MILLRACE_SEED ?? 20_250_101);

interface Options {
  /** Breaks the backend that is compared. */
  readonly breakHarness?: (harness: ConformanceHarness) => ConformanceHarness;
  /** Histories of different parts are different ones. */
  readonly part?: number;
  /**
   * It is several partitions: a request may be several steps, so that it hints at more than the model, and what happened in
   * different partitions at one instant has no order.
   */
  readonly inPartitions?: boolean;
}

/** Plays so many histories and gives a tally of what happened in them. Rejects with the shortest one that differs. */
export async function compareWithModel(
  subject: Subject,
  sequences: number,
  { breakHarness = (harness) => harness, part = 0, inPartitions = false }: Options = {},
): Promise<Tally> {
  const tally: Tally = new Map();
  const play = (commands: readonly Command[]): Promise<void> =>
    playBoth(subject, commands, { breakHarness, inPartitions }, tally);
  const property = fc.asyncProperty(history, play);
  const found = await fc.check(property, { numRuns: sequences, seed: SEED + part, unbiased: true, endOnFailure: true });
  const [commands] = found.counterexample ?? [];
  if (commands !== undefined) throw await explained(commands, play, found.numRuns);
  return tally;
}

/** The difference, with the shortest history that shows one. */
async function explained(
  commands: readonly Command[],
  play: (commands: readonly Command[]) => Promise<void>,
  at: number,
): Promise<Error> {
  const shown = await shortest(commands, async (part) => (await differenceOf(part, play)) !== undefined);
  const difference = await differenceOf(shown, play);
  const text = shown.map((command) => JSON.stringify(command)).join("\n");
  return new ConformanceFailure(`SEED=${SEED}, history ${at}: ${difference?.message}\n\nafter\n${text}`);
}

async function differenceOf(
  commands: readonly Command[],
  play: (commands: readonly Command[]) => Promise<void>,
): Promise<Error | undefined> {
  try {
    await play(commands);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function playBoth(
  subject: Subject,
  commands: readonly Command[],
  { breakHarness, inPartitions }: Required<Pick<Options, "breakHarness" | "inPartitions">>,
  tally: Tally,
): Promise<void> {
  const clock = manualClock(START);
  const harnesses = [await memory(clock), breakHarness(await subject(clock))] as const;
  const [model, tested] = [await harnesses[0].open(), await harnesses[1].open()];
  try {
    const player = new Player(model, tested, clock, tally, inPartitions);
    await player.begin();
    await playAll(player, commands, model, tested);
    equal(await dumpBackend(tested), await dumpBackend(model), "everything stored, at the end,");
  } finally {
    await model.close();
    await tested.close();
    for (const harness of harnesses) await harness.dispose();
  }
}

async function playAll(
  player: Player,
  commands: readonly Command[],
  model: BackendOperations,
  tested: BackendOperations,
): Promise<void> {
  let [expected, actual] = [EMPTY, EMPTY];
  for (const command of commands) {
    await player.play(command);
    const before = expected;
    [expected, actual] = [await look(model, expected), await look(tested, actual)];
    compareViews(actual, expected, `after ${command.kind},`);
    const changed = expected.runs.filter(({ run }) => expected.changed.has(run.id));
    recount(changed);
    compareInTime(before.runs, changed);
  }
}

function compareViews(actual: View, expected: View, when: string): void {
  const idsOf = ({ runs }: View): readonly string[] => runs.map(({ run }) => run.id);
  equal(idsOf(actual), idsOf(expected), `the runs, ${when}`);
  equal(actual.rest, expected.rest, `sessions and backlog, ${when}`);
  for (const [at, run] of expected.runs.entries()) {
    const { id } = run.run;
    if (expected.changed.has(id) || actual.changed.has(id)) equal(actual.runs[at], run, `run ${id}, ${when}`);
  }
}
