/**
 * Cases about child runs: how one is started, what its end means for the run that waits for it, and what the end of that
 * run means for the child.
 */

import type { ClaimedItem } from "../../backend/contract/claim.ts";
import type { NewChild, NewWait } from "../../backend/contract/wait.ts";
import type { Actor } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, fanOut, next, output, retry, textOf, wait } from "./parts.ts";
import { allPages, ORDERS, type Stage } from "./stage.ts";

const LONG = { leaseMs: 1_000_000_000_000 };

function childOf(stage: Stage, { onParentClose = "cancel", ...changes }: Partial<NewChild> = {}): NewChild {
  const { id: _id, onConflict: _onConflict, idempotencyKey: _key, ...start } = stage.startRequest(changes);
  return { ...start, onParentClose };
}

function forChild(stage: Stage, child: Partial<NewChild> = {}, overrides: Partial<NewWait> = {}) {
  return wait("child", { child: childOf(stage, { input: bytes("of the child"), ...child }), ...overrides });
}

interface Family {
  readonly parentId: string;
  readonly childId: string;
  readonly worker: Actor;
  /** The first item of the child. */
  readonly child: ClaimedItem;
}

/** A run that waits for a child whose first item is claimed. */
async function family(stage: Stage, child: Partial<NewChild> = {}, overrides: Partial<NewWait> = {}): Promise<Family> {
  const parentId = await stage.start({ input: bytes("of the parent") });
  const worker = await stage.session(LONG);
  await worker.did(await worker.take(), forChild(stage, child, overrides));
  const claimed = await worker.take();
  return { parentId, childId: claimed.item.runId, worker, child: claimed };
}

function endOf(claimed: ClaimedItem): unknown {
  return JSON.parse(textOf(claimed.answer));
}

