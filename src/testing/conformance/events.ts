/**
 * Cases about events: who gets one that is sent before, while or after a wait for it is registered, and that nobody gets it
 * twice or not at all.
 */

import type { ClaimedItem } from "../../backend/contract/claim.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { EventOutcome, NewWait, SentEvent } from "../../backend/contract/wait.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Actor } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { check, equal, present, throws } from "./expectation.ts";
import { bytes, DEFAULT_QUEUE, textOf, waitFor } from "./parts.ts";
import type { Stage } from "./stage.ts";

const LONG = { leaseMs: 1_000_000_000_000 };
const PAID = "order.paid";

async function send(
  stage: Stage,
  payload: string,
  changes: Partial<SentEvent> = {},
  backend: BackendOperations = stage.backend,
): Promise<EventOutcome> {
  const event = { name: PAID, key: "order-1", payload: bytes(payload), ...changes };
  return present((await backend.sendEvents([event]))[0], "the outcome");
}

/** Starts a run and parks its one item until an event comes. */
async function waiting(
  stage: Stage,
  worker: Actor,
  where: Readonly<Record<string, unknown>> = {},
  { key = "order-1", queue = DEFAULT_QUEUE, ...overrides }: Partial<NewWait> & { key?: string; queue?: string } = {},
): Promise<ClaimedItem> {
  const id = await stage.start({ first: { queue, timeoutMs: LONG.leaseMs } });
  const claimed = await worker.take({ queues: [queue] });
  equal(claimed.item.runId, id, "the run of the item that is parked");
  await worker.did(claimed, waitFor(PAID, key, where, overrides));
  return claimed;
}

/** What is handed out, by run. */
async function answers(worker: Actor): Promise<Readonly<Record<string, string>>> {
  const { items } = await worker.claim();
  return Object.fromEntries(items.map(({ item, answer }) => [item.runId, textOf(answer)]));
}

