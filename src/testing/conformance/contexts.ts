/** Cases about contexts: deltas without gap and in commit order, tails to fold from, snapshots as a cache. */

import type { ContextTail } from "../../backend/contract/records.ts";
import { commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { check, equal, present } from "./expectation.ts";
import { bytes, next, nothing, output, retry, textOf } from "./parts.ts";
import { allPages, type Stage } from "./stage.ts";

/** A run with deltas "1" to the given number, made by as many commits. */
async function withDeltas(stage: Stage, count: number): Promise<string> {
  const id = await stage.start({ delta: { bytes: bytes("1"), writes: [] }, maxItems: 10_000 });
  const worker = await stage.session();
  for (let sequence = 2; sequence <= count; sequence += 1) {
    const claimed = await worker.take();
    await worker.did(claimed, next("again"), { delta: bytes(String(sequence)) });
  }
  return id;
}

async function tailOf(
  stage: Stage,
  id: string,
  range: { readonly after: number; readonly upTo?: number; readonly shape?: string },
): Promise<ContextTail> {
  return present(await stage.backend.read.contextTail(id, range), "the tail of the context");
}

function texts({ deltas }: Pick<ContextTail, "deltas">): readonly string[] {
  return deltas.map(({ delta }) => textOf(delta));
}

const deltaCases = cases("contexts", {
  "Deltas are numbered without gap or duplicate, from one": async (stage) => {
    const id = await withDeltas(stage, 25);
    const { deltas, run } = await dumpRun(stage.backend, id);
    equal(
      deltas.map(({ sequence }) => sequence),
      Array.from({ length: 25 }, (_, at) => at + 1),
      "the sequences",
    );
    equal(run.sequence, 25, "the run's sequence");
  },

  "Deltas are read in commit order": async (stage) => {
    const id = await withDeltas(stage, 12);
    const expected = Array.from({ length: 12 }, (_, at) => String(at + 1));
    equal(
      (await dumpRun(stage.backend, id)).deltas.map(({ delta }) => textOf(delta)),
      expected,
      "the deltas as a list",
    );
    equal(texts(await tailOf(stage, id, { after: 0 })), expected, "the deltas as a tail");
  },

  "Every accepted delta is there, whoever commits at the same time": async (stage) => {
    const id = await stage.start();
    const starter = await stage.session();
    await starter.did(await starter.take(), next(...Array.from({ length: 24 }, () => "work")));
    const work = async (): Promise<void> => {
      const worker = await stage.session();
      const { items } = await worker.claim({ limit: 6 });
      for (const claimed of items)
        await worker.did(claimed, next(), { delta: bytes(String(claimed.item.item)), writes: [0] });
    };
    await Promise.all([work(), work(), work(), work()]);
    const { deltas } = await dumpRun(stage.backend, id);
    equal(
      deltas.map(({ sequence }) => sequence),
      Array.from({ length: 24 }, (_, at) => at + 1),
      "the sequences",
    );
    equal(new Set(deltas.map(({ delta }) => textOf(delta))).size, 24, "different deltas");
    check(
      deltas.every(({ item, delta }) => item === `${id}.${textOf(delta)}`),
      "every delta names the item that made it",
    );
  },

  "The answer of a commit says whether its delta was appended, and the sequence then": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const answers = [];
    for (const delta of [bytes("a"), undefined, bytes("b")])
      answers.push(await worker.did(await worker.take(), next("again"), { delta }));
    answers.push(await worker.did(await worker.take(), retry(), { delta: bytes("dropped") }));
    equal(
      answers.map(({ sequence, appended }) => [sequence, appended]),
      [
        [1, true],
        [1, false],
        [2, true],
        [2, false],
      ],
      "the answers",
    );
  },

  "Deltas of one request are appended in the order of its commits": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next(...Array.from({ length: 10 }, () => "work")));
    const { items } = await worker.claim();
    await worker.send(items.map((claimed, at) => commitOf(claimed, nothing(), { delta: bytes(String(at)) })));
    equal(
      texts(await tailOf(stage, id, { after: 0 })),
      Array.from({ length: 10 }, (_, at) => String(at)),
      "the deltas",
    );
  },

  "A claim brings the sequence at which the attempt reads its context": async (stage) => {
    const id = await withDeltas(stage, 3);
    equal((await (await stage.session()).take()).run.sequence, 3, "the sequence");
    equal((await stage.state(id)).sequence, 3, "the run's sequence");
  },

  "The time of a delta is the backend's time of its commit": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.clock.advance(777);
    const answer = await worker.did(claimed, next("x"), { delta: bytes("d") });
    equal(
      [answer.at, (await dumpRun(stage.backend, id)).deltas[0]?.at],
      [stage.clock.now(), stage.clock.now()],
      "the times",
    );
  },

  "Deltas are listed in pages that join up": async (stage) => {
    const id = await withDeltas(stage, 11);
    for (const limit of [1, 3, 11, 12]) {
      const deltas = await allPages((page) => stage.backend.read.deltas(id, page), limit);
      equal(
        deltas.map(({ sequence }) => sequence),
        Array.from({ length: 11 }, (_, at) => at + 1),
        `the sequences in pages of ${limit}`,
      );
    }
  },

  "The context of a finished run can still be read": async (stage) => {
    const id = await withDeltas(stage, 2);
    const worker = await stage.session();
    await worker.did(await worker.take(), output("done"), { delta: bytes("3") });
    equal(texts(await tailOf(stage, id, { after: 0 })), ["1", "2", "3"], "the deltas");
  },
});

