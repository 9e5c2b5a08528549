/** Cases about time that runs out: timeouts of attempts, deadlines of items, timeouts of runs. Each is a row, done by the next claim. */

import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, failOver, next, output, release, retry } from "./parts.ts";

/** Sessions of these cases outlive what they wait for. */
const LONG = { leaseMs: 1_000_000_000 };

const attemptCases = cases("attempt timeouts", {
  "An attempt whose timeout is due is handed out for its failure path": async (stage) => {
    await stage.start({ first: { timeoutMs: 5_000 } });
    const [slow, other] = [await stage.session(LONG), await stage.session(LONG)];
    const late = await slow.take();
    await stage.clock.advance(4_999);
    await other.takesNothing("a millisecond of the timeout is left");
    await stage.clock.advance(1);
    const claimed = await other.take();
    equal([claimed.reason, claimed.item.reason, claimed.item.epoch], ["timeout", "timeout", 2], "reason and epoch");
    equal([claimed.item.stalls, claimed.item.attempts], [0, 0], "stalls and attempts");
    await slow.refused(late, output("late"), "STALE_LEASE");
  },

  "The session that is too slow may get the failure path itself": async (stage) => {
    await stage.start({ first: { timeoutMs: 5_000 } });
    const worker = await stage.session(LONG);
    await worker.take();
    await stage.clock.advance(5_000);
    equal((await worker.take()).reason, "timeout", "the reason");
  },

  "A timed-out attempt that is tried again is an attempt more and starts afresh": async (stage) => {
    const id = await stage.start({ first: { timeoutMs: 5_000 } });
    const worker = await stage.session(LONG);
    await worker.take();
    await stage.clock.advance(5_000);
    await worker.did(await worker.take(), { ...retry(), failure: { code: "TIMEOUT", message: "too slow" } });
    const again = await worker.take();
    equal(
      [again.reason, again.item.attempts, again.item.timeoutAt],
      ["ready", 1, stage.clock.now() + 5_000],
      "reason, attempts and timeout",
    );
    equal(
      (await dumpRun(stage.backend, id)).failures.map(({ failure, outcome }) => [failure.code, outcome]),
      [["TIMEOUT", "retried"]],
      "the failures",
    );
  },

  "The reason timeout stays when the worker that should commit the failure vanishes": async (stage) => {
    await stage.start({ first: { timeoutMs: 5_000 } });
    const worker = await stage.session(LONG);
    await worker.take();
    await stage.clock.advance(5_000);
    await worker.take();
    await worker.signOff();
    const claimed = await (await stage.session(LONG)).take();
    equal([claimed.reason, claimed.item.stalls], ["timeout", 0], "reason and stalls");
  },

  "An item handed out for its failure path has the attempt's timeout again": async (stage) => {
    await stage.start({ first: { timeoutMs: 5_000 } });
    const worker = await stage.session(LONG);
    await worker.take();
    await stage.clock.advance(5_000);
    await worker.take();
    await stage.clock.advance(4_999);
    await worker.takesNothing("the failure path is being committed");
    await stage.clock.advance(1);
    equal((await worker.take()).reason, "timeout", "the reason when that took too long too");
  },

  "The timeout of an attempt is not extended by renewals": async (stage) => {
    await stage.start({ first: { timeoutMs: 40_000 } });
    const [owner, other] = [await stage.session(), await stage.session(LONG)];
    await owner.take();
    for (let round = 0; round < 4; round += 1) {
      await stage.clock.advance(10_000);
      await owner.renew();
    }
    equal((await other.take()).reason, "timeout", "the reason");
  },

  "A late commit counts while nobody has taken the item": async (stage) => {
    const id = await stage.start({ first: { timeoutMs: 5_000 } });
    const worker = await stage.session(LONG);
    const claimed = await worker.take();
    await stage.clock.advance(50_000);
    await worker.did(claimed, output("late"));
    equal((await stage.state(id)).status, "completed", "the status of the run");
  },
});