const deliveryCases = cases("events", {
  "An event that is sent after the wait for it was registered is its answer": async (stage) => {
    const worker = await stage.session(LONG);
    const { item } = await waiting(stage, worker);
    equal(await send(stage, "paid"), { kind: "delivered", waits: 1 }, "the outcome");
    equal(await answers(worker), { [item.runId]: "paid" }, "what is handed out");
    equal(await send(stage, "paid again"), { kind: "buffered" }, "the outcome of the next one");
  },

  "An event that was sent before is taken by the first wait that comes, once": async (stage) => {
    equal(await send(stage, "paid"), { kind: "buffered" }, "the outcome");
    const worker = await stage.session(LONG);
    const first = await waiting(stage, worker);
    equal((await stage.state(first.item.runId)).status, "running", "the status of the run that has its answer");
    equal(await answers(worker), { [first.item.runId]: "paid" }, "what is handed out");
    const second = await waiting(stage, worker);
    equal(await answers(worker), {}, "what is handed out to the second");
    equal((await stage.state(second.item.runId)).status, "waiting", "the status of the second run");
  },

  "Events that nobody took are taken in the order in which they were sent": async (stage) => {
    for (const payload of ["one", "two", "three"]) await send(stage, payload);
    const worker = await stage.session(LONG);
    const taken: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      await waiting(stage, worker);
      taken.push(...Object.values(await answers(worker)));
    }
    equal(taken, ["one", "two", "three"], "what was taken");
  },

  "An event is the answer to every wait that is registered for it": async (stage) => {
    const worker = await stage.session(LONG);
    const [a, b] = [await waiting(stage, worker), await waiting(stage, worker)];
    const other = await waiting(stage, worker, {}, { key: "order-2" });
    equal(await send(stage, "paid"), { kind: "delivered", waits: 2 }, "the outcome");
    equal(await answers(worker), { [a.item.runId]: "paid", [b.item.runId]: "paid" }, "what is handed out");
    equal((await stage.state(other.item.runId)).status, "waiting", "the status of the run with another key");
  },

  "More waits than one step releases all get the event, and those that come later do not": async (stage) => {
    const worker = await stage.session(LONG);
    const count = LIMITS.sweepRows * 2 + 7;
    await stage.backend.startRuns(Array.from({ length: count }, () => stage.startRequest()));
    for (let left = count; left > 0; ) {
      const { items } = await worker.claim({ limit: 200 });
      for (const claimed of items) await worker.did(claimed, waitFor(PAID, "order-1"));
      left -= items.length;
    }
    await send(stage, "paid");
    const late = await waiting(stage, worker, {}, { queue: "late" });
    const had = new Set<string>();
    for (let rounds = 0; rounds < 20 && had.size < count; rounds += 1) {
      for (const { item, answer } of (await worker.claim()).items) {
        check(textOf(answer) === "paid" && !had.has(item.runId), "each has the event once");
        had.add(item.runId);
      }
    }
    equal(had.size, count, "waits that had the event");
    equal((await stage.state(late.item.runId)).status, "waiting", "the status of the run that came later");
  },

  "Events of another name or key are other events": async (stage) => {
    const worker = await stage.session(LONG);
    await waiting(stage, worker);
    const others = [{ name: "order.sent" }, { key: "order-2" }, { key: "" }, { key: "order-1 " }];
    for (const other of others)
      equal((await send(stage, "no", other)).kind, "buffered", `an event with ${JSON.stringify(other)}`);
    equal(await answers(worker), {}, "what is handed out");
  },

  "An event is taken only by a wait whose conditions all hold": async (stage) => {
    const worker = await stage.session(LONG);
    const where = { state: "paid", "lines.1.total": 10, tags: ["a", "b"] };
    const { item } = await waiting(stage, worker, where);
    const paid = { state: "paid", lines: [{ total: 1 }, { total: 10 }], tags: ["a", "b"] };
    const others = [{ ...paid, state: "open" }, { ...paid, lines: [] }, { ...paid, tags: ["b", "a"] }, null, "paid"];
    for (const other of others) equal((await send(stage, JSON.stringify(other))).kind, "buffered", "another payload");
    equal(await send(stage, JSON.stringify(paid)), { kind: "delivered", waits: 1 }, "the payload that it waits for");
    equal(await answers(worker), { [item.runId]: JSON.stringify(paid) }, "what is handed out");
  },

  "A wait with conditions takes the first kept event that meets them, and leaves the others": async (stage) => {
    for (const state of ["open", "paid", "sent", "paid"]) await send(stage, JSON.stringify({ state }));
    const worker = await stage.session(LONG);
    const taken: string[] = [];
    for (const where of [{ state: "paid" }, { state: "paid" }, {}, {}]) {
      await waiting(stage, worker, where);
      taken.push(...Object.values(await answers(worker)).map((answer) => JSON.parse(answer).state));
    }
    equal(taken, ["paid", "paid", "open", "sent"], "what was taken");
  },

  "A payload that cannot be read meets no condition and harms nobody": async (stage) => {
    const worker = await stage.session(LONG);
    equal((await send(stage, "{no json")).kind, "buffered", "the outcome while nobody waits");
    const { item } = await waiting(stage, worker, { state: "paid" });
    equal((await send(stage, "\u0000")).kind, "buffered", "the outcome when somebody waits");
    equal((await send(stage, '{"state":"paid"}')).kind, "delivered", "the outcome of one that can be read");
    equal(await answers(worker), { [item.runId]: '{"state":"paid"}' }, "what is handed out");
    await waiting(stage, worker);
    equal(Object.values(await answers(worker)), ["{no json"], "what a wait without conditions takes");
  },

  "An event whose name or key cannot be one is refused": async (stage) => {
    const long = "k".repeat(LIMITS.keyLength + 1);
    for (const changes of [{ name: "" }, { name: "a b" }, { key: long }, { id: long }]) {
      await throws(() => send(stage, "x", changes), "INVALID_VALUE", `an event with ${Object.keys(changes).join()}`);
    }
  },

  "No event leaves its namespace": async (stage) => {
    const worker = await stage.session(LONG);
    await waiting(stage, worker);
    const other = await stage.world("elsewhere");
    equal((await send(other, "paid")).kind, "buffered", "the outcome in another namespace");
    equal(await answers(worker), {}, "what is handed out");
  },
});

