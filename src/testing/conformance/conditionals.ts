/** Cases about conditional commits: refused when somebody else wrote what the attempt read, and in chains within one request. */

import type { ClaimedItem } from "../../backend/contract/claim.ts";
import type { CommitAnswer } from "../../backend/contract/commit.ts";
import { commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal } from "./expectation.ts";
import { bytes, hold, newItem, next, nothing, output } from "./parts.ts";
import type { Stage } from "./stage.ts";

/** A run with three items in the hands of one session, all read at sequence 0. */
async function threeItems(stage: Stage) {
  const id = await stage.start();
  const worker = await stage.session();
  await worker.did(await worker.take(), {
    ...next(),
    items: ["a", "b", "c"].map((name, index) => newItem("free", { index, input: bytes(name) })),
    width: 3,
  });
  const claimed = await worker.claim();
  return { id, worker, a: claimed.of("a"), b: claimed.of("b"), c: claimed.of("c") };
}

function kinds(answers: readonly CommitAnswer[]): readonly string[] {
  return answers.map((answer) => (answer.kind === "refused" ? answer.code : answer.kind));
}

const COUNT = { delta: bytes("count"), reads: [0], writes: [0] };

export const conditionalCases = cases("conditional commits", {
  "A conditional commit is refused when another item wrote a field that it read": async (stage) => {
    const { worker, a, b } = await threeItems(stage);
    await worker.did(a, nothing(), COUNT);
    await worker.refused(b, nothing(), "CONTEXT_CONFLICT", COUNT);
  },

  "A refused conditional commit leaves no trace, and its item can be committed on the new context": async (stage) => {
    const { id, worker, a, b } = await threeItems(stage);
    await worker.did(a, hold(), COUNT);
    const before = await dumpRun(stage.backend, id);
    await worker.refused(b, next("x"), "CONTEXT_CONFLICT", COUNT);
    equal(await dumpRun(stage.backend, id), before, "the run");
    const answer = await worker.did(b, hold(), { ...COUNT, base: 1, conflicts: 1 });
    equal([answer.sequence, (await stage.state(id)).conflicts], [2, 1], "the sequence and the run's conflicts");
  },

  "A refusal names the run's sequence as it is now": async (stage) => {
    const { worker, a, b } = await threeItems(stage);
    await worker.did(a, nothing(), COUNT);
    const answer = await worker.commit(b, nothing(), COUNT);
    equal(answer.kind === "refused" && answer.sequence, 1, "the sequence");
  },

  "A write to a field that was not read is no conflict": async (stage) => {
    const { worker, a, b } = await threeItems(stage);
    await worker.did(a, nothing(), { delta: bytes("d"), writes: [1, 4] });
    await worker.did(b, nothing(), { delta: bytes("d"), reads: [0, 2, 3, 5], writes: [0] });
  },

  "A commit that reads nothing is never a conflict": async (stage) => {
    const { id, worker, a, b, c } = await threeItems(stage);
    for (const item of [a, b, c]) await worker.did(item, nothing(), { delta: bytes("d"), writes: [0] });
    equal((await stage.state(id)).sequence, 3, "the sequence");
  },

  "Reading a field that was written before the base is no conflict": async (stage) => {
    const { worker, a, b } = await threeItems(stage);
    await worker.did(a, nothing(), COUNT);
    await worker.did(b, nothing(), { ...COUNT, base: 1 });
  },

  "A merge from outside conflicts like a commit": async (stage) => {
    const { id, worker, a } = await threeItems(stage);
    await stage.does({ kind: "merge", runId: id, delta: bytes("outside"), writes: [0] });
    await worker.refused(a, nothing(), "CONTEXT_CONFLICT", COUNT);
    await worker.did(a, nothing(), { ...COUNT, base: 1 });
  },

  "Initial values count as written": async (stage) => {
    await stage.start({ delta: { bytes: bytes("init"), writes: [0] } });
    const worker = await stage.session();
    const claimed = await worker.take();
    await worker.refused(claimed, next("x"), "CONTEXT_CONFLICT", { reads: [0], base: 0 });
    await worker.did(claimed, next("x"), { reads: [0], base: 1 });
  },

  "Commits of one request may build on each other": async (stage) => {
    const { id, worker, a, b, c } = await threeItems(stage);
    const { answers } = await worker.send([
      commitOf(a, hold(), COUNT),
      commitOf(b, hold(), { ...COUNT, after: [0] }),
      commitOf(c, output("three"), { ...COUNT, after: [0, 1] }),
    ]);
    equal(kinds(answers), ["committed", "committed", "committed"], "the answers");
    equal(
      answers.map(({ sequence }) => sequence),
      [1, 2, 3],
      "the sequences",
    );
    equal((await stage.state(id)).status, "completed", "the status of the run");
  },

  "Without naming what it builds on, the second of two conditional commits conflicts": async (stage) => {
    const { worker, a, b } = await threeItems(stage);
    const { answers } = await worker.send([commitOf(a, nothing(), COUNT), commitOf(b, nothing(), COUNT)]);
    equal(kinds(answers), ["committed", "CONTEXT_CONFLICT"], "the answers");
  },

  "A commit that builds on a refused one is refused too": async (stage) => {
    const { id, worker, a, b, c } = await threeItems(stage);
    await stage.does({ kind: "merge", runId: id, delta: bytes("outside"), writes: [0] });
    const { answers } = await worker.send([
      commitOf(a, nothing(), COUNT),
      commitOf(b, nothing(), { delta: bytes("b"), after: [0] }),
      commitOf(c, nothing(), { delta: bytes("c"), after: [1] }),
    ]);
    equal(kinds(answers), ["CONTEXT_CONFLICT", "CONTEXT_CONFLICT", "CONTEXT_CONFLICT"], "the answers");
    equal((await stage.state(id)).sequence, 1, "the sequence");
  },

  "A chain is broken by what somebody else wrote before it": async (stage) => {
    const { id, worker, a, b } = await threeItems(stage);
    await stage.does({ kind: "merge", runId: id, delta: bytes("outside"), writes: [7] });
    const first = commitOf(a, nothing(), { delta: bytes("a"), writes: [0] });
    const second = commitOf(b, nothing(), { ...COUNT, after: [0] });
    equal(kinds((await worker.send([first, second])).answers), ["committed", "CONTEXT_CONFLICT"], "the answers");
  },

  "A predecessor without a delta does not break a chain": async (stage) => {
    const { worker, a, b, c } = await threeItems(stage);
    const { answers } = await worker.send([
      commitOf(a, nothing(), COUNT),
      commitOf(b, hold(), { after: [0] }),
      commitOf(c, hold(), { ...COUNT, after: [0, 1] }),
    ]);
    equal(kinds(answers), ["committed", "committed", "committed"], "the answers");
  },

  "A hold is conditional like any other outcome": async (stage) => {
    const { id, worker, a, b } = await threeItems(stage);
    await worker.did(a, hold(), COUNT);
    await worker.refused(b, hold(), "CONTEXT_CONFLICT", COUNT);
    equal((await stage.state(id)).held, 1, "held items");
  },

  "Of many conditional commits on the same base exactly one is accepted": async (stage) => {
    const id = await stage.start();
    const starter = await stage.session();
    await starter.did(await starter.take(), next(...Array.from({ length: 8 }, () => "free")));
    const actors = await Promise.all(Array.from({ length: 8 }, () => stage.session()));
    const claims: (readonly ClaimedItem[])[] = [];
    for (const actor of actors) claims.push((await actor.claim({ limit: 1 })).items);
    const answers = await Promise.all(
      actors.map((actor, at) => actor.send((claims[at] ?? []).map((item) => commitOf(item, nothing(), COUNT)))),
    );
    const all = kinds(answers.flatMap((answer) => answer.answers));
    equal(
      [all.length, all.filter((kind) => kind === "committed").length],
      [8, 1],
      "answers, and accepted ones among them",
    );
    equal((await stage.state(id)).sequence, 1, "the sequence");
  },

  "A quorum that two of three complete is reached once": async (stage) => {
    const { id, worker, a, b, c } = await threeItems(stage);
    await worker.did(a, hold(), COUNT);
    await worker.did(b, next("quorum"), { ...COUNT, base: 1 });
    await worker.refused(c, next("quorum"), "CONTEXT_CONFLICT", { ...COUNT, base: 1 });
    await worker.did(c, hold(), { ...COUNT, base: 2 });
    const { items } = await dumpRun(stage.backend, id);
    equal(items.filter(({ node }) => node === "quorum").length, 1, "items behind the quorum");
  },
});