const deadlineCases = cases("deadlines", {
  "A deadline that passes while the item executes hands it out for its failure path": async (stage) => {
    await stage.start({ first: { deadlineMs: 5_000 } });
    const [slow, other] = [await stage.session(LONG), await stage.session(LONG)];
    await slow.take();
    await stage.clock.advance(4_999);
    await other.takesNothing("a millisecond is left");
    await stage.clock.advance(1);
    const claimed = await other.take();
    equal([claimed.reason, claimed.item.stalls], ["deadline", 0], "reason and stalls");
  },

  "A deadline that passes while the item is ready is seen by the claim": async (stage) => {
    await stage.start({ first: { deadlineMs: 5_000 } });
    await stage.clock.advance(5_000);
    equal((await (await stage.session()).take()).reason, "deadline", "the reason");
  },

  "A deadline ends the back-off of a retry": async (stage) => {
    await stage.start({ first: { deadlineMs: 5_000 } });
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), retry(60_000));
    await stage.clock.advance(4_999);
    await worker.takesNothing("a millisecond is left");
    await stage.clock.advance(1);
    const claimed = await worker.take();
    equal([claimed.reason, claimed.item.attempts], ["deadline", 1], "reason and attempts");
  },

  "A deadline is over all attempts": async (stage) => {
    await stage.start({ first: { deadlineMs: 10_000, timeoutMs: 4_000 } });
    const worker = await stage.session(LONG);
    const reasons: string[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await worker.take();
      await stage.clock.advance(4_000);
      const claimed = await worker.take();
      reasons.push(claimed.reason);
      await worker.did(claimed, retry());
    }
    equal(reasons, ["timeout", "timeout", "deadline"], "the reasons");
  },

  "An item whose deadline has passed keeps that reason until its failure is committed": async (stage) => {
    const id = await stage.start({ first: { deadlineMs: 5_000 } });
    await stage.clock.advance(5_000);
    const first = await stage.session();
    await first.did(await first.take(), release());
    const second = await stage.session(LONG);
    await second.take();
    await second.signOff();
    const third = await stage.session(LONG);
    const claimed = await third.take();
    equal(claimed.reason, "deadline", "the reason");
    await third.did(claimed, { ...fail(), failure: { code: "DEADLINE", message: "too late" } });
    equal((await stage.run(id)).failure?.code, "DEADLINE", "why the run failed");
  },

  "A deadline can go to a failure edge, whose item has no deadline of its own": async (stage) => {
    const id = await stage.start({ first: { deadlineMs: 5_000 } });
    await stage.clock.advance(5_000);
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), failOver("cure"));
    const cure = await worker.take();
    equal([cure.reason, cure.item.deadlineAt], ["ready", undefined], "reason and deadline");
    await worker.did(cure, output("done"));
    equal((await stage.state(id)).status, "completed", "the status of the run");
  },

  "A deadline of a paused run's item is done when the run is resumed": async (stage) => {
    const id = await stage.start({ first: { deadlineMs: 5_000 } });
    await stage.does({ kind: "pause", runId: id });
    await stage.clock.advance(60_000);
    const worker = await stage.session();
    await worker.takesNothing("the run is paused");
    await stage.does({ kind: "resume", runId: id });
    equal((await worker.take()).reason, "deadline", "the reason");
  },

  "Resuming a failed run gives its items a fresh deadline": async (stage) => {
    const id = await stage.start({ first: { deadlineMs: 5_000 } });
    await stage.clock.advance(5_000);
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), fail());
    await stage.does({ kind: "resume", runId: id });
    const again = await worker.take();
    equal([again.reason, again.item.deadlineAt], ["ready", stage.clock.now() + 5_000], "reason and deadline");
  },
});

const runCases = cases("run timeouts", {
  "A run whose timeout is due fails, and nothing of it is claimed": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), next("a", "b"));
    const [a] = (await worker.claim({ limit: 1 })).items;
    await stage.clock.advance(59_999);
    equal((await stage.state(id)).status, "running", "the status a millisecond before");
    await stage.clock.advance(1);
    await worker.takesNothing("the run is over");
    const run = await stage.run(id);
    equal(
      [run.status, run.failure?.code, run.generation, run.finishedAt],
      ["failed", "TIMEOUT", 1, stage.clock.now()],
      "the run",
    );
    await worker.refused(present(a, "an item"), output("late"), "RUN_CLOSED");
  },

  "A renewal finds out that a run's timeout is due": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    const worker = await stage.session(LONG);
    const claimed = await worker.take();
    await stage.clock.advance(60_000);
    equal(await worker.revocation(claimed), "closed", "what the renewal says of the item");
    equal((await stage.state(id)).status, "failed", "the status of the run");
  },

  "A run that finished in time is not timed out": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), output("done"));
    await stage.clock.advance(60_000);
    await worker.takesNothing("the run is over");
    equal((await stage.state(id)).status, "completed", "the status of the run");
  },

  "A paused run is not timed out, but at once when it is resumed": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    const worker = await stage.session(LONG);
    await stage.does({ kind: "pause", runId: id });
    await stage.clock.advance(120_000);
    await worker.takesNothing("the run is paused");
    equal((await stage.state(id)).status, "paused", "the status while it is paused");
    await stage.control({ kind: "resume", runId: id });
    await worker.takesNothing("the run's timeout is due");
    equal([(await stage.state(id)).status, (await stage.run(id)).failure?.code], ["failed", "TIMEOUT"], "the run");
  },

  "A paused run that is resumed with a new timeout goes on": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    await stage.does({ kind: "pause", runId: id });
    await stage.clock.advance(120_000);
    await stage.does({ kind: "resume", runId: id, timeoutMs: 5_000 });
    await (await stage.session()).take();
    equal((await stage.state(id)).timeoutAt, stage.clock.now() + 5_000, "when the new timeout is due");
  },

  "A timed-out run goes on only with a new timeout": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000, input: bytes("x") });
    const worker = await stage.session(LONG);
    await worker.take();
    await stage.clock.advance(60_000);
    await worker.takesNothing("the run's timeout is due");
    await stage.refuses({ kind: "resume", runId: id }, "ILLEGAL_TRANSITION");
    await stage.does({ kind: "resume", runId: id, timeoutMs: 30_000 });
    const again = await worker.take();
    equal([again.item.item, again.item.epoch, again.run.generation], [0, 2, 1], "the item that runs again");
    await worker.did(again, output("done"));
    equal((await stage.run(id)).failure, undefined, "the failure of the run");
  },

  "A run's timeout is done though no worker has its definition": async (stage) => {
    const id = await stage.start({ timeoutMs: 60_000 });
    await stage.clock.advance(60_000);
    await (await stage.session()).takesNothing("no definition is named", { definitions: [], queues: ["elsewhere"] });
    equal((await stage.state(id)).status, "failed", "the status of the run");
  },

  "Many runs that time out at once are all closed": async (stage) => {
    await stage.backend.startRuns(Array.from({ length: 150 }, () => stage.startRequest({ timeoutMs: 1_000 })));
    await stage.clock.advance(1_000);
    const worker = await stage.session();
    for (let round = 0; round < 20; round += 1) await worker.takesNothing("the runs are over");
    equal((await stage.backend.read.runs({ status: ["failed"] }, { limit: 1_000 })).entries.length, 150, "failed runs");
  },
});

export const timeoutCases = [...attemptCases, ...deadlineCases, ...runCases];
