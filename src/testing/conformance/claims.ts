/** Cases about claiming: what a claim hands out and to whom, by lanes and labels, in which order, and when. */

import { commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { equal, throws } from "./expectation.ts";
import { bytes, next, output, release, retry } from "./parts.ts";
import { definitionOf, LEASE_MS, ORDERS } from "./stage.ts";

/** One step of priority outweighs this much waiting. */
const AGEING_STEP_MS = 10_000;

const OTHER = definitionOf("other");

export const claimCases = cases("claims", {
  "A claimed item is in progress under a lease of its session": async (stage) => {
    const id = await stage.start({ first: { input: bytes("in"), timeoutMs: 5_000 } });
    const worker = await stage.session();
    await stage.clock.advance(250);
    const claimed = await worker.take();
    const now = stage.clock.now();
    const { status, epoch, session, claimedAt, timeoutAt, waitedMs, readyAt } = claimed.item;
    equal([status, epoch, session], ["in_progress", 1, worker.id], "status, epoch and session");
    equal([claimedAt, timeoutAt, waitedMs, readyAt], [now, now + 5_000, 250, now - 250], "its instants");
    equal(
      [claimed.reason, claimed.input, claimed.failure, [...claimed.memos]],
      ["ready", bytes("in"), undefined, []],
      "what comes with it",
    );
    equal(await stage.item(id, 0), claimed.item, "the item as it reads");
  },

  "A claimed item brings what its executor needs of the run": async (stage) => {
    const id = await stage.start({ priority: 4, delta: { bytes: bytes("x"), writes: [0] } });
    const { run } = await (await stage.session()).take();
    const { createdAt } = await stage.state(id);
    const expected = {
      id,
      definition: ORDERS.hash,
      generation: 0,
      sequence: 1,
      priority: 4,
      createdAt,
      workflow: "orders",
      version: "1.0.0",
    };
    equal(run, expected, "the run of the claimed item");
  },

  "An item is handed to one session only": async (stage) => {
    await stage.start();
    const [first, second] = [await stage.session(), await stage.session()];
    await first.take();
    await second.takesNothing("the item is leased to another session");
    await first.takesNothing("the item is leased to the session itself");
  },

  "Sessions that claim at the same time share the items without overlap": async (stage) => {
    for (let count = 0; count < 20; count += 1) await stage.start();
    const workers = [await stage.session(), await stage.session(), await stage.session(), await stage.session()];
    const claims = await Promise.all(workers.map((worker) => worker.claim({ limit: 7 })));
    const runs = claims.flatMap(({ items }) => items.map(({ item }) => item.runId));
    equal([runs.length, new Set(runs).size], [20, 20], "claimed items, and different ones among them");
  },

  "A claim hands out no more than its limit": async (stage) => {
    for (let count = 0; count < 5; count += 1) await stage.start();
    const worker = await stage.session();
    equal((await worker.claim({ limit: 0 })).items.length, 0, "items of a claim of none");
    equal((await worker.claim({ limit: 3 })).items.length, 3, "items of a claim of three");
    equal((await worker.claim({ limit: 3 })).items.length, 2, "items of the next claim of three");
  },

  "A claim takes from the named queues only": async (stage) => {
    await stage.start({ first: { queue: "slow", input: bytes("slow") } });
    await stage.start({ first: { queue: "fast", input: bytes("fast") } });
    const worker = await stage.session();
    await worker.takesNothing("no item lies in the default queue");
    equal((await worker.claim({ queues: ["fast", "unused"] })).inputs, ["fast"], "what lies in the queue");
    equal((await worker.claim({ queues: ["slow", "fast"] })).inputs, ["slow"], "what lies in both queues");
  },

  "A claim takes items of the named definitions only": async (stage) => {
    await stage.publish(OTHER);
    await stage.start({ workflow: "other", definition: OTHER.hash, input: bytes("other") });
    await stage.start({ input: bytes("orders") });
    const worker = await stage.session();
    equal((await worker.claim()).inputs, ["orders"], "what a worker of one definition gets");
    await worker.takesNothing("the worker does not have the other definition");
    await worker.takesNothing("no definition is named", { definitions: [] });
    equal(
      (await worker.claim({ definitions: [ORDERS.hash, OTHER.hash] })).inputs,
      ["other"],
      "what a worker of both gets",
    );
  },

  "An item is offered only to claims that have all of its labels": async (stage) => {
    await stage.start({ input: bytes("both"), first: { labels: ["eu", "gpu"] } });
    await stage.start({ input: bytes("gpu"), first: { labels: ["gpu"] } });
    await stage.start({ input: bytes("none") });
    const worker = await stage.session();
    equal((await worker.claim()).inputs, ["none"], "what a worker without labels gets");
    equal(
      (await worker.claim({ labels: ["gpu", "tpu"] })).inputs,
      ["gpu"],
      "what a worker with one of the labels gets",
    );
    await worker.takesNothing("a label is missing", { labels: ["eu"] });
    equal((await worker.claim({ labels: ["gpu", "us", "eu"] })).inputs, ["both"], "what a worker with all labels gets");
  },

  "Labels that contain each other are different labels": async (stage) => {
    await stage.start({ first: { labels: ["gpu-large"] } });
    const worker = await stage.session();
    await worker.takesNothing("no label is equal", { labels: ["gpu", "large", "gpu-large-2"] });
    await worker.take({ labels: ["gpu-large"] });
  },

  "Items are handed out in the order in which they became ready": async (stage) => {
    await stage.start({ input: bytes("c"), first: { delayMs: 2_000 } });
    await stage.start({ input: bytes("a") });
    await stage.clock.advance(1_000);
    await stage.start({ input: bytes("b") });
    await stage.clock.advance(5_000);
    equal((await (await stage.session()).claim()).inputs, ["a", "b", "c"], "the order of the claim");
  },

  "A higher priority is handed out first": async (stage) => {
    for (const priority of [0, 2, -1, 1]) await stage.start({ input: bytes(String(priority)), first: { priority } });
    equal((await (await stage.session()).claim()).inputs, ["2", "1", "0", "-1"], "the order of the claim");
  },

  "One step of priority outweighs ten seconds of waiting and no more": async (stage) => {
    await stage.start({ input: bytes("older") });
    await stage.clock.advance(AGEING_STEP_MS - 1);
    await stage.start({ input: bytes("just in time"), first: { priority: 1 } });
    await stage.clock.advance(2);
    await stage.start({ input: bytes("too late"), first: { priority: 1 } });
    equal(
      (await (await stage.session()).claim()).inputs,
      ["just in time", "older", "too late"],
      "the order of the claim",
    );
  },

  "Order holds across queues, definitions and labels": async (stage) => {
    await stage.publish(OTHER);
    await stage.start({ input: bytes("1"), first: { queue: "b", labels: ["x"] } });
    await stage.clock.advance(1);
    await stage.start({ input: bytes("2"), workflow: "other", definition: OTHER.hash });
    await stage.clock.advance(1);
    await stage.start({ input: bytes("3"), first: { queue: "a" } });
    await stage.clock.advance(1);
    await stage.start({ input: bytes("4"), first: { queue: "b" } });
    const lanes = { queues: ["a", "b", "default"], definitions: [ORDERS.hash, OTHER.hash], labels: ["x"] };
    const worker = await stage.session();
    equal((await worker.claim({ ...lanes, limit: 2 })).inputs, ["1", "2"], "the first two");
    equal((await worker.claim({ ...lanes, limit: 2 })).inputs, ["3", "4"], "the next two");
  },

  "A delayed item is not claimed a millisecond early": async (stage) => {
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await stage.start({ first: { delayMs: 10_000 } });
    await worker.takesNothing("the delay has just begun");
    await stage.clock.advance(9_999);
    await worker.takesNothing("a millisecond of the delay is left");
    await stage.clock.advance(1);
    equal((await worker.take()).item.waitedMs, 0, "how long it waited since it was ready");
  },

  "Delays of a retry and of a release hold to the millisecond": async (stage) => {
    const worker = await stage.session({ leaseMs: 10_000_000 });
    await stage.start();
    await worker.did(await worker.take(), retry(7_000));
    await stage.clock.advance(6_999);
    await worker.takesNothing("a millisecond of the back-off is left");
    await stage.clock.advance(1);
    await worker.did(await worker.take(), release(3_000));
    await stage.clock.advance(2_999);
    await worker.takesNothing("a millisecond of the release's delay is left");
    await stage.clock.advance(1);
    await worker.take();
  },

  "A delay longer than 2^31 milliseconds is exact": async (stage) => {
    const delayMs = 2 ** 31 + 5;
    const worker = await stage.session({ leaseMs: 2 ** 33 });
    await stage.start({ first: { delayMs } });
    await stage.clock.advance(delayMs - 1);
    await worker.takesNothing("a millisecond of the delay is left");
    await stage.clock.advance(1);
    await worker.take();
  },

  "An answer says when something will be claimable by time alone": async (stage) => {
    const worker = await stage.session();
    equal((await worker.send([], worker.claimRequest())).nextDueAt, undefined, "when nothing waits");
    const begin = stage.clock.now();
    await stage.start({ first: { delayMs: 20_000 } });
    await stage.start({ first: { delayMs: 10_000 } });
    const answer = await worker.send([], worker.claimRequest());
    equal([answer.now, answer.nextDueAt], [begin, begin + 10_000], "the instants of the answer");
  },

  "An answer counts leases, attempt timeouts and run timeouts among what is due": async (stage) => {
    const worker = await stage.session();
    const due = async () => (await worker.send([], worker.claimRequest())).nextDueAt;
    const now = stage.clock.now();
    await stage.start({ timeoutMs: 90_000, first: { delayMs: 3_600_000 } });
    equal(await due(), now + 90_000, "when the run's timeout is due");
    await stage.start();
    equal(await due(), now + LEASE_MS, "when the lease ends");
    await stage.start({ first: { timeoutMs: 4_000 } });
    equal(await due(), now + 4_000, "when the attempt's timeout is due");
  },

  "A claim prefers items that no other session is about to take": async (stage) => {
    const [first, second] = [await stage.session(), await stage.session()];
    await stage.start({ input: bytes("known") });
    const known = await first.take();
    await stage.start({ input: bytes("fresh") });
    await first.did(known, next("known-2"));
    await stage.start({ input: bytes("fresh-2") });
    equal((await second.claim({ limit: 1 })).inputs, ["fresh"], "what another session gets first");
    equal((await first.claim({ limit: 1 })).inputs, ["known-2"], "what the session of the run gets first");
  },

  "A preference never leaves a claim without work": async (stage) => {
    const [first, second] = [await stage.session(), await stage.session()];
    await stage.start();
    await first.did(await first.take(), next("a", "b", "c"));
    equal((await second.claim()).items.length, 3, "what another session gets when there is nothing else");
  },

  "An item is not left to a session for long while there is other work": async (stage) => {
    const [first, second] = [await stage.session(), await stage.session()];
    await stage.start();
    const claimed = await first.take();
    await first.did(claimed, next("waiting"));
    const taken: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      await stage.start({ input: bytes("other work") });
      await stage.clock.advance(1_000);
      await first.renew();
      taken.push(...(await second.claim({ limit: 1 })).nodes);
    }
    equal(taken.includes("waiting"), true, "whether the item was taken within twenty claims");
  },

  "A claim of a session that is not known is refused with CLOSED": async (stage) => {
    const { backend } = stage;
    await throws(() => backend.commitAndClaim({ session: "nobody", request: 1, commits: [] }), "CLOSED", "the claim");
  },

  "A request without a claim hands out nothing": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    equal((await worker.send([])).items, [], "the items");
    await worker.take();
  },

  "A commit and a claim in one request: the claim sees what the commit made": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    const claimed = await worker.take();
    const { answers, items } = await worker.send([commitOf(claimed, next("second"))], worker.claimRequest());
    equal(
      answers.map(({ kind }) => kind),
      ["committed"],
      "the answers",
    );
    equal(
      items.map(({ item }) => item.node),
      ["second"],
      "the claimed nodes",
    );
  },

  "Everything that is ready is handed out, however much it is": async (stage) => {
    await stage.backend.startRuns(Array.from({ length: 300 }, () => stage.startRequest()));
    const worker = await stage.session();
    let claimed = 0;
    for (let round = 0; round < 40 && claimed < 300; round += 1)
      claimed += (await worker.claim({ limit: 64 })).items.length;
    equal(claimed, 300, "claimed items");
    await worker.takesNothing("everything was handed out");
  },

  "The backlog counts what is ready, by lane, and since when": async (stage) => {
    const now = stage.clock.now();
    await stage.start({ first: { queue: "q", labels: ["x"] } });
    await stage.clock.advance(10);
    await stage.start({ first: { queue: "q", labels: ["x"] } });
    await stage.start();
    const { definition } = stage;
    const lanes = (await stage.backend.read.backlog()).toSorted((a, b) => (a.queue < b.queue ? -1 : 1));
    equal(
      lanes,
      [
        { queue: "default", definition, labels: [], ready: 1, oldestReadyAt: now + 10 },
        { queue: "q", definition, labels: ["x"], ready: 2, oldestReadyAt: now },
      ],
      "the backlog",
    );
    await (await stage.session()).take();
    equal(
      (await stage.backend.read.backlog()).map(({ queue }) => queue),
      ["q"],
      "the queues after a claim",
    );
  },

  "A finished item is not claimed again": async (stage) => {
    await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), output("done"));
    await stage.clock.advance(100 * LEASE_MS);
    await (await stage.session()).takesNothing("the item is finished");
  },
});