const tailCases = cases("contexts", {
  "A tail begins after the sequence that the caller has": async (stage) => {
    const id = await withDeltas(stage, 6);
    const tail = await tailOf(stage, id, { after: 4 });
    equal([tail.sequence, texts(tail), tail.snapshot], [6, ["5", "6"], undefined], "the tail");
    equal(texts(await tailOf(stage, id, { after: 6 })), [], "the tail after everything");
  },

  "A tail ends at the sequence that was asked for": async (stage) => {
    const id = await withDeltas(stage, 6);
    const tail = await tailOf(stage, id, { after: 1, upTo: 3 });
    equal([tail.sequence, texts(tail)], [3, ["2", "3"]], "the tail");
    const none = await tailOf(stage, id, { after: 0, upTo: 0 });
    equal([none.sequence, texts(none)], [0, []], "the tail up to nothing");
  },

  "A run without deltas has an empty tail, an unknown run none": async (stage) => {
    const id = await stage.start();
    const tail = await tailOf(stage, id, { after: 0, shape: "s" });
    equal([tail.sequence, texts(tail), tail.snapshot], [0, [], undefined], "the tail");
    equal(
      await stage.backend.read.contextTail(stage.newRunId(), { after: 0 }),
      undefined,
      "the tail of an unknown run",
    );
  },

  "A tail of many large deltas is whole once it has been asked for to its end": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const size = 700_000;
    for (let count = 0; count < 14; count += 1) {
      await worker.did(await worker.take(), next("again"), { delta: new Uint8Array(size).fill(count) });
    }
    const seen: number[] = [];
    for (let after = 0; after < 14; ) {
      const { deltas, sequence } = await tailOf(stage, id, { after });
      equal([sequence, deltas[0]?.sequence], [14, after + 1], "the sequence, and where the part begins");
      for (const { delta } of deltas)
        seen.push(delta.byteLength === size ? present(delta[size - 1], "the last byte") : -1);
      after += deltas.length;
    }
    equal(
      seen,
      Array.from({ length: 14 }, (_, at) => at),
      "the deltas",
    );
  },

  "A snapshot takes the place of the deltas before it": async (stage) => {
    const id = await withDeltas(stage, 6);
    await stage.backend.putSnapshot({ runId: id, sequence: 4, shape: "shape-1", bytes: bytes("folded to 4") });
    const tail = await tailOf(stage, id, { after: 0, shape: "shape-1" });
    equal(
      [tail.sequence, tail.snapshot, texts(tail)],
      [6, { sequence: 4, bytes: bytes("folded to 4") }, ["5", "6"]],
      "the tail",
    );
    equal(texts(await tailOf(stage, id, { after: 0 })), ["1", "2", "3", "4", "5", "6"], "the tail without a snapshot");
  },

  "A snapshot of another shape is not used": async (stage) => {
    const id = await withDeltas(stage, 3);
    await stage.backend.putSnapshot({ runId: id, sequence: 2, shape: "shape-1", bytes: bytes("folded") });
    const tail = await tailOf(stage, id, { after: 0, shape: "shape-2" });
    equal([tail.snapshot, texts(tail)], [undefined, ["1", "2", "3"]], "the tail");
  },

  "A snapshot that is no newer than what the caller has is not sent": async (stage) => {
    const id = await withDeltas(stage, 4);
    await stage.backend.putSnapshot({ runId: id, sequence: 3, shape: "s", bytes: bytes("folded") });
    for (const after of [3, 4])
      equal((await tailOf(stage, id, { after, shape: "s" })).snapshot, undefined, `the snapshot after ${after}`);
  },

  "A snapshot beyond what was asked for is not used": async (stage) => {
    const id = await withDeltas(stage, 4);
    await stage.backend.putSnapshot({ runId: id, sequence: 3, shape: "s", bytes: bytes("folded") });
    const tail = await tailOf(stage, id, { after: 0, upTo: 2, shape: "s" });
    equal([tail.snapshot, texts(tail)], [undefined, ["1", "2"]], "the tail");
  },

  "A newer snapshot replaces an older one, and an older one replaces nothing": async (stage) => {
    const id = await withDeltas(stage, 6);
    for (const sequence of [2, 5, 3])
      await stage.backend.putSnapshot({ runId: id, sequence, shape: "s", bytes: bytes(`at ${sequence}`) });
    const tail = await tailOf(stage, id, { after: 0, shape: "s" });
    equal([tail.snapshot, texts(tail)], [{ sequence: 5, bytes: bytes("at 5") }, ["6"]], "the tail");
  },

  "A snapshot of a sequence that the run has not reached is not used": async (stage) => {
    const id = await withDeltas(stage, 2);
    await stage.backend.putSnapshot({ runId: id, sequence: 9, shape: "s", bytes: bytes("from the future") });
    await stage.backend.putSnapshot({ runId: stage.newRunId(), sequence: 1, shape: "s", bytes: bytes("of nothing") });
    const tail = await tailOf(stage, id, { after: 0, shape: "s" });
    equal([tail.snapshot, texts(tail)], [undefined, ["1", "2"]], "the tail");
  },
});

