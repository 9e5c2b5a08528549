import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connect } from "../../../src/index.ts";
import { tellFigures } from "../harness/figures.ts";
import { type Chance, withChance } from "../harness/seed.ts";
import { isIntact } from "../harness/store-file.ts";
import { openGate, readTraces } from "../harness/traces.ts";
import { until } from "../harness/until.ts";
import { ProcessHandle } from "../harness/worker-handle.ts";
import type { CheckpointOrder, EndLine } from "./checkpoint-process.ts";
import { EXECUTIONS, type LedgerLine, OUTPUT, SUM } from "./ledger-workflow.ts";

const PROGRAM = new URL("./checkpoint-process.ts", import.meta.url).pathname;
const CONCURRENCY = 6;
const KILLS = 8;

class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-checkpoints-"));
  readonly path = join(this.folder, "store.db");
  readonly #started: ProcessHandle[] = [];

  constructor() {
    onTestFinished(async () => {
      for (const process of this.#started) if (process.isAlive) await process.kill();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  spawn(order: Partial<CheckpointOrder> = {}): ProcessHandle {
    const whole: CheckpointOrder = { path: this.path, id: "job", workMs: 5, concurrency: CONCURRENCY, ...order };
    const started = new ProcessHandle(PROGRAM, whole, this.folder);
    this.#started.push(started);
    return started;
  }

  get ledger(): LedgerLine[] {
    return readTraces<LedgerLine>(this.folder, "ledger");
  }

  get ends() {
    return readTraces<EndLine>(this.folder, "ends");
  }
}

function checkLedger({ ledger }: Scene): void {
  const inputs = new Map<string, number>();
  for (const { key, input } of ledger) {
    expect(inputs.get(key) ?? input, `inputs of ${key}`).toBe(input);
    inputs.set(key, input);
  }
  expect(inputs.size).toBe(EXECUTIONS);
}

/** Kills the program a few executions after it has begun, again and again, as long as it has work. */
async function killAgainAndAgain(scene: Scene, chance: Chance): Promise<number> {
  let kills = 0;
  for (; kills < KILLS; kills += 1) {
    const before = scene.ledger.length;
    const program = scene.spawn();
    const some = 1 + chance.upTo(8);
    await until("it has worked a little", () => scene.ledger.length >= before + some || !program.isAlive);
    if (!program.isAlive) return kills;
    await program.kill();
    expect(program.stderr).toBe("");
  }
  return kills;
}

test("a run that is killed again and again goes on where it was, and gives what it would have given", async () => {
  await withChance("test/scenarios/local/killed-runs.test.ts", async (chance) => {
    const scene = new Scene();
    const kills = await killAgainAndAgain(scene, chance);
    const last = scene.spawn();
    expect(await last.ended).toEqual({ code: 0, signal: null });
    expect(last.stderr).toBe("");
    const end = scene.ends.at(-1);
    expect(end).toMatchObject({ output: OUTPUT, sum: SUM });
    // Each item has left its event once, however often its body ran.
    expect(end?.events).toHaveLength(EXECUTIONS);
    expect(new Set(end?.events).size).toBe(EXECUTIONS);
    checkLedger(scene);
    const executions = scene.ledger.length;
    expect(executions).toBeLessThanOrEqual(EXECUTIONS + kills * CONCURRENCY);
    expect(kills).toBeGreaterThanOrEqual(3);
    expect(isIntact(scene.path)).toBe("ok");
    tellFigures("kill -9 of a run with checkpoints", { kills, executions, items: EXECUTIONS });
  });
});

test("of two processes that run under one id the later one goes on, and the other ends without effect", async () => {
  const scene = new Scene();
  const first = scene.spawn({ executions: 8 });
  await until("the first is in the middle of it", () => scene.ledger.length === 8 + CONCURRENCY);
  const second = scene.spawn();
  expect(await second.ended).toEqual({ code: 0, signal: null });
  openGate(scene.folder, "go");
  expect(await first.ended).toEqual({ code: 0, signal: null });
  const codes = scene.ends.map(({ code, output }) => code ?? output);
  expect(codes).toEqual([OUTPUT, "CHECKPOINT_CONFLICT"]);
  const done = scene.ends.find(({ output }) => output !== undefined);
  expect([done?.sum, new Set(done?.events).size, done?.events?.length]).toEqual([SUM, EXECUTIONS, EXECUTIONS]);
  checkLedger(scene);
});

test("what has completed is told by the store, and removed when it is old", async () => {
  const scene = new Scene();
  expect(await scene.spawn({ workMs: 0 }).ended).toEqual({ code: 0, signal: null });
  await using backend = await connect(`sqlite:${scene.path}`, { durability: "process" });
  const [info] = (await backend.checkpoints.listByStatus("completed")).entries;
  expect(info).toMatchObject({ id: "job", status: "completed" });
  expect(info?.bytes).toBe((await backend.checkpoints.load("job"))?.body.length);
  expect(await backend.checkpoints.cleanup({ olderThan: "1h" })).toBe(0);
  await backend.checkpoints.delete("job");
  expect((await backend.checkpoints.list()).entries).toEqual([]);
});
