/**
 * Cases about looking for work without claiming it: idle workers sleep by what it says, so where it says that there is
 * nothing, nothing must be missed, and it must not cost what a claim costs.
 */

import { cases } from "./conformance-case.ts";
import { dumpBackend } from "./dump.ts";
import { equal } from "./expectation.ts";
import { bytes, output, release, retry } from "./parts.ts";
import { definitionOf, LEASE_MS, type Stage } from "./stage.ts";

const OTHER = definitionOf("other");

/** Whether there is something, and in how many milliseconds there may be. */
async function seen(looking: Promise<{ now: number; ready: boolean; nextDueAt: number | undefined }>) {
  const { now, ready, nextDueAt } = await looking;
  return [ready, ready || nextDueAt === undefined ? undefined : nextDueAt - now];
}

const NOTHING = [false, undefined];
const SOMETHING = [true, undefined];

/** A session that took the one item there is. */
async function holder(stage: Stage, leaseMs = LEASE_MS) {
  const worker = await stage.session({ leaseMs });
  return { worker, claimed: await worker.take() };
}

export const peekCases = cases(
  "peeks",
  {
    "A peek of a store without work sees nothing": async (stage) => {
      const worker = await stage.session();
      const { now, ready, nextDueAt } = await worker.peek();
      equal([now, ready, nextDueAt], [stage.clock.now(), false, undefined], "the look");
    },

    "A peek sees a ready item and leaves it there": async (stage) => {
      const id = await stage.start();
      const worker = await stage.session();
      const before = await dumpBackend(stage.backend);
      equal(await seen(worker.peek()), SOMETHING, "the first look");
      equal(await seen(worker.peek()), SOMETHING, "the second look");
      equal(await dumpBackend(stage.backend), before, "what the store shows");
      equal((await worker.take()).item.runId, id, "the run of the claimed item");
      equal((await stage.item(id, 0)).epoch, 1, "the epoch of the item");
    },

    "A peek needs no session and is no request of one": async (stage) => {
      const id = await stage.start();
      const worker = await stage.session();
      await worker.claim({ queues: ["elsewhere"] });
      await worker.peek();
      await worker.resend();
      equal((await worker.take()).item.runId, id, "the run of the claimed item");
      await worker.signOff();
      equal(await seen(worker.peek()), SOMETHING, "the look when the session is gone");
    },

    "A peek wakes nobody": async (stage) => {
      await stage.start();
      await holder(stage);
      await stage.start({ first: { delayMs: 1_000 }, timeoutMs: 3_000 });
      const worker = await stage.session();
      await stage.clock.advance(LEASE_MS);
      const heard: unknown[] = [];
      const stop = stage.backend.subscribe((wakeup) => heard.push(wakeup));
      equal(await seen(worker.peek()), SOMETHING, "the look");
      await stage.clock.advance(0);
      stop();
      equal(heard, [], "the hints");
    },

    "A peek looks where its claim would take from, and nowhere else": async (stage) => {
      await stage.publish(OTHER);
      await stage.start({ first: { queue: "slow", labels: ["gpu"] } });
      const worker = await stage.session();
      const definitions = [stage.definition];
      const look = (queue: string, labels: readonly string[], hashes = definitions) =>
        seen(worker.peek({ queues: [queue], labels, definitions: hashes }));
      equal(await look("default", ["gpu"]), NOTHING, "a look at another queue");
      equal(await look("slow", []), NOTHING, "a look without the label");
      equal(await look("slow", ["gpu"], [OTHER.hash]), NOTHING, "a look for another definition");
      equal(await look("slow", ["eu", "gpu"]), SOMETHING, "a look where it lies");
      const far = await stage.world("other");
      equal(
        await seen((await far.session()).peek({ queues: ["slow"], labels: ["gpu"] })),
        NOTHING,
        "another namespace",
      );
    },

    "A peek sees the end of a delay, and not a millisecond early": async (stage) => {
      const worker = await stage.session({ leaseMs: 10_000_000 });
      await stage.start({ first: { delayMs: 10_000 } });
      equal(await seen(worker.peek()), [false, 10_000], "the look at the beginning");
      await stage.clock.advance(9_999);
      equal(await seen(worker.peek()), [false, 1], "the look a millisecond before");
      await stage.clock.advance(1);
      equal(await seen(worker.peek()), SOMETHING, "the look at the end");
      await worker.take();
    },

    "A peek sees the end of a back-off and of a release": async (stage) => {
      await stage.start();
      const { worker, claimed } = await holder(stage, 10_000_000);
      await worker.did(claimed, retry(7_000));
      equal(await seen(worker.peek()), [false, 7_000], "the look during the back-off");
      await stage.clock.advance(7_000);
      equal(await seen(worker.peek()), SOMETHING, "the look after the back-off");
      await worker.did(await worker.take(), release(3_000));
      equal(await seen(worker.peek()), [false, 3_000], "the look during the release's delay");
      await stage.clock.advance(3_000);
      equal(await seen(worker.peek()), SOMETHING, "the look after the release's delay");
    },

    "A peek sees the timeout of an attempt whose session is alive": async (stage) => {
      await stage.start({ first: { timeoutMs: 4_000 } });
      const { worker } = await holder(stage);
      equal(await seen(worker.peek()), [false, 4_000], "the look during the attempt");
      await stage.clock.advance(3_999);
      equal(await seen(worker.peek()), [false, 1], "the look a millisecond before");
      await stage.clock.advance(1);
      equal(await seen(worker.peek()), SOMETHING, "the look at the timeout");
      equal((await (await stage.session()).take()).reason, "timeout", "the reason of the claim");
    },

    "A peek sees a deadline": async (stage) => {
      await stage.start({ first: { deadlineMs: 6_000 } });
      const { worker, claimed } = await holder(stage, 10_000_000);
      await worker.did(claimed, retry(60_000));
      equal(await seen(worker.peek()), [false, 6_000], "the look during the back-off");
      await stage.clock.advance(6_000);
      equal(await seen(worker.peek()), SOMETHING, "the look at the deadline");
      equal((await worker.take()).reason, "deadline", "the reason of the claim");
    },

    "A peek sees that a session has vanished, once its lease and the grace are over": async (stage) => {
      await stage.start();
      await holder(stage);
      const other = await stage.session({ leaseMs: 10 * LEASE_MS });
      equal(await seen(other.peek()), [false, LEASE_MS], "the look during the lease");
      await stage.clock.advance(LEASE_MS - 1);
      equal(await seen(other.peek()), [false, 1], "the look a millisecond before its end");
      await stage.clock.advance(1);
      equal((await other.peek({ graceMs: 5_000 })).ready, false, "the look of one who leaves a grace");
      equal(await seen(other.peek()), SOMETHING, "the look at its end");
      await stage.clock.advance(5_000);
      equal(await seen(other.peek({ graceMs: 5_000 })), SOMETHING, "the look at the end of the grace");
      await other.take();
    },

    "A peek sees what a session that signed off has left": async (stage) => {
      await stage.start();
      const { worker } = await holder(stage);
      const other = await stage.session({ leaseMs: 10 * LEASE_MS });
      await worker.signOff();
      equal(await seen(other.peek()), SOMETHING, "the look");
    },

    "A peek sees the timeout of a run, whatever lanes it is in": async (stage) => {
      const id = await stage.start({ timeoutMs: 8_000, first: { queue: "elsewhere" } });
      const worker = await stage.session({ leaseMs: 10_000_000 });
      equal(await seen(worker.peek()), [false, 8_000], "the look before");
      await stage.clock.advance(8_000);
      equal(await seen(worker.peek()), SOMETHING, "the look at the timeout");
      await worker.takesNothing("the item lies in another queue");
      equal((await stage.state(id)).status, "failed", "the status of the run after the claim");
      equal(await seen(worker.peek()), NOTHING, "the look after the claim");
    },

    "A peek sees an item that has stalled only for who takes such items": async (stage) => {
      await stage.start({ input: bytes("poison") });
      await holder(stage);
      await stage.clock.advance(LEASE_MS);
      const other = await stage.session({ leaseMs: 10 * LEASE_MS });
      await other.takesNothing("it takes none that stalled", { stalledLimit: 0 });
      equal(await seen(other.peek({ stalledLimit: 0 })), NOTHING, "the look of one who takes none");
      equal(await seen(other.peek()), SOMETHING, "the look of one who takes one");
      await other.take();
    },

    "After a claim that took all it could, a peek sees nothing more": async (stage) => {
      const paused = await stage.start();
      const cancelled = await stage.start();
      await stage.does({ kind: "pause", runId: paused });
      await stage.does({ kind: "cancel", runId: cancelled });
      await stage.start({ input: bytes("mine") });
      const worker = await stage.session({ leaseMs: 10_000_000 });
      const claimed = await worker.take();
      equal((await worker.peek()).ready, false, "whether there is something beside the claimed item");
      await worker.did(claimed, output("done"));
      equal(await seen(worker.peek()), NOTHING, "the look when it is done");
      await stage.does({ kind: "resume", runId: paused });
      equal(await seen(worker.peek()), SOMETHING, "the look when the paused run is resumed");
    },
  },
  "peek",
);