const memoCases = cases("memos", {
  "A memo is handed to every later attempt of its item": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const first = await worker.take();
    const { runId, item, epoch } = first.item;
    const memo = { runId, item, epoch, session: worker.id };
    equal(
      await stage.backend.putMemo({ ...memo, name: "charge", value: bytes("receipt") }),
      true,
      "whether the memo was kept",
    );
    equal(
      await stage.backend.putMemo({ ...memo, name: "mail", value: new Uint8Array() }),
      true,
      "whether the second memo was kept",
    );
    await worker.did(first, retry());
    const again = await worker.take();
    equal(
      [...again.memos].sort(),
      [
        ["charge", bytes("receipt")],
        ["mail", new Uint8Array()],
      ],
      "the memos of the next attempt",
    );
    await worker.signOff();
    equal((await (await stage.session()).take()).memos.size, 2, "memos after a sign-off");
  },

  "Of two memos of one name the first is kept": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const memo = { runId: claimed.run.id, item: 0, epoch: 1, session: worker.id, name: "charge" };
    await stage.backend.putMemo({ ...memo, value: bytes("first") });
    await stage.backend.putMemo({ ...memo, value: bytes("second") });
    await worker.did(claimed, retry());
    equal([...(await worker.take()).memos], [["charge", bytes("first")]], "the memos");
  },

  "A memo under a stale lease is refused": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const other = await stage.session();
    await worker.take();
    const memo = { runId: id, item: 0, epoch: 1, session: worker.id, name: "charge", value: bytes("x") };
    const { backend } = stage;
    equal(await backend.putMemo({ ...memo, epoch: 0 }), false, "whether an older epoch's was kept");
    equal(await backend.putMemo({ ...memo, epoch: 2 }), false, "whether a newer epoch's was kept");
    equal(await backend.putMemo({ ...memo, session: other.id }), false, "whether another session's was kept");
    equal(await backend.putMemo({ ...memo, item: 5 }), false, "whether an unknown item's was kept");
    equal(await backend.putMemo({ ...memo, runId: stage.newRunId() }), false, "whether an unknown run's was kept");
    await stage.does({ kind: "cancel", runId: id });
    equal(await backend.putMemo(memo), false, "whether a closed run's was kept");
    await stage.does({ kind: "resume", runId: id });
    equal(await backend.putMemo(memo), false, "whether one from before the cancel was kept");
    equal((await other.take()).memos.size, 0, "memos of the next attempt");
  },

  "Memos of one item are not another's": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    const { items } = await worker.claim();
    await stage.backend.putMemo({
      runId: id,
      item: 1,
      epoch: 1,
      session: worker.id,
      name: "step",
      value: bytes("of a"),
    });
    for (const claimed of items) await worker.did(claimed, retry());
    equal(
      (await worker.claim()).items.map(({ memos }) => memos.size),
      [1, 0],
      "memos of the items",
    );
  },
});

export const contextCases = [...deltaCases, ...tailCases, ...memoCases];
