import { expect, test } from "vitest";
import { abortion, refusal, steps, watched } from "../../test/support/checkpointed-steps.ts";
import { gate } from "../../test/support/gate.ts";
import { memory } from "../connect.ts";
import { type ErrorCode, isMillraceError, MillraceError } from "../core/errors.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

test("who has lost a run to another process finds out at its next save, and changes nothing", async () => {
  const { checkpoints: store } = memory();
  const middle = gate();
  const seen: string[] = [];
  const slow = steps(async (name) => {
    seen.push(name);
    if (name !== "two") return;
    middle.begin();
    await middle.opened;
  });
  const first = refusal(runWithCheckpoint(slow, 1, { store, id: "job" }));
  await middle.begun;
  const second = await resume(steps(), { store, id: "job" });
  const saved = await store.load("job");
  middle.open();
  expect(await first).toMatchObject({ code: "CHECKPOINT_CONFLICT", details: { id: "job", version: saved?.version } });
  expect([second.output, second.context.sum.value, seen]).toEqual([4, 3, ["one", "two"]]);
  expect(await store.load("job")).toEqual(saved);
});

test("of two that begin at once one begins", async () => {
  const { checkpoints: store } = memory();
  const seen: string[] = [];
  const both = await Promise.allSettled(
    [1, 2].map(() =>
      runWithCheckpoint(
        steps((name) => seen.push(name)),
        1,
        { store, id: "job" },
      ),
    ),
  );
  const [lost] = both.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(lost).toEqual(failsWith("CHECKPOINT_CONFLICT"));
  expect(seen).toEqual(["one", "two", "three"]);
});

test("of two that resume at once one goes on", async () => {
  const { checkpoints: store } = memory();
  await refusal(
    runWithCheckpoint(
      steps(() => Promise.reject(new Error("no"))),
      1,
      { store, id: "job" },
    ),
  );
  const seen: string[] = [];
  const all = await Promise.allSettled(
    Array.from({ length: 5 }, () =>
      resume(
        steps((name) => seen.push(name)),
        { store, id: "job" },
      ),
    ),
  );
  const reasons = all.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  expect(reasons).toHaveLength(4);
  for (const reason of reasons) expect(reason).toEqual(failsWith("CHECKPOINT_CONFLICT"));
  expect(seen).toEqual(["one", "two", "three"]);
});

test("a save that fails ends the call with its error, and stops the bodies that are running", async () => {
  const { checkpoints: store } = memory();
  const aborted: unknown[] = [];
  const wide = workflow({
    name: "wide",
    version: "1",
    nodes: {
      cut: node({ input: unchecked<number>(), run: () => next(1) }),
      quick: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
      slow: node({
        input: unchecked<number>(),
        async run({ input, signal }) {
          await abortion(signal);
          aborted.push(signal.reason);
          return next(input);
        },
      }),
    },
    start: "cut",
    edges: { cut: ["quick", "slow"], quick: [], slow: [] },
    completion: "all",
  });
  const broken = new MillraceError("STORE_FULL", "no space left");
  const running = runWithCheckpoint(wide, 1, {
    store: watched(store, (save) => {
      if (save === 3) throw broken;
    }),
    id: "job",
  });
  await expect(running).rejects.toBe(broken);
  expect(aborted).toHaveLength(1);
  expect((await store.load("job"))?.version).toBe(2);
});

test("a first save that fails starts nothing", async () => {
  const { checkpoints: store } = memory();
  const seen: string[] = [];
  const broken = new MillraceError("BACKEND_UNAVAILABLE", "away");
  const running = runWithCheckpoint(
    steps((name) => seen.push(name)),
    1,
    { store: watched(store, () => Promise.reject(broken)), id: "job" },
  );
  await expect(running).rejects.toBe(broken);
  expect([seen, await store.load("job")]).toEqual([[], undefined]);
});