const onceCases = cases("events", {
  "An event that is sent again under its id has no second effect": async (stage) => {
    const worker = await stage.session(LONG);
    await waiting(stage, worker);
    const id = { id: "message-1" };
    equal((await send(stage, "paid", id)).kind, "delivered", "the outcome");
    equal((await send(stage, "paid", id)).kind, "duplicate", "the outcome of the second");
    equal(Object.values(await answers(worker)), ["paid"], "what is handed out");
    await waiting(stage, worker);
    await worker.takesNothing("the event was taken");
    equal((await send(stage, "kept", { id: "message-2" })).kind, "delivered", "another id");
    equal((await send(stage, "kept", { id: "message-3" })).kind, "buffered", "an id that nobody waits for");
    equal((await send(stage, "kept", { id: "message-3" })).kind, "duplicate", "the same while the first is kept");
    equal((await send(stage, "paid", { ...id, key: "order-2" })).kind, "buffered", "the same id of another key");
  },

  "Events that are sent together are sent in their order": async (stage) => {
    const event = (payload: string, id?: string): SentEvent => ({ name: PAID, key: "k", payload: bytes(payload), id });
    const outcomes = await stage.backend.sendEvents([event("one", "1"), event("two", "2"), event("one", "1")]);
    equal(
      outcomes.map(({ kind }) => kind),
      ["buffered", "buffered", "duplicate"],
      "the outcomes",
    );
    const worker = await stage.session(LONG);
    await waiting(stage, worker, {}, { key: "k" });
    equal(Object.values(await answers(worker)), ["one"], "what is taken first");
    equal(await stage.backend.sendEvents([]), [], "the outcomes of nothing");
  },

  "A wait that is over takes no event": async (stage) => {
    const worker = await stage.session(LONG);
    const late = await waiting(stage, worker, {}, { durationMs: 1_000 });
    await stage.clock.advance(1_000);
    equal((await worker.take()).reason, "deadline", "the reason");
    const { runId, item, epoch } = (await waiting(stage, worker)).item;
    await stage.does({ kind: "completeWait", runId, item, number: epoch, payload: bytes("by hand") });
    equal((await worker.take()).answer, bytes("by hand"), "the answer that somebody gave");
    equal((await send(stage, "paid")).kind, "buffered", "the outcome");
    equal((await stage.item(late.item.runId, 0)).wait?.over, "time", "how the wait ended");
  },

  "A paused run takes an event, and goes on with it when it is resumed": async (stage) => {
    const worker = await stage.session(LONG);
    const { runId } = (await waiting(stage, worker)).item;
    await stage.does({ kind: "pause", runId });
    equal((await send(stage, "paid")).kind, "delivered", "the outcome");
    equal(await answers(worker), {}, "what is handed out while it is paused");
    await stage.does({ kind: "resume", runId });
    equal(await answers(worker), { [runId]: "paid" }, "what is handed out");
  },

  "A closed run takes no event, but finds what was kept meanwhile when it is resumed": async (stage) => {
    const worker = await stage.session(LONG);
    const { runId } = (await waiting(stage, worker)).item;
    await stage.does({ kind: "cancel", runId });
    equal((await send(stage, "paid")).kind, "buffered", "the outcome");
    equal(await answers(worker), {}, "what is handed out while it is closed");
    await stage.does({ kind: "resume", runId });
    equal(await answers(worker), { [runId]: "paid" }, "what is handed out");
    const again = await waiting(stage, worker);
    equal((await stage.state(again.item.runId)).status, "waiting", "the status of who comes afterwards");
  },

  "A run that was closed and goes on takes an event that comes then": async (stage) => {
    const worker = await stage.session(LONG);
    const { runId } = (await waiting(stage, worker)).item;
    await stage.does({ kind: "cancel", runId });
    await send(stage, "no", { key: "order-2" });
    await stage.does({ kind: "resume", runId });
    await worker.takesNothing("nothing has come yet");
    equal(await send(stage, "paid"), { kind: "delivered", waits: 1 }, "the outcome");
    equal(await answers(worker), { [runId]: "paid" }, "what is handed out");
  },

  "The wait of a closed run does not take the event from others": async (stage) => {
    const worker = await stage.session(LONG);
    const closed = await waiting(stage, worker);
    await stage.does({ kind: "cancel", runId: closed.item.runId });
    const open = await waiting(stage, worker);
    equal(await send(stage, "paid"), { kind: "delivered", waits: 1 }, "the outcome");
    equal(await answers(worker), { [open.item.runId]: "paid" }, "what is handed out");
    await stage.does({ kind: "resume", runId: closed.item.runId });
    await worker.takesNothing("the event was taken");
    equal((await stage.state(closed.item.runId)).status, "waiting", "the status of the run that goes on");
  },

  "A wait in a run that was removed takes nothing": async (stage) => {
    const worker = await stage.session(LONG);
    const { runId } = (await waiting(stage, worker)).item;
    await stage.does({ kind: "cancel", runId });
    await stage.does({ kind: "delete", runId });
    equal((await send(stage, "paid")).kind, "buffered", "the outcome");
  },

  "Events that nobody took, and ids, are forgotten after a while": async (stage) => {
    await send(stage, "old", { id: "1" });
    await stage.clock.advance(LIMITS.keptEventsMs);
    await send(stage, "young", { id: "2" });
    await stage.backend.purge({ before: 0, limit: 1 });
    const worker = await stage.session(LONG);
    await waiting(stage, worker);
    equal(Object.values(await answers(worker)), ["young"], "what is taken");
    equal((await send(stage, "old", { id: "1" })).kind, "buffered", "an id that was forgotten");
    equal((await send(stage, "young", { id: "2" })).kind, "duplicate", "an id that was not");
    await stage.clock.advance(LIMITS.keptEventsMs);
    for (let rounds = 0; rounds < 2; rounds += 1) await stage.backend.purge({ before: 0, limit: 1 });
    equal((await send(stage, "later")).kind, "buffered", "an event that nobody waits for");
    await waiting(stage, worker);
    equal(Object.values(await answers(worker)), ["later"], "what is taken after all that");
  },
});