const endCases = cases("child runs", {
  "A child is started in the step that parks the item which waits for it": async (stage) => {
    const { parentId, childId, child } = await family(stage, { tags: { made: "here" }, priority: 3 });
    const run = await stage.run(childId);
    equal([run.status, run.workflow, run.definition], ["running", "orders", ORDERS.hash], "the child");
    equal(
      [run.parent, run.tags, run.priority],
      [{ runId: parentId, item: 0 }, { made: "here" }, 3],
      "what it came with",
    );
    equal(textOf(child.input), "of the child", "the input of its first item");
    const parent = await stage.state(parentId);
    equal([parent.status, parent.parked], ["waiting", 1], "the parent");
    const record = present(await stage.backend.read.wait(parentId, 0), "the wait");
    equal([record.kind, record.childId], ["child", childId], "the wait of the parent");
  },

  "The commit that starts a child starts one, however often it is sent": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), forChild(stage));
    await worker.resend();
    await worker.resend({ request: 3 });
    const runs = await allPages((page) => stage.backend.read.runs({}, page));
    equal(runs.length, 2, "runs");
    equal(runs.filter(({ parent }) => parent?.runId === id).length, 1, "children");
  },

  "A child that completes answers the wait of its parent": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage);
    await worker.did(child, output("done"));
    const claimed = await worker.take();
    equal([claimed.item.runId, claimed.reason], [parentId, "ready"], "what is handed out");
    equal(endOf(claimed), { runId: childId, status: "completed" }, "the answer");
    equal(await stage.backend.read.wait(parentId, 0), undefined, "the wait");
    await worker.did(claimed, output("done"));
    equal((await stage.state(parentId)).status, "completed", "the status of the parent");
  },

  "A child that fails or is cancelled answers the wait of its parent too": async (stage) => {
    const failing = await family(stage);
    await failing.worker.did(failing.child, fail());
    equal(endOf(await failing.worker.take()), { runId: failing.childId, status: "failed" }, "the answer of a failure");
    const cancelled = await family(stage);
    await stage.does({ kind: "cancel", runId: cancelled.childId });
    equal(endOf(await cancelled.worker.take()), { runId: cancelled.childId, status: "cancelled" }, "that of a cancel");
    const late = await family(stage, { timeoutMs: 1_000 });
    await stage.clock.advance(1_000);
    equal(endOf(await late.worker.take()), { runId: late.childId, status: "failed" }, "that of a timeout");
  },

  "Whoever looks for work is woken when a child is cancelled": async (stage) => {
    const { childId } = await family(stage);
    const heard: string[] = [];
    const close = stage.backend.subscribe(({ kind }) => heard.push(kind));
    await stage.does({ kind: "cancel", runId: childId });
    close();
    equal(
      heard.some((kind) => kind === "work" || kind === "any"),
      true,
      "whether there is work to be heard of",
    );
  },

  "A child whose definition nobody published has failed": async (stage) => {
    await stage.start();
    const worker = await stage.session(LONG);
    await worker.did(await worker.take(), forChild(stage, { definition: "0".repeat(32) }));
    const end = endOf(await worker.take());
    equal(end instanceof Object && "status" in end ? end.status : end, "failed", "the status in the answer");
  },

  "An attempt that waits again starts another child": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage);
    await worker.did(child, fail());
    await worker.did(await worker.take(), { ...retry(), waitsAgain: true });
    const again = await worker.take();
    equal([again.item.runId, again.answer], [parentId, undefined], "the next attempt");
    await worker.did(again, forChild(stage));
    const second = await worker.take();
    equal(second.run.id === childId, false, "whether it is the same child");
    await worker.did(second, output("done"));
    equal(endOf(await worker.take()), { runId: second.run.id, status: "completed" }, "the answer");
  },

  "A child that is resumed after its end was told ends for itself": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage);
    await worker.did(child, fail());
    const claimed = await worker.take();
    await stage.does({ kind: "resume", runId: childId });
    await worker.did(await worker.take(), output("late"));
    equal((await stage.state(childId)).status, "completed", "the status of the child");
    await worker.did(claimed, output("done"));
    equal((await stage.state(parentId)).status, "completed", "the status of the parent");
  },

  "A thousand children of one run all answer": async (stage) => {
    const count = 1_000;
    const id = await stage.start({ maxItems: 10_000 });
    const worker = await stage.session(LONG);
    await worker.did(
      await worker.take(),
      fanOut(
        "each",
        Array.from({ length: count }, (_, at) => `${at}`),
      ),
    );
    let [ended, answered] = [0, 0];
    for (let rounds = 0; rounds < 200 && answered < count; rounds += 1) {
      const { items } = await worker.claim();
      for (const claimed of items) {
        if (claimed.item.runId !== id) {
          await worker.did(claimed, output("done"));
          ended += 1;
        } else if (claimed.answer === undefined) await worker.did(claimed, forChild(stage));
        else {
          await worker.did(claimed, {
            ...output(),
            arrivals: [{ join: "join", of: "first", index: 0, value: claimed.answer }],
            width: 1,
          });
          answered += 1;
        }
      }
    }
    equal([ended, answered], [count, count], "children that ended, and that answered");
    const join = await worker.take();
    equal([join.item.node, (await stage.state(id)).parked], ["join", 0], "what is left of the parent");
    const arrivals = await allPages((page) => stage.backend.read.arrivals(id, 0, "join", page), 500);
    equal(new Set(arrivals.map(({ value }) => textOf(value))).size, count, "different answers at the join");
  },
});

