/**
 * Cases about parked items: how a wait begins, what its answer or the end of its time does, and what an operator's actions
 * on the run mean for it meanwhile.
 */

import type { ClaimedItem } from "../../backend/contract/claim.ts";
import type { NewWait } from "../../backend/contract/wait.ts";
import type { Actor } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { check, equal, ofKind, present } from "./expectation.ts";
import { arrive, ask, bytes, fail, fanOut, newItem, next, output, retry, sleep, textOf } from "./parts.ts";
import type { Stage } from "./stage.ts";

/** Sessions of these cases outlive what they wait for. */
const LONG = { leaseMs: 1_000_000_000_000 };

interface Parked {
  readonly id: string;
  readonly worker: Actor;
  /** As it was claimed before it was parked. */
  readonly claimed: ClaimedItem;
}

/** A run whose one item waits for an input. */
async function parked(stage: Stage, wait: Partial<NewWait> = {}, first = {}): Promise<Parked> {
  const id = await stage.start({ first });
  const worker = await stage.session(LONG);
  const claimed = await worker.take();
  const { itemStatus } = await worker.did(claimed, ask(wait));
  equal(itemStatus, "waiting", "the status that the item is left in");
  return { id, worker, claimed };
}

function answerOf({ id, claimed }: Parked, payload = "yes", changes = {}) {
  const { item, epoch } = claimed.item;
  return { kind: "completeWait", runId: id, item, number: epoch, payload: bytes(payload), ...changes } as const;
}

const parkingCases = cases("waits", {
  "A parked item is open, its run waits, and nothing of it is claimed": async (stage) => {
    const { id, worker } = await parked(stage);
    const run = await stage.state(id);
    equal([run.status, run.open, run.parked, run.statusAt], ["waiting", 1, 1, stage.clock.now()], "the run");
    const item = await stage.item(id, 0);
    equal([item.status, item.attempts, item.endedAt], ["waiting", 0, undefined], "the item");
    equal(
      item.wait,
      {
        kind: "input",
        number: 1,
        since: stage.clock.now(),
        dueAt: undefined,
        deadlineLeftMs: undefined,
        over: undefined,
      },
      "its wait",
    );
    await stage.clock.advance(1_000_000);
    await worker.takesNothing("the item is parked");
  },

  "A run waits only while all that is open of it is parked": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), next("a", "b"));
    const [a, b] = (await worker.claim()).items;
    await worker.did(present(a, "an item"), ask());
    equal((await stage.state(id)).status, "running", "the status while one of two is parked");
    await worker.did(present(b, "an item"), ask());
    const run = await stage.state(id);
    equal([run.status, run.open, run.parked], ["waiting", 2, 2], "the run when both are");
    await stage.does({ kind: "enqueue", runId: id, item: newItem("extra") });
    equal((await stage.state(id)).status, "running", "the status when an item is put into it");
  },

  "What an attempt changed before it was parked is committed with it": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session(LONG);
    const metrics = [{ name: "asked", value: 1 }];
    await worker.did(await worker.take(), ask(), { delta: bytes("asked"), writes: [2], metrics });
    const { deltas, metrics: kept } = await dumpRun(stage.backend, id);
    equal(
      deltas.map(({ delta }) => textOf(delta)),
      ["asked"],
      "the deltas",
    );
    equal(
      kept.map(({ name }) => name),
      ["asked"],
      "the metrics",
    );
    equal((await stage.state(id)).fieldSequences, [0, 0, 1], "the last sequence of each field");
  },

  "The commit that parks an item is answered alike when it comes again": async (stage) => {
    const { id, worker } = await parked(stage);
    const again = await worker.resend();
    equal(again.answers[0]?.kind, "committed", "the answer to the same request");
    const before = await dumpRun(stage.backend, id);
    const last = await worker.resend({ request: 3 });
    const answer = ofKind(present(last.answers[0], "the answer"), "committed", "the same commit in another request");
    equal(answer.itemStatus, "waiting", "the status that the item was left in");
    equal(await dumpRun(stage.backend, id), before, "the run");
  },

  "A branch that is parked keeps its group open": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), fanOut("branch", ["one", "two"]));
    const { of } = await worker.claim();
    await worker.did(of("one"), ask());
    await worker.did(of("two"), arrive("join", "first", "second"));
    await worker.takesNothing("a branch is open");
    const { item, epoch: number } = of("one").item;
    await stage.does({ kind: "completeWait", runId: id, item, number, payload: bytes("yes") });
    await worker.did(await worker.take(), arrive("join", "first", "first"));
    equal((await worker.take()).item.node, "join", "the node that is left");
  },

  "Waits that can be answered are listed, longest first, of a run or of a kind": async (stage) => {
    const { id, claimed } = await parked(stage, { details: '{"prompt":"ok?"}', durationMs: 60_000 });
    const since = stage.clock.now();
    await stage.clock.advance(1_000);
    const tool = await parked(stage, { kind: "tool" });
    const sleeping = await stage.start();
    await tool.worker.did(await tool.worker.take(), sleep(1_000));
    const { read } = stage.backend;
    const expected = {
      ...{ runId: id, item: 0, number: claimed.item.epoch, node: "first", kind: "input", since, dueAt: since + 60_000 },
      ...{ details: '{"prompt":"ok?"}', event: undefined, childId: undefined },
    };
    equal(await read.wait(id, 0), expected, "the wait by its item");
    const runsOf = async (filter: Parameters<typeof read.waits>[0]) =>
      (await read.waits(filter, {})).entries.map(({ runId }) => runId);
    equal(await runsOf({}), [id, tool.id], "all of them");
    equal(await runsOf({ kind: "tool" }), [tool.id], "those for tools");
    equal([await runsOf({ runId: id }), await runsOf({ runId: sleeping })], [[id], []], "those of a run");
    equal(await runsOf({ runId: id, kind: "tool" }), [], "those of a run and a kind");
    equal([await read.wait(sleeping, 0), await read.wait(id, 7)], [undefined, undefined], "where there is none");
  },

  "A list of waits is given in pages, whatever is answered meanwhile": async (stage) => {
    const waits: Parked[] = [];
    for (let count = 0; count < 7; count += 1) {
      waits.push(await parked(stage));
      await stage.clock.advance(count % 2);
    }
    const { read } = stage.backend;
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await read.waits({}, { limit: 2, cursor });
      check(page.entries.length <= 2, "a page has no more than it was asked for");
      seen.push(...page.entries.map(({ runId }) => runId));
      if (cursor === undefined) await stage.does(answerOf(present(waits[0], "a wait")));
      cursor = page.cursor;
    } while (cursor !== undefined);
    equal(seen.toSorted(), waits.map(({ id }) => id).toSorted(), "each wait, once");
    equal((await read.waits({}, {})).entries.length, 6, "what is listed afterwards");
  },
});

