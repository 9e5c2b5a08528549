import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openJournal } from "../../../examples/custom-backend/journal.ts";
import { DistributedOrchestrator } from "../../../src/index.ts";
import { tellFigures } from "../harness/figures.ts";
import { assertRunInvariants } from "../harness/run-invariants.ts";
import { withChance } from "../harness/seed.ts";
import { readTraces } from "../harness/traces.ts";
import { until } from "../harness/until.ts";
import { ProcessHandle } from "../harness/worker-handle.ts";
import { chain, STEPS } from "../workflows/chain.ts";
import type { AcknowledgedLine, JournalOrder } from "./journal-process.ts";

const PROGRAM = new URL("./journal-process.ts", import.meta.url).pathname;
const RUNS = 12;
const KILLS = 9;
const LEAST_KILLS = 6;

test.each(["power", "process"] as const)(
  "a program on the example backend that is killed again and again keeps all that was acknowledged (%s)",
  async (durability) => {
    await withChance("test/scenarios/examples/killed-journal.test.ts", async (chance) => {
      const scene = mkdtempSync(join(tmpdir(), "millrace-killed-journal-"));
      const order: JournalOrder = { folder: join(scene, "journal"), runs: RUNS, durability, compactBytes: 20_000 };
      const started: ProcessHandle[] = [];
      const spawn = (): ProcessHandle => {
        const handle = new ProcessHandle(PROGRAM, order, scene);
        started.push(handle);
        return handle;
      };
      onTestFinished(async () => {
        for (const handle of started) if (handle.isAlive) await handle.kill();
        rmSync(scene, { recursive: true, force: true });
      });
      const executions = (): number => readTraces(scene, "ledger").length;
      const acknowledged = () => readTraces<AcknowledgedLine>(scene, "acknowledged");

      let kills = 0;
      for (; kills < KILLS; kills += 1) {
        const program = spawn();
        const [known, enough] = [acknowledged().length, executions() + 1 + chance.upTo(30)];
        // Now and then right after an answer: what it told must have been on disk by then.
        const isTime = () => (kills % 3 === 0 ? acknowledged().length > known : executions() >= enough);
        await until("it has worked a little", () => isTime() || !program.isAlive, { everyMs: 1 });
        if (!program.isAlive) break;
        await program.kill();
        expect(program.stderr).toBe("");
      }
      const last = spawn();
      expect(await last.ended).toEqual({ code: 0, signal: null });
      expect(last.stderr).toBe("");

      const generation = Number.parseInt(readdirSync(join(order.folder, "default"))[0] ?? "", 10);
      const figures = await checkJournal(order, acknowledged());
      tellFigures("killed journal", { kills, generation, executions: executions(), ...figures });
      expect(kills).toBeGreaterThanOrEqual(LEAST_KILLS);
      expect(figures.takeovers).toBeGreaterThan(0);
    });
  },
);

/** Everything that was acknowledged is there, under the run that was named then, and each step counts once. */
async function checkJournal({ folder }: JournalOrder, acknowledged: readonly AcknowledgedLine[]) {
  await using backend = await openJournal({ folder });
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [chain] });
  const runs = new Map(acknowledged.map(({ key, run }) => [key, run]));
  for (const { key, run } of acknowledged) expect(run, key).toBe(runs.get(key));
  expect(runs.size).toBe(RUNS);
  for (const [idempotencyKey, run] of runs) {
    const handle = await orchestrator.startRun(chain, { workMs: 2 }, { idempotencyKey });
    expect(handle.id).toBe(run);
    expect(await handle.result()).toEqual({ workMs: 2, done: run });
    const view = await handle.context();
    expect([view.sum.value, view.last.value, view.sequence]).toEqual([(STEPS * (STEPS + 1)) / 2, STEPS, STEPS]);
  }
  const figures = await assertRunInvariants(backend.operations, [...runs.values()]);
  expect(figures).toMatchObject({ items: RUNS * STEPS, deltas: RUNS * STEPS });
  return figures;
}