const closeCases = cases("child runs", {
  "The end of a run cancels its children, and theirs": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage);
    await worker.did(child, forChild(stage));
    const grandchild = await worker.take();
    await stage.does({ kind: "cancel", runId: parentId });
    await worker.takesNothing("all of them are over");
    for (const runId of [parentId, childId, grandchild.run.id]) {
      equal((await stage.state(runId)).status, "cancelled", "the status of one of them");
    }
    await worker.refused(grandchild, output("late"), "RUN_CLOSED");
  },

  "A run that completes or fails while a child is open cancels it": async (stage) => {
    const ends = [output("done"), fail()];
    for (const end of ends) {
      const id = await stage.start({ completion: "first" });
      const worker = await stage.session(LONG);
      await worker.did(await worker.take(), next("waits", "ends"));
      const { items } = await worker.claim();
      await worker.did(present(items[0], "an item"), forChild(stage));
      const child = await worker.take();
      await worker.did(present(items[1], "an item"), end);
      await worker.takesNothing("both are over");
      equal((await stage.state(child.run.id)).status, "cancelled", "the status of the child");
      equal((await stage.state(id)).finishedAt, stage.clock.now(), "the end of the parent");
    }
  },

  "A child that may go on alone does so when its parent ends": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage, { onParentClose: "leave" });
    await stage.does({ kind: "cancel", runId: parentId });
    await worker.takesNothing("the child's item is in progress");
    equal((await stage.state(childId)).status, "running", "the status of the child");
    await worker.did(child, output("done"));
    equal((await stage.state(childId)).status, "completed", "the status of the child at its end");
  },

  "Children that were cancelled with their parent go on with it": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage);
    await stage.does({ kind: "cancel", runId: parentId });
    await worker.takesNothing("both are over");
    await stage.does({ kind: "resume", runId: parentId });
    const again = await worker.take();
    equal([again.run.id, again.item.epoch > child.item.epoch], [childId, true], "what is handed out");
    await worker.did(again, output("done"));
    equal(endOf(await worker.take()), { runId: childId, status: "completed" }, "the answer");
  },

  "A child that was cancelled by itself does not go on with its parent": async (stage) => {
    const { parentId, childId, worker } = await family(stage);
    await stage.does({ kind: "cancel", runId: childId });
    await stage.does({ kind: "cancel", runId: parentId });
    await stage.does({ kind: "resume", runId: parentId });
    const { items } = await worker.claim();
    equal(
      items.map(({ run }) => run.id),
      [parentId],
      "the runs of what is handed out",
    );
    equal(items.map(endOf), [{ runId: childId, status: "cancelled" }], "the answer");
  },

  "The end of a child while its parent is closed is told when the parent goes on": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage, { onParentClose: "leave" });
    await stage.does({ kind: "cancel", runId: parentId });
    await worker.did(child, output("done"));
    await worker.takesNothing("the parent is closed");
    await stage.does({ kind: "resume", runId: parentId });
    const claimed = await worker.take();
    equal([claimed.run.id, endOf(claimed)], [parentId, { runId: childId, status: "completed" }], "what is handed out");
  },

  "A paused parent takes the end of its child, and goes on with it when it is resumed": async (stage) => {
    const { parentId, childId, worker, child } = await family(stage);
    await stage.does({ kind: "pause", runId: parentId });
    await worker.did(child, output("done"));
    await worker.takesNothing("the parent is paused");
    await stage.does({ kind: "resume", runId: parentId });
    equal(endOf(await worker.take()), { runId: childId, status: "completed" }, "the answer");
  },

  "A child that is waited for in vain is cancelled, unless it may go on alone": async (stage) => {
    for (const [onParentClose, status] of [
      ["cancel", "cancelled"],
      ["leave", "running"],
    ] as const) {
      const { parentId, childId, worker } = await family(stage, { onParentClose }, { durationMs: 5_000 });
      await stage.clock.advance(5_000);
      const claimed = await worker.take();
      equal([claimed.run.id, claimed.reason], [parentId, "deadline"], "what is handed out");
      equal((await stage.state(childId)).status, status, `the status of the child that is to ${onParentClose}`);
      await worker.did(claimed, fail());
    }
  },

  "A thousand children are cancelled with their parent, and go on with it": async (stage) => {
    const count = 1_000;
    const id = await stage.start({ maxItems: 10_000 });
    const worker = await stage.session(LONG);
    await worker.did(
      await worker.take(),
      fanOut(
        "each",
        Array.from({ length: count }, (_, at) => `${at}`),
      ),
    );
    for (let left = count; left > 0; ) {
      const { items } = await worker.claim();
      const waits = items.filter(({ run }) => run.id === id);
      for (const claimed of waits) await worker.did(claimed, forChild(stage));
      left -= waits.length;
    }
    await stage.does({ kind: "cancel", runId: id });
    await stage.clock.advance(LONG.leaseMs);
    const statuses = async () => {
      const children = (await allPages((page) => stage.backend.read.runs({}, page), 1_000)).filter(
        ({ parent }) => parent !== undefined,
      );
      return Object.fromEntries(
        Map.groupBy(children, ({ status }) => status)
          .entries()
          .map(([status, all]) => [status, all.length]),
      );
    };
    for (let rounds = 0; rounds < 30; rounds += 1) await worker.claim({ limit: 0 });
    equal(await statuses(), { cancelled: count }, "the children when the parent was cancelled");
    await stage.does({ kind: "resume", runId: id });
    for (let rounds = 0; rounds < 30; rounds += 1) await worker.claim({ limit: 0 });
    equal(await statuses(), { running: count }, "the children when it goes on");
  },
});

export const childCases = [...endCases, ...closeCases];
