/** Cases about requests that are sent again: one effect and one answer, claimed items included; other content is a conflict. */

import { commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpBackend, dumpRun } from "./dump.ts";
import { equal, ofKind, present, throws } from "./expectation.ts";
import { bytes, hold, next, output, retry } from "./parts.ts";
import { LEASE_MS } from "./stage.ts";

export const requestCases = cases("requests", {
  "A request that is sent again has one effect and the same answer": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const commit = commitOf(claimed, next("a", "b"), { delta: bytes("delta"), writes: [0] });
    const first = await worker.send([commit], worker.claimRequest());
    const before = await dumpBackend(stage.backend);
    equal(await worker.resend(), first, "the second answer");
    equal(await worker.resend(), first, "the third answer");
    equal(await dumpBackend(stage.backend), before, "everything in the store");
    equal((await stage.state(id)).items, 3, "items of the run");
  },

  "A claim that is sent again hands out the same items and no others": async (stage) => {
    for (let count = 0; count < 3; count += 1)
      await stage.start({ input: bytes(String(count)), first: { keys: ["k"] } });
    const worker = await stage.session();
    const first = await worker.send([], worker.claimRequest({ limit: 2 }));
    equal(first.items.length, 2, "claimed items");
    equal((await worker.resend()).items, first.items, "the items of the second answer");
    equal((await worker.claim({ limit: 2 })).items.length, 1, "items that are left");
  },

  "A request that is sent again much later is answered as it was": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const first = await worker.send([commitOf(claimed, retry(1_000))], worker.claimRequest());
    await stage.clock.advance(10_000);
    const { answers, items } = await worker.resend();
    equal([answers, items], [first.answers, []], "the answer after the item became ready");
  },

  "A claim that is sent again after its lease was lost still names the same items": async (stage) => {
    await stage.start();
    const owner = await stage.session();
    const first = await owner.send([], owner.claimRequest());
    await stage.clock.advance(LEASE_MS);
    const other = await stage.session();
    const taken = await other.take();
    const again = await owner.resend();
    equal(
      again.items.map(({ item }) => [item.runId, item.item, item.epoch]),
      first.items.map(({ item }) => [item.runId, item.item, item.epoch]),
      "the items",
    );
    await owner.refused(present(again.items[0], "the item"), output("late"), "STALE_LEASE");
    await other.did(taken, output("done"));
  },

  "A refusal is answered alike when its request is sent again": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.does({ kind: "merge", runId: id, delta: bytes("from outside"), writes: [2] });
    const first = await worker.send([commitOf(claimed, output("done"), { reads: [2] })]);
    equal(
      first.answers.map((answer) => answer.kind === "refused" && answer.code),
      ["CONTEXT_CONFLICT"],
      "the first answer",
    );
    equal((await worker.resend()).answers, first.answers, "the second answer");
    equal((await stage.state(id)).status, "running", "the status of the run");
  },

  "A request that is sent again after an outage may leave others a longer grace": async (stage) => {
    await stage.start({ input: bytes("theirs") });
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 10 * LEASE_MS })];
    await owner.take();
    await stage.start({ input: bytes("mine") });
    const claim = other.claimRequest();
    const first = await other.send([], claim);
    await stage.clock.advance(2 * LEASE_MS);
    const again = await other.resend({ claim: { ...claim, graceMs: 3 * LEASE_MS } });
    equal([again.items, again.items.length], [first.items, 1], "the items of the second answer");
    await other.takesNothing("the grace holds for a first time too", { graceMs: 3 * LEASE_MS });
    await other.take();
  },

  "Another content under the number of an answered request is a COMMIT_CONFLICT": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await worker.send([commitOf(claimed, next("a"))]);
    const before = await dumpRun(stage.backend, claimed.run.id);
    await throws(() => worker.resend({ commits: [commitOf(claimed, next("b"))] }), "COMMIT_CONFLICT", "other commits");
    await throws(() => worker.resend({ claim: worker.claimRequest() }), "COMMIT_CONFLICT", "another claim");
    equal(await dumpRun(stage.backend, claimed.run.id), before, "the run");
  },

  "A number below that of the last answered request is a COMMIT_CONFLICT": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    await worker.send([]);
    await worker.send([]);
    await throws(
      () => worker.resend({ request: 1, claim: worker.claimRequest() }),
      "COMMIT_CONFLICT",
      "an older request",
    );
    await worker.take();
  },

  "The same commit under another request number is answered without a second effect": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const extras = { delta: bytes("once"), writes: [0], metrics: [{ name: "m", value: 1 }] };
    await worker.did(claimed, next("a"), extras);
    const before = await dumpRun(stage.backend, id);
    const again = await worker.did(claimed, next("a"), extras);
    equal(
      [again.appended, again.itemStatus, again.sequence, again.runStatus],
      [false, "completed", 1, "running"],
      "the second answer",
    );
    equal(await dumpRun(stage.backend, id), before, "the run");
  },

  "A commit that ended its run is answered again after the run is closed": async (stage) => {
    await stage.start({ completion: "first" });
    const worker = await stage.session();
    const claimed = await worker.take();
    equal((await worker.did(claimed, output("done"))).runStatus, "completed", "the status that the first answer gives");
    equal(
      (await worker.did(claimed, output("done"))).runStatus,
      "completed",
      "the status that the second answer gives",
    );
  },

  "A retry and a hold are answered again with the status that the item ended with": async (stage) => {
    await stage.start();
    await stage.start();
    const worker = await stage.session();
    const [first, second] = (await worker.claim()).items;
    for (const [claimed, outcome, status] of [
      [first, retry(60_000), "waiting_retry"],
      [second, hold(), "held"],
    ] as const) {
      const item = present(claimed, "the claimed item");
      equal((await worker.did(item, outcome)).itemStatus, status, "the status that the first answer gives");
      equal((await worker.did(item, outcome)).itemStatus, status, "the status that the second answer gives");
    }
  },

  "The same item, epoch and session with other content is refused with COMMIT_CONFLICT": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await worker.did(claimed, next("a"));
    const before = await dumpRun(stage.backend, id);
    await worker.refused(claimed, next("b"), "COMMIT_CONFLICT");
    equal(await dumpRun(stage.backend, id), before, "the run");
  },

  "Answers come in the order of the commits, and a refused one does not disturb the others": async (stage) => {
    for (const input of ["a", "b", "c"]) await stage.start({ input: bytes(input) });
    const worker = await stage.session();
    const claimed = await worker.claim();
    const [a, b, c] = [claimed.of("a"), claimed.of("b"), claimed.of("c")];
    await stage.does({ kind: "cancel", runId: b.run.id });
    const { answers } = await worker.send([c, b, a].map((item) => commitOf(item, output("done"))));
    equal(
      answers.map((answer) => (answer.kind === "refused" ? answer.code : answer.kind)),
      ["committed", "RUN_CLOSED", "committed"],
      "the answers",
    );
    for (const { run } of [a, c])
      equal((await stage.state(run.id)).status, "completed", "the status of the other runs");
  },

  "Two commits of one run in one request are both applied, in order": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    const { items } = await worker.claim();
    const { answers } = await worker.send(
      items.map((item, at) => commitOf(item, next(`after-${at}`), { delta: bytes(`delta ${at}`), writes: [at] })),
    );
    equal(
      answers.map((answer) => answer.sequence),
      [1, 2],
      "the sequences",
    );
    const run = await stage.state(id);
    equal([run.sequence, run.commits, run.items, run.open, run.completed], [2, 3, 5, 2, 3], "the run");
  },

  "A request carries up to 256 commits": async (stage) => {
    await stage.backend.startRuns(Array.from({ length: 256 }, () => stage.startRequest()));
    const worker = await stage.session();
    const claimed = [];
    for (let round = 0; round < 20 && claimed.length < 256; round += 1)
      claimed.push(...(await worker.claim({ limit: 64 })).items);
    const { answers } = await worker.send(claimed.map((item) => commitOf(item, output("done"))));
    equal(answers.filter(({ kind }) => kind === "committed").length, 256, "accepted commits");
    equal(
      (await stage.backend.read.runs({ status: ["completed"] }, { limit: 1_000 })).entries.length,
      256,
      "completed runs",
    );
  },

  "More commits than a request may carry are refused as a whole": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const commits = Array.from({ length: 257 }, () => commitOf(claimed, output("done")));
    await throws(() => worker.send(commits), "INVALID_VALUE", "the request");
    equal((await stage.state(id)).status, "running", "the status of the run");
  },

  "Sessions number their requests by themselves": async (stage) => {
    await stage.start();
    const [first, second] = [await stage.session(), await stage.session()];
    for (let count = 0; count < 3; count += 1) await first.send([]);
    await second.take();
    await first.takesNothing("the other session has the item");
  },

  "Requests of one session that are sent at the same time are applied once each": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const first = worker.send([commitOf(claimed, next("a"))], worker.claimRequest());
    const answers = await Promise.all([first, worker.resend(), worker.resend()]);
    for (const answer of answers)
      equal(ofKind(present(answer.answers[0], "the answer"), "committed", "each answer").sequence, 0, "its sequence");
    equal((await stage.state(id)).items, 2, "items of the run");
  },
});

export const requestHandleCases = cases(
  "requests",
  {
    "A request that is sent again through another handle gets the same answer": async (stage) => {
      await stage.start({ input: bytes("payload") });
      const worker = await stage.session();
      const first = await worker.send([], worker.claimRequest());
      const second = await stage.reopen();
      equal(await worker.resend({}, second), first, "the answer through the second handle");
      const claimed = present(first.items[0], "the claimed item");
      const done = await worker.send([commitOf(claimed, output("done"))]);
      equal(
        (await worker.resend({}, second)).answers,
        done.answers,
        "the answer of the commit through the second handle",
      );
    },
  },
  "secondHandle",
);