const answerCases = cases("answers", {
  "The answer hands the item out again, in the same attempt": async (stage) => {
    const wait = await parked(stage);
    await stage.clock.advance(5_000);
    const { run, item } = await stage.does(answerOf(wait));
    equal([run.status, run.parked, run.open, item], ["running", 0, 1, 0], "the run and the item of the outcome");
    const claimed = await wait.worker.take();
    equal([claimed.reason, textOf(claimed.answer), claimed.item.attempts], ["ready", "yes", 0], "what is handed out");
    equal([claimed.item.wait?.over, claimed.item.epoch, claimed.item.wait?.number], ["answer", 2, 1], "its wait");
    equal(textOf(claimed.input), "input", "its input");
    equal(await stage.backend.read.wait(wait.id, 0), undefined, "the wait");
    await wait.worker.did(claimed, output("done"));
    equal((await stage.state(wait.id)).status, "completed", "the status of the run");
  },

  "An answer that comes again changes nothing, and another one is refused": async (stage) => {
    const wait = await parked(stage);
    await stage.does(answerOf(wait));
    equal((await stage.control(answerOf(wait))).kind, "unchanged", "the same answer");
    await stage.refuses(answerOf(wait, "no"), "ILLEGAL_TRANSITION");
    const claimed = await wait.worker.take();
    equal(textOf(claimed.answer), "yes", "the answer that counts");
    equal((await stage.control(answerOf(wait))).kind, "unchanged", "the same answer while it is worked on");
    await wait.worker.did(claimed, output("done"));
    equal((await stage.control(answerOf(wait))).kind, "unchanged", "the same answer when its run has ended");
    await stage.refuses(answerOf(wait, "no"), "ILLEGAL_TRANSITION");
    const { audit } = await dumpRun(stage.backend, wait.id);
    equal(
      audit.map(({ action, item }) => [action, item]),
      [["completeWait", 0]],
      "what the audit trail has of it",
    );
  },

  "An answer to what is no wait is refused with WAIT_NOT_FOUND": async (stage) => {
    const wait = await parked(stage);
    const unknown = [answerOf(wait, "yes", { item: 5 }), answerOf(wait, "yes", { number: 2 })];
    for (const action of unknown) await stage.refuses(action, "WAIT_NOT_FOUND");
    await stage.refuses(answerOf(wait, "yes", { runId: "nowhere" }), "RUN_NOT_FOUND");
    const sleeping = { id: await stage.start(), worker: wait.worker, claimed: await wait.worker.take() };
    await stage.refuses(answerOf(sleeping), "WAIT_NOT_FOUND");
    await wait.worker.did(sleeping.claimed, sleep(1_000));
    await stage.refuses(answerOf(sleeping), "WAIT_NOT_FOUND");
    equal((await stage.state(wait.id)).status, "waiting", "the status of the run that waits");
  },

  "A paused run takes an answer, and goes on with it when it is resumed": async (stage) => {
    const wait = await parked(stage);
    await stage.does({ kind: "pause", runId: wait.id });
    await stage.does(answerOf(wait));
    equal((await stage.state(wait.id)).status, "paused", "the status of the run");
    await wait.worker.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: wait.id });
    equal(textOf((await wait.worker.take()).answer), "yes", "the answer");
  },

  "A run that is resumed while it is parked waits again": async (stage) => {
    const wait = await parked(stage);
    await stage.does({ kind: "pause", runId: wait.id });
    await stage.does({ kind: "resume", runId: wait.id });
    equal((await stage.state(wait.id)).status, "waiting", "the status of the run");
  },

  "A closed run takes no answer; its waits can be answered again when it is resumed": async (stage) => {
    const wait = await parked(stage);
    await stage.does({ kind: "cancel", runId: wait.id });
    await stage.refuses(answerOf(wait), "RUN_CLOSED");
    const { read } = stage.backend;
    equal([await read.wait(wait.id, 0), (await read.waits({}, {})).entries], [undefined, []], "what can be answered");
    equal((await stage.item(wait.id, 0)).status, "cancelled", "the item as it reads");
    await stage.does({ kind: "resume", runId: wait.id });
    const run = await stage.state(wait.id);
    equal([run.status, run.parked], ["waiting", 1], "the run when it is resumed");
    await stage.does(answerOf(wait));
    equal(textOf((await wait.worker.take()).answer), "yes", "the answer");
  },

  "The answer is handed out again when the worker that had it vanishes": async (stage) => {
    const wait = await parked(stage);
    await stage.does(answerOf(wait));
    const gone = await stage.session({ leaseMs: 1_000 });
    equal(textOf((await gone.take()).answer), "yes", "the answer the first time");
    await stage.clock.advance(2_000);
    const again = await wait.worker.take();
    equal([textOf(again.answer), again.item.stalls, again.reason], ["yes", 1, "ready"], "what the next one is handed");
  },

  "An attempt that fails on an answer is tried again with it": async (stage) => {
    const wait = await parked(stage);
    await stage.does(answerOf(wait));
    await wait.worker.did(await wait.worker.take(), retry());
    const again = await wait.worker.take();
    equal([textOf(again.answer), again.item.attempts], ["yes", 1], "what the next attempt is handed");
    await wait.worker.did(again, fail());
    await stage.does({ kind: "resume", runId: wait.id });
    const resumed = await wait.worker.take();
    equal([textOf(resumed.answer), resumed.item.attempts], ["yes", 0], "what it is handed when the run is resumed");
  },

  "An attempt that is to wait again forgets its wait": async (stage) => {
    const wait = await parked(stage);
    await stage.does(answerOf(wait));
    await wait.worker.did(await wait.worker.take(), { ...retry(), waitsAgain: true });
    const again = await wait.worker.take();
    equal([again.answer, again.item.wait], [undefined, undefined], "what the next attempt is handed");
    await wait.worker.did(again, ask());
    await stage.refuses(answerOf({ ...wait, claimed: again }, "yes", { number: 2 }), "WAIT_NOT_FOUND");
    await stage.does(answerOf({ ...wait, claimed: again }, "now"));
    const last = await wait.worker.take();
    equal(textOf(last.answer), "now", "the answer to the second wait");
    await wait.worker.did(last, { ...fail(), waitsAgain: true });
    await stage.does({ kind: "resume", runId: wait.id });
    equal((await wait.worker.take()).item.wait, undefined, "the wait when the run is resumed");
  },

  "An item that is tried again with edited input waits anew": async (stage) => {
    const wait = await parked(stage);
    await stage.does(answerOf(wait));
    await wait.worker.did(await wait.worker.take(), fail());
    await stage.does({ kind: "retryItem", runId: wait.id, item: 0, input: bytes("edited") });
    const again = await wait.worker.take();
    equal([again.answer, again.item.wait, textOf(again.input)], [undefined, undefined, "edited"], "what is handed out");
  },

  "A deleted run takes its waits along": async (stage) => {
    const wait = await parked(stage);
    await stage.does({ kind: "cancel", runId: wait.id });
    await stage.does({ kind: "delete", runId: wait.id });
    equal((await stage.backend.read.waits({ runId: wait.id }, {})).entries, [], "the waits of the run");
    await stage.refuses(answerOf(wait), "RUN_NOT_FOUND");
  },

  "Whoever looks for work is woken when a wait is answered": async (stage) => {
    const wait = await parked(stage);
    const heard: string[] = [];
    const close = stage.backend.subscribe(({ kind }) => heard.push(kind));
    await stage.does(answerOf(wait));
    close();
    check(heard.includes("work") || heard.includes("any"), `there is work, but what was heard is ${heard.join()}`);
  },
});

