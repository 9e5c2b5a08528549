/** Cases about sessions and the leases that hang on them: opening, expiry, renewal, sign-off, and what a worker lost. */

import { cases } from "./conformance-case.ts";
import { check, equal, ofKind, present, throws } from "./expectation.ts";
import { bytes, next, output, release } from "./parts.ts";
import { LEASE_MS } from "./stage.ts";

const leaseCases = cases("sessions", {
  "An opened session reads as it was opened, alive and idle": async (stage) => {
    const now = stage.clock.now();
    const request = stage.sessionRequest({ queues: ["a", "b"], labels: ["gpu"], host: "machine", pid: 4711 });
    const expected = {
      ...request,
      startedAt: now,
      heartbeatAt: now,
      until: now + LEASE_MS,
      health: { status: "idle", items: [], completed: 0, errors: 0 },
    };
    equal(await stage.backend.openSession(request), expected, "the session that was opened");
    equal(await stage.backend.read.session(request.id), expected, "the session as it reads");
    equal(await stage.backend.read.session("nobody"), undefined, "a session that was not opened");
  },

  "Opening a session again gives the same session": async (stage) => {
    const request = stage.sessionRequest();
    const first = await stage.backend.openSession(request);
    await stage.clock.advance(1_000);
    const again = await stage.backend.openSession(request);
    equal([again.id, again.startedAt], [first.id, first.startedAt], "the session opened again");
    equal((await stage.backend.read.sessions()).length, 1, "the number of sessions");
  },

  "Sessions are listed newest first": async (stage) => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      ids.push((await stage.session()).id);
      await stage.clock.advance(10);
    }
    equal(
      (await stage.backend.read.sessions()).map(({ id }) => id),
      ids.toReversed(),
      "the list",
    );
  },

  "A lease holds to the last millisecond": async (stage) => {
    await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 10 * LEASE_MS })];
    await owner.take();
    await stage.clock.advance(LEASE_MS - 1);
    await other.takesNothing("the lease has a millisecond left");
  },

  "An expired lease is taken over at the next epoch": async (stage) => {
    await stage.start();
    const owner = await stage.session();
    const lost = await owner.take();
    await stage.clock.advance(LEASE_MS);
    const other = await stage.session();
    const taken = await other.take();
    equal(
      [taken.item.item, taken.item.epoch, taken.item.session],
      [0, lost.item.epoch + 1, other.id],
      "the item taken over",
    );
    await owner.refused(lost, output("late"), "STALE_LEASE");
    await other.did(taken, output("done"));
    equal((await stage.run(taken.run.id)).status, "completed", "the status of the run");
  },

  "A renewal extends the lease by its full length": async (stage) => {
    await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 10 * LEASE_MS })];
    await owner.take();
    await stage.clock.advance(LEASE_MS - 1);
    const answer = ofKind(await owner.renew(), "renewed", "the renewal");
    const now = stage.clock.now();
    equal([answer.now, answer.until, answer.revoked], [now, now + LEASE_MS, []], "what the renewal says");
    await stage.clock.advance(LEASE_MS - 1);
    await other.takesNothing("the renewed lease has a millisecond left");
    await stage.clock.advance(1);
    await other.take();
  },

  "One renewal extends all leases of the session": async (stage) => {
    for (let count = 0; count < 4; count += 1) await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 10 * LEASE_MS })];
    await owner.claim();
    for (let round = 0; round < 5; round += 1) {
      await stage.clock.advance(LEASE_MS / 2);
      await owner.renew();
      await other.takesNothing("the leases were renewed");
    }
  },

  "Any request of a session extends its leases too": async (stage) => {
    await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 10 * LEASE_MS })];
    await owner.take();
    await stage.clock.advance(LEASE_MS - 1);
    await owner.takesNothing("there is nothing else");
    await stage.clock.advance(LEASE_MS - 1);
    await other.takesNothing("the lease was extended by a request");
  },

  "A lease that expired and that nobody took can still be renewed": async (stage) => {
    await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 100 * LEASE_MS })];
    const claimed = await owner.take();
    await stage.clock.advance(3 * LEASE_MS);
    equal(await owner.revocation(claimed), undefined, "what the late renewal says of the item");
    await other.takesNothing("the lease was renewed, if late");
    await owner.did(claimed, output("done"));
  },

  "A late renewal takes back what a claim for other lanes has seen": async (stage) => {
    await stage.start({ first: { queue: "special" } });
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 100 * LEASE_MS })];
    const claimed = await owner.take({ queues: ["special"] });
    await stage.clock.advance(LEASE_MS);
    await other.takesNothing("the item lies in another queue");
    equal(await owner.revocation(claimed), undefined, "what the late renewal says of the item");
    await other.takesNothing("the lease was renewed, if late", { queues: ["special"] });
  },

  "An expired lease that nobody took can still be committed": async (stage) => {
    const id = await stage.start();
    const owner = await stage.session();
    const claimed = await owner.take();
    await stage.clock.advance(100 * LEASE_MS);
    await owner.did(claimed, output("late but whole"));
    equal((await stage.state(id)).status, "completed", "the status of the run");
  },

  "A renewal tells what others have taken": async (stage) => {
    await stage.start();
    const owner = await stage.session();
    const claimed = await owner.take();
    await stage.clock.advance(LEASE_MS);
    await (await stage.session()).take();
    equal(await owner.revocation(claimed), "lost", "why the item is not the session's any more");
  },

  "A renewal tells which runs were closed and which are paused": async (stage) => {
    for (const input of ["cancelled", "paused", "fine"]) await stage.start({ input: bytes(input) });
    const owner = await stage.session();
    const claimed = await owner.claim();
    const [cancelled, paused, fine] = [claimed.of("cancelled"), claimed.of("paused"), claimed.of("fine")];
    await stage.does({ kind: "cancel", runId: cancelled.run.id });
    await stage.does({ kind: "pause", runId: paused.run.id });
    equal(await owner.revocation(cancelled), "closed", "what the renewal says of the cancelled run's item");
    equal(await owner.revocation(paused), "paused", "what the renewal says of the paused run's item");
    equal(await owner.revocation(fine), undefined, "what the renewal says of the other item");
    await stage.does({ kind: "resume", runId: cancelled.run.id });
    equal(await owner.revocation(cancelled), "closed", "what the renewal says once the run is open again");
  },

  "A renewal tells of items that were committed or never existed": async (stage) => {
    await stage.start();
    const owner = await stage.session();
    const claimed = await owner.take();
    await owner.did(claimed, next("second"));
    equal(await owner.revocation(claimed), "lost", "what the renewal says of a finished item");
    const unknown = { ...claimed, item: { ...claimed.item, item: 99 } };
    equal(await owner.revocation(unknown), "lost", "what the renewal says of an item that does not exist");
    const gone = { ...claimed, item: { ...claimed.item, runId: stage.newRunId() } };
    equal(await owner.revocation(gone), "closed", "what the renewal says of a run that does not exist");
  },

  "Health that a renewal brings is kept until the next": async (stage) => {
    const worker = await stage.session();
    const health = {
      status: "retrying",
      attempt: 2,
      maxAttempts: 5,
      items: ["a.1", "b.2"],
      completed: 17,
      errors: 3,
    } as const;
    await worker.renew({ health });
    await worker.renew();
    equal(present(await stage.backend.read.session(worker.id), "the session").health, health, "the health");
  },

  "A renewal is a heartbeat": async (stage) => {
    const worker = await stage.session();
    await stage.clock.advance(12_345);
    await worker.renew();
    const { heartbeatAt, startedAt } = present(await stage.backend.read.session(worker.id), "the session");
    equal([heartbeatAt, startedAt], [stage.clock.now(), stage.clock.now() - 12_345], "heartbeat and start");
  },

  "A session that signed off is gone": async (stage) => {
    const worker = await stage.session();
    await stage.clock.advance(100);
    await worker.signOff();
    const { stoppedAt, health } = present(await stage.backend.read.session(worker.id), "the session");
    equal([stoppedAt, health.status], [stage.clock.now(), "stopped"], "when it stopped and its status");
    equal(await worker.renew(), { kind: "gone" }, "what a renewal says");
    await throws(() => worker.claim(), "CLOSED", "a claim after signing off");
  },

  "A renewal of a session that was never opened says gone": async ({ backend }) => {
    equal(await backend.renew({ session: "nobody" }), { kind: "gone" }, "the answer");
  },

  "Signing off is idempotent": async (stage) => {
    const worker = await stage.session();
    await worker.signOff();
    const before = await stage.backend.read.sessions();
    await stage.clock.advance(100);
    await worker.signOff();
    await stage.backend.closeSession("nobody");
    equal(await stage.backend.read.sessions(), before, "the sessions");
  },

  "Items of a session that signs off are ready at once": async (stage) => {
    for (let count = 0; count < 3; count += 1) await stage.start();
    const [owner, other] = [await stage.session(), await stage.session()];
    const { items } = await owner.claim();
    await owner.signOff();
    const taken = await other.claim();
    equal(
      taken.items.map(({ item }) => item.item),
      [0, 0, 0],
      "the items that another session gets",
    );
    equal(
      taken.items.map(({ item }) => item.epoch),
      [2, 2, 2],
      "their epochs",
    );
    equal(items.length, 3, "the items that the first session had");
  },

  "Signing off releases a timeout's hold on nothing else": async (stage) => {
    await stage.start({ input: bytes("mine") });
    const [leaver, stayer] = [await stage.session(), await stage.session()];
    await leaver.take();
    await stage.start({ input: bytes("theirs") });
    const kept = await stayer.take();
    await leaver.signOff();
    equal((await (await stage.session()).claim()).inputs, ["mine"], "what is ready after the sign-off");
    await stayer.did(kept, output("done"));
  },

  "A released item goes back without an attempt or a stall": async (stage) => {
    const id = await stage.start();
    const [first, second] = [await stage.session(), await stage.session()];
    const answer = await first.did(await first.take(), release());
    equal(answer.itemStatus, "pending", "the status of the released item");
    const taken = await second.take();
    equal(
      [taken.item.attempts, taken.item.stalls, taken.item.epoch, taken.reason],
      [0, 0, 2, "ready"],
      "the item at its next claim",
    );
    equal((await stage.backend.read.failures({ runId: id }, {})).entries, [], "the failures");
  },

  "Leases that expired just now are left alone for the grace that a claim asks for": async (stage) => {
    await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 10 * LEASE_MS })];
    await owner.take();
    await stage.clock.advance(LEASE_MS + 4_999);
    await other.takesNothing("the grace has a millisecond left", { graceMs: 5_000 });
    await stage.clock.advance(1);
    await other.take({ graceMs: 5_000 });
  },

  "A session expires for each claim anew after it came back": async (stage) => {
    await stage.start();
    const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 100 * LEASE_MS })];
    await owner.take();
    for (let round = 0; round < 3; round += 1) {
      await stage.clock.advance(LEASE_MS + 1);
      await owner.renew();
      await other.takesNothing("the session came back in time");
    }
    await stage.clock.advance(LEASE_MS);
    await other.take();
  },
});

const attachedCases = cases(
  "sessions",
  {
    "A session that is attached in the process does not expire": async (stage) => {
      await stage.start();
      const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 100 * LEASE_MS })];
      const detach = present(stage.backend.attachSession, "attachSession")(owner.id);
      const claimed = await owner.take();
      await stage.clock.advance(10 * LEASE_MS);
      await other.takesNothing("the owner is attached");
      detach();
      await other.takesNothing("the last sweep renewed the attached session");
      await stage.clock.advance(LEASE_MS);
      check((await other.take()).item.epoch > claimed.item.epoch, "the detached session's item is taken over");
    },

    "A session that is attached twice is alive until both let go": async (stage) => {
      await stage.start();
      const [owner, other] = [await stage.session(), await stage.session({ leaseMs: 100 * LEASE_MS })];
      const attach = present(stage.backend.attachSession, "attachSession");
      const [first, second] = [attach(owner.id), attach(owner.id)];
      await owner.take();
      first();
      first();
      await stage.clock.advance(10 * LEASE_MS);
      await other.takesNothing("the owner is still attached");
      second();
      await stage.clock.advance(LEASE_MS);
      await other.take();
    },
  },
  "attachedSessions",
);

export const sessionCases = [...leaseCases, ...attachedCases];
