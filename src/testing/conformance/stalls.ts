/** Cases about items whose worker vanished: stalls are counted and recorded, poisonous items are kept apart and end as `STALLED`. */

import { cases } from "./conformance-case.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, failOver, newItem, next, output, release, retry } from "./parts.ts";
import { LEASE_MS, type Stage } from "./stage.ts";

/** A session takes what there is and vanishes. */
async function vanishWith(
  stage: Stage,
  options: { readonly maxStalls?: number; readonly queues?: readonly string[] } = {},
): Promise<void> {
  const worker = await stage.session();
  await worker.take(options);
  await stage.clock.advance(LEASE_MS);
}

export const stallCases = cases("stalls", {
  "Taking an item from a session that vanished counts a stall and no attempt": async (stage) => {
    await stage.start();
    await vanishWith(stage);
    const { item, reason } = await (await stage.session()).take();
    equal([item.stalls, item.attempts, reason], [1, 0, "ready"], "stalls, attempts and reason");
  },

  "A stall is recorded as a failure of the vanished worker's attempt": async (stage) => {
    const id = await stage.start({ first: { node: "poison" } });
    const owner = await stage.session();
    await owner.take();
    await stage.clock.advance(LEASE_MS);
    await (await stage.session()).take();
    const { entries } = await stage.backend.read.failures({ runId: id }, {});
    equal(entries.length, 1, "the number of failures");
    const { failure, ...entry } = present(entries[0], "the failure");
    const expected = {
      runId: id,
      item: 0,
      node: "poison",
      attempt: 1,
      epoch: 1,
      outcome: "stalled",
      workerId: `worker-of-${owner.id}`,
    };
    equal(entry, { ...expected, at: stage.clock.now() }, "the failure");
    equal(failure.code, "STALLED", "its code");
  },

  "After as many stalls as a claim allows, the item is handed out as stalled": async (stage) => {
    await stage.start();
    for (let round = 0; round < 3; round += 1) await vanishWith(stage);
    const { item, reason } = await (await stage.session()).take();
    equal([item.stalls, reason, item.reason], [3, "stalled", "stalled"], "stalls and reason");
  },

  "With a limit of one the first takeover is handed out as stalled": async (stage) => {
    await stage.start();
    await vanishWith(stage, { maxStalls: 1 });
    const { item, reason } = await (await stage.session()).take({ maxStalls: 1 });
    equal([item.stalls, reason], [1, "stalled"], "stalls and reason");
  },

  "The reason stalled stays when the worker that should commit the failure vanishes too": async (stage) => {
    await stage.start();
    await vanishWith(stage, { maxStalls: 1 });
    await vanishWith(stage, { maxStalls: 1 });
    await vanishWith(stage, { maxStalls: 1 });
    const { item, reason } = await (await stage.session()).take({ maxStalls: 1 });
    equal([item.stalls, reason], [1, "stalled"], "stalls and reason");
  },

  "A stalled item that fails takes its run with it, once": async (stage) => {
    const id = await stage.start();
    await vanishWith(stage, { maxStalls: 1 });
    const worker = await stage.session();
    const claimed = await worker.take({ maxStalls: 1 });
    await worker.did(claimed, { ...fail(), failure: { code: "STALLED", message: "three workers died of it" } });
    equal(
      (await stage.run(id)).failure,
      { code: "STALLED", message: "three workers died of it", node: "first", item: 0, attempt: 1 },
      "why the run failed",
    );
  },

  "A stalled item can go to its failure edge": async (stage) => {
    const id = await stage.start();
    await vanishWith(stage, { maxStalls: 1 });
    const worker = await stage.session();
    await worker.did(await worker.take({ maxStalls: 1 }), failOver("cure"));
    await worker.did(await worker.take(), output("cured"));
    equal((await stage.state(id)).status, "completed", "the status of the run");
  },

  "A commit resets the count of stalls": async (stage) => {
    await stage.start();
    await vanishWith(stage);
    await vanishWith(stage);
    const worker = await stage.session();
    await worker.did(await worker.take(), retry());
    const { item, reason } = await worker.take();
    equal([item.stalls, item.attempts, reason], [0, 1, "ready"], "stalls, attempts and reason after a retry");
  },

  "A release keeps the count of stalls": async (stage) => {
    await stage.start();
    await vanishWith(stage);
    const worker = await stage.session();
    await worker.did(await worker.take(), release());
    equal((await worker.take()).item.stalls, 1, "stalls after a release");
  },

  "Signing off counts no stall": async (stage) => {
    const id = await stage.start();
    for (let round = 0; round < 4; round += 1) {
      const worker = await stage.session();
      await worker.take();
      await worker.signOff();
    }
    const { item, reason } = await (await stage.session()).take();
    equal([item.stalls, reason, item.epoch], [0, "ready", 5], "stalls, reason and epoch");
    equal((await stage.backend.read.failures({ runId: id }, {})).entries, [], "the failures");
  },

  "A session that comes back in time counts no stall": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    await stage.clock.advance(5 * LEASE_MS);
    await worker.renew();
    await worker.did(claimed, next("second"));
    equal((await stage.item(id, 0)).stalls, 0, "stalls");
  },

  "Of what a vanished worker left a claim takes one item, and others beside it": async (stage) => {
    for (let count = 0; count < 4; count += 1) await stage.start({ input: bytes("left behind") });
    await (await stage.session()).claim();
    await stage.clock.advance(LEASE_MS);
    await stage.start({ input: bytes("fresh") });
    await stage.start({ input: bytes("fresh") });
    const worker = await stage.session();
    equal(
      (await worker.claim({ stalledLimit: 1 })).inputs.toSorted(),
      ["fresh", "fresh", "left behind"],
      "the first claim",
    );
    await worker.takesNothing("the worker has an item that stalled", { stalledLimit: 0 });
    equal((await worker.claim({ stalledLimit: 1 })).inputs, ["left behind"], "the next claim that takes one");
  },

  "A claim that wants no stalled items gets none and the others all the same": async (stage) => {
    await stage.start({ input: bytes("poison") });
    await vanishWith(stage);
    const worker = await stage.session();
    const poisoned = await worker.take();
    await worker.did(poisoned, release());
    await stage.start({ input: bytes("fresh") });
    equal((await worker.claim({ stalledLimit: 0 })).inputs, ["fresh"], "what a claim without stalled items gets");
    await worker.takesNothing("only the stalled item is left", { stalledLimit: 0 });
    equal((await worker.claim({ stalledLimit: 1 })).inputs, ["poison"], "what a claim with one stalled item gets");
  },

  "Items that stalled do not stand in the way of others": async (stage) => {
    await stage.backend.startRuns(Array.from({ length: 80 }, () => stage.startRequest({ input: bytes("poison") })));
    const doomed = await stage.session();
    const { items } = await doomed.claim({ limit: 80 });
    equal(items.length, 80, "claimed items");
    await stage.clock.advance(LEASE_MS);
    const worker = await stage.session();
    const { items: taken } = await worker.claim({ limit: 80 });
    for (const claimed of taken) await worker.did(claimed, release());
    await stage.start({ input: bytes("fresh") });
    const claim = await worker.claim({ limit: 4, stalledLimit: 1 });
    equal(claim.inputs.filter((input) => input === "fresh").length, 1, "fresh items of the next claim");
    equal(claim.inputs.filter((input) => input === "poison").length, 1, "stalled items of the next claim");
  },

  "An item handed out for its failure path cannot stall": async (stage) => {
    await stage.start({ first: newItem("slow", { timeoutMs: 1_000 }) });
    const owner = await stage.session();
    await owner.take();
    await stage.clock.advance(1_000);
    const second = await stage.session();
    equal((await second.take()).reason, "timeout", "the reason of the takeover");
    await stage.clock.advance(LEASE_MS);
    const { item, reason } = await (await stage.session()).take();
    equal([reason, item.stalls], ["timeout", 0], "reason and stalls when that worker vanishes");
  },
});
