import { describe, expect, test } from "vitest";
import { isMillraceError } from "../../../src/index.ts";
import { type Crash, CrashingStore, ProcessGone } from "./crashing-store.ts";
import { type Observe, type Program, programs } from "./programs.ts";

const ID = "job";
const nobody: Observe = () => undefined;

/** Holds what must be true of bodies over all processes. */
class Watch {
  readonly #store: CrashingStore;
  readonly #inputs = new Map<string, string>();
  executions = 0;

  constructor(store: CrashingStore) {
    this.#store = store;
  }

  readonly observe: Observe = ({ itemId, key, input }) => {
    this.executions += 1;
    expect(this.#store.finished, "a finished item ran again").not.toContain(itemId);
    const given = JSON.stringify(input);
    expect(this.#inputs.get(key) ?? given, "one idempotency key had two inputs").toBe(given);
    this.#inputs.set(key, given);
  };
}

/** Goes on, or begins if nothing was saved before the crash. */
async function goOn(program: Program, watch: Watch, place: Parameters<Program["begin"]>[1]): Promise<unknown> {
  try {
    return await program.resume(watch.observe, place);
  } catch (error) {
    if (!isMillraceError(error, "NOT_STARTED")) throw error;
    return await program.begin(watch.observe, place);
  }
}

async function savesOf(program: Program, appends: boolean): Promise<number> {
  const store = new CrashingStore(appends);
  await program.begin(nobody, { store: store.steady, id: ID });
  return store.saves;
}

/** Crashes once, then goes on to the end; what hung comes back when all is over. */
async function withCrash(program: Program, appends: boolean, save: number, crash: Crash) {
  const store = new CrashingStore(appends);
  const watch = new Watch(store);
  const crashing = program.begin(watch.observe, { store: store.crashingAt(save, crash), id: ID });
  const gone = crashing.then(
    () => "it ended",
    (error: unknown) => error,
  );
  if (crash === "silence") await untilQuiet();
  else expect(await gone).toBeInstanceOf(ProcessGone);
  const result = await goOn(program, watch, { store: store.steady, id: ID }).catch(completedResult);
  const { version } = (await store.steady.load(ID)) ?? { version: 0 };
  store.endSilence();
  if (crash === "silence") expect(await gone).toSatisfy((error) => isMillraceError(error, "CHECKPOINT_CONFLICT"));
  expect((await store.steady.load(ID))?.version).toBe(version);
  return result;
}

/** The last save was there already when the process crashed. */
function completedResult(error: unknown): unknown {
  if (!isMillraceError(error, "ALREADY_COMPLETED")) throw error;
  return "completed before";
}

/** Everything that needs no time has happened. */
async function untilQuiet(): Promise<void> {
  for (let round = 0; round < 50; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

const cases = programs.flatMap((program) => [
  [`${program.name}, in a store that is added to`, program, true] as const,
  [`${program.name}, in a store of whole bodies`, program, false] as const,
]);

describe.each(cases)("%s", (_, program, appends) => {
  test("gives the same with checkpoints as without", async () => {
    const expected = await program.plain(nobody);
    const store = new CrashingStore(appends);
    expect(await program.begin(nobody, { store: store.steady, id: ID })).toEqual(expected);
    // Started again, it gives the same without running anything.
    const again: unknown[] = [];
    expect(await program.begin((one) => again.push(one), { store: store.steady, id: ID })).toEqual(expected);
    expect(again).toEqual([]);
  });

  test.each(["before", "after", "silence"] as const)("gives the same after a crash at any save: %s", async (crash) => {
    const expected = await program.plain(nobody);
    const saves = await savesOf(program, appends);
    expect(saves).toBeGreaterThan(2);
    for (let save = 1; save <= saves; save += 1) {
      const result = await withCrash(program, appends, save, crash);
      expect(result, `after a crash at save ${save} of ${saves}`).toEqual(
        crash === "after" && save === saves ? "completed before" : expected,
      );
    }
  });

  test("gives the same if every process crashes after one step", async () => {
    const expected = await program.plain(nobody);
    const store = new CrashingStore(appends);
    const watch = new Watch(store);
    let result: unknown;
    let lives = 0;
    for (; result === undefined && lives < 200; lives += 1) {
      // The first save of a process that resumes is the one by which it takes the run over.
      const place = { store: store.crashingAt(lives === 0 ? 1 : 2, "after"), id: ID, concurrency: 1 };
      result = await goOn(program, watch, place).catch((error: unknown) => {
        if (error instanceof ProcessGone) return undefined;
        return completedResult(error);
      });
    }
    expect(result).toBe("completed before");
    expect(await program.begin(nobody, { store: store.steady, id: ID })).toEqual(expected);
    expect(lives).toBeGreaterThan(2);
  });
});