const raceCases = cases(
  "events",
  {
    "However an event and a wait for it race, the wait has it once": async (stage) => {
      const other = await stage.reopen();
      const worker = await stage.session(LONG);
      for (let round = 0; round < 15; round += 1) {
        const key = `round-${round}`;
        const id = await stage.start();
        const claimed = await worker.take();
        const [, outcome] = await Promise.all([
          worker.did(claimed, waitFor(PAID, key)),
          send(stage, key, { key }, other),
        ]);
        equal(await answers(worker), { [id]: key }, `what is handed out when the event was ${outcome.kind}`);
        equal((await send(stage, "next", { key })).kind, "buffered", "the outcome of the next event");
      }
    },

    "Of two answers at once one counts": async (stage) => {
      const other = await stage.reopen();
      const worker = await stage.session(LONG);
      for (let round = 0; round < 15; round += 1) {
        const key = `round-${round}`;
        const { runId, item, epoch } = (await waiting(stage, worker, {}, { key })).item;
        const action = { kind: "completeWait", runId, item, number: epoch, payload: bytes("by hand") } as const;
        const [[byHand], byEvent] = await Promise.all([
          stage.backend.control([{ action }]),
          send(stage, "by event", { key }, other),
        ]);
        const told = byEvent.kind === "delivered" ? "by event" : "by hand";
        equal(await answers(worker), { [runId]: told }, "what is handed out");
        equal(byHand?.kind, told === "by hand" ? "done" : "refused", "the outcome for who answers by hand");
      }
    },
  },
  "secondHandle",
);

export const eventCases = [...deliveryCases, ...onceCases, ...raceCases];