const timeCases = cases("waiting times", {
  "A sleep goes on when its time is over, and not a millisecond before": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), sleep(5_000));
    await stage.clock.advance(4_999);
    await worker.takesNothing("a millisecond is left");
    await stage.clock.advance(1);
    const claimed = await worker.take();
    equal(
      [claimed.reason, claimed.item.wait?.over, claimed.answer],
      ["ready", "time", undefined],
      "what is handed out",
    );
    equal((await stage.state(id)).parked, 0, "parked items");
  },

  "A sleep is exact beyond what a timer can take": async (stage) => {
    await stage.start();
    const worker = await stage.session(LONG);
    const long = 2 ** 31 + 12_345;
    const { now } = await worker.send([], worker.claimRequest({ limit: 0 }));
    await worker.did(await worker.take(), sleep(long));
    equal((await worker.send([], worker.claimRequest())).nextDueAt, now + long, "when something is due");
    await stage.clock.advance(long - 1);
    await worker.takesNothing("a millisecond is left");
    await stage.clock.advance(1);
    equal((await worker.take()).reason, "ready", "the reason");
  },

  "A sleep of no length is over at once": async (stage) => {
    await stage.start();
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), sleep(0));
    equal((await worker.take()).item.wait?.over, "time", "how it ended");
  },

  "A wait that is in vain hands its item out for its failure path": async (stage) => {
    const wait = await parked(stage, { durationMs: 5_000 });
    await stage.clock.advance(4_999);
    await wait.worker.takesNothing("a millisecond is left");
    await stage.clock.advance(1);
    const claimed = await wait.worker.take();
    equal(
      [claimed.reason, claimed.item.wait?.over, claimed.item.stalls],
      ["deadline", "time", 0],
      "what is handed out",
    );
    equal(await stage.backend.read.wait(wait.id, 0), undefined, "the wait");
    await stage.refuses(answerOf(wait), "WAIT_NOT_FOUND");
    await wait.worker.did(claimed, { ...fail(), failure: { code: "DEADLINE", message: "nobody came" } });
    equal((await stage.run(wait.id)).failure?.code, "DEADLINE", "why the run failed");
  },

  "What is due while its run is paused is done when it is resumed": async (stage) => {
    const wait = await parked(stage, { durationMs: 5_000 });
    const sleeping = await stage.start();
    await wait.worker.did(await wait.worker.take(), sleep(5_000));
    for (const runId of [wait.id, sleeping]) await stage.does({ kind: "pause", runId });
    await stage.clock.advance(60_000);
    await wait.worker.takesNothing("both runs are paused");
    for (const runId of [wait.id, sleeping]) await stage.does({ kind: "resume", runId });
    const { items } = await wait.worker.claim();
    const told = items.map(({ item, reason }) => [item.runId, reason]).toSorted();
    equal(
      told,
      [
        [wait.id, "deadline"],
        [sleeping, "ready"],
      ].toSorted(),
      "what is handed out",
    );
  },

  "What was due while its run was closed is done when it is resumed": async (stage) => {
    const wait = await parked(stage, { durationMs: 5_000 });
    await stage.does({ kind: "cancel", runId: wait.id });
    await stage.clock.advance(60_000);
    await wait.worker.takesNothing("the run is closed");
    await stage.does({ kind: "resume", runId: wait.id });
    equal((await wait.worker.take()).reason, "deadline", "the reason");
  },

  "The deadline of an item stands still while it is parked": async (stage) => {
    const wait = await parked(stage, {}, { deadlineMs: 10_000 });
    await stage.clock.advance(60_000);
    await wait.worker.takesNothing("the deadline stands still");
    await stage.does(answerOf(wait));
    await stage.clock.advance(1_000);
    const claimed = await wait.worker.take();
    equal([claimed.reason, claimed.item.deadlineAt], ["ready", stage.clock.now() + 9_000], "reason and deadline");
    await stage.clock.advance(9_000);
    equal((await wait.worker.take()).reason, "deadline", "the reason when the rest has passed");
  },

  "A run's timeout goes on while it waits": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), ask());
    await stage.clock.advance(60_000);
    await worker.takesNothing("the run is over");
    const run = await stage.run(id);
    equal([run.status, run.failure?.code], ["failed", "TIMEOUT"], "the run");
  },
});

export const waitCases = [...parkingCases, ...answerCases, ...timeCases];
