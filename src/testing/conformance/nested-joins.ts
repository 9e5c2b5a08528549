/** Cases about fan-outs inside fan-outs: a group counts as one branch of the group around it until its own joins have ended. */

import type { ClaimedItem } from "../../backend/contract/claim.ts";
import type { Actor } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { check, equal, present } from "./expectation.ts";
import { arrive, emit, failOver, fanOut, hold, joinTemplate, next, nothing, output, textOf } from "./parts.ts";
import { allPages, type Stage } from "./stage.ts";

/** Branches per fan-out at each level; the innermost items arrive. */
type Widths = readonly [number, number, number];

const LEVELS = ["outer", "middle", "inner"];

/**
 * Executes a run of three nested fan-outs to its end: each level's join passes its values, joined by commas in brackets, on
 * to the join of the level around it. `leaf` says what an innermost item does.
 */
async function runNested(
  stage: Stage,
  widthsOf: (path: string) => number,
  leaf: (worker: Actor, claimed: ClaimedItem) => Promise<void> = (worker, claimed) =>
    arriveAt(worker, claimed, "inner", textOf(claimed.input)),
): Promise<{ readonly id: string; readonly result: string; readonly fired: readonly string[] }> {
  const id = await stage.start({ first: { node: "outer", input: new Uint8Array() } });
  const worker = await stage.session();
  const fired: string[] = [];
  let result = "";
  for (let step = 0; step < 500; step += 1) {
    const { items } = await worker.claim({ limit: 1 });
    const claimed = items[0];
    if (claimed === undefined) break;
    const { node, kind } = claimed.item;
    if (kind === "join") {
      fired.push(node);
      const value = await joined(stage, claimed);
      if (node === "join-outer") {
        result = value;
        await worker.did(claimed, output(value));
      } else await arriveAt(worker, claimed, node === "join-inner" ? "middle" : "outer", value);
    } else if (node === "leaf") await leaf(worker, claimed);
    else await fanOutOf(worker, claimed, widthsOf(textOf(claimed.input)));
  }
  return { id, result, fired };
}

async function fanOutOf(worker: Actor, claimed: ClaimedItem, width: number): Promise<void> {
  const level = LEVELS.indexOf(claimed.item.node);
  const path = textOf(claimed.input);
  const values = Array.from({ length: width }, (_, at) => (path === "" ? String(at) : `${path}.${at}`));
  await worker.did(claimed, fanOut(LEVELS[level + 1] ?? "leaf", values, [`join-${claimed.item.node}`]));
}

async function arriveAt(worker: Actor, claimed: ClaimedItem, fanOutNode: string, value: string): Promise<void> {
  await worker.did(claimed, arrive(`join-${fanOutNode}`, fanOutNode, value));
}

async function joined(stage: Stage, { item }: ClaimedItem): Promise<string> {
  const group = present(item.joins, "the group that the join reads");
  const arrivals = await allPages((page) => stage.backend.read.arrivals(item.runId, group, item.node, page));
  return `[${arrivals.map(({ value }) => textOf(value)).join(",")}]`;
}

const widths =
  ([outer, middle, inner]: Widths) =>
  (path: string): number =>
    [outer, middle, inner][path === "" ? 0 : path.split(".").length] ?? 0;

async function ends(stage: Stage, id: string): Promise<void> {
  const { run, groups } = await dumpRun(stage.backend, id);
  equal([run.status, run.open], ["completed", 0], "status and open items of the run");
  check(
    groups.every(({ done, open }) => done && open === 0),
    "every group is done",
  );
}

export const nestedJoinCases = cases("nested joins", {
  "Fan-outs nested three levels deep join level by level, in branch order": async (stage) => {
    const { id, result, fired } = await runNested(stage, widths([2, 2, 2]));
    equal(result, "[[[0.0.0,0.0.1],[0.1.0,0.1.1]],[[1.0.0,1.0.1],[1.1.0,1.1.1]]]", "the result");
    equal(fired.length, 7, "joins that fired");
    await ends(stage, id);
  },

  "An empty innermost fan-out arrives with nothing": async (stage) => {
    const { id, result } = await runNested(stage, (path) => (path === "0.1" ? 0 : 2));
    equal(result, "[[[0.0.0,0.0.1],[]],[[1.0.0,1.0.1],[1.1.0,1.1.1]]]", "the result");
    await ends(stage, id);
  },

  "An empty middle fan-out arrives with nothing": async (stage) => {
    const { id, result } = await runNested(stage, (path) => (path === "1" ? 0 : 2));
    equal(result, "[[[0.0.0,0.0.1],[0.1.0,0.1.1]],[]]", "the result");
    await ends(stage, id);
  },

  "An empty outermost fan-out fires its join with nothing": async (stage) => {
    const { id, result, fired } = await runNested(stage, () => 0);
    equal([result, fired], ["[]", ["join-outer"]], "the result, and the joins that fired");
    await ends(stage, id);
  },

  "Only empty fan-outs at the innermost level": async (stage) => {
    const { id, result } = await runNested(stage, widths([2, 2, 0]));
    equal(result, "[[[],[]],[[],[]]]", "the result");
    await ends(stage, id);
  },

  "Fan-outs of one at every level": async (stage) => {
    const { id, result } = await runNested(stage, widths([1, 1, 1]));
    equal(result, "[[[0.0.0]]]", "the result");
    await ends(stage, id);
  },

  "Innermost branches may emit nothing, hold, and fail over": async (stage) => {
    const { id, result } = await runNested(stage, widths([2, 2, 2]), async (worker, claimed) => {
      const path = textOf(claimed.input);
      if (path === "0.0.0") await worker.did(claimed, nothing());
      else if (path === "0.1.1") await worker.did(claimed, hold());
      else if (path === "1.0.0")
        await worker.did(claimed, {
          ...failOver(),
          arrivals: arrive("join-inner", "inner", "cured").arrivals,
          width: 1,
        });
      else await arriveAt(worker, claimed, "inner", path);
    });
    equal(result, "[[[0.0.1],[0.1.0]],[[cured,1.0.1],[1.1.0,1.1.1]]]", "the result");
    await ends(stage, id);
  },

  "From inside an inner group a branch may go to the outer join": async (stage) => {
    const { id, result } = await runNested(stage, widths([2, 2, 2]), async (worker, claimed) => {
      const path = textOf(claimed.input);
      const level = path === "0.0.1" ? "outer" : path === "1.1.0" ? "middle" : "inner";
      await arriveAt(worker, claimed, level, path);
    });
    equal(result, "[[[0.0.0],[0.1.0,0.1.1]],0.0.1,[[1.0.0,1.0.1],[1.1.1],1.1.0]]", "the result");
    await ends(stage, id);
  },

  "A group counts as one branch of the group around it": async (stage) => {
    const id = await stage.start({ first: { node: "outer" } });
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("inner", ["a", "b"], ["join-outer"]));
    const inner = await worker.claim();
    await worker.did(inner.of("a"), fanOut("leaf", ["1", "2", "3"], ["join-inner"]));
    const outer = present(await stage.backend.read.group(id, 0), "the outer group");
    equal([outer.open, outer.done, outer.depth, outer.parent], [2, false, 1, undefined], "the outer group");
    const nested = present(await stage.backend.read.group(id, 1), "the inner group");
    equal(
      [nested.open, nested.depth, nested.parent, nested.fanOut, nested.index],
      [3, 2, 0, "inner", 0],
      "the inner group",
    );
  },

  "An inner join is a branch of the outer group": async (stage) => {
    const id = await stage.start({ first: { node: "outer" } });
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("inner", ["a"], ["join-outer"]));
    await worker.did(await worker.take(), fanOut("leaf", ["1"], ["join-inner"]));
    await worker.did(await worker.take(), arrive("join-inner", "inner", "1"));
    const join = await worker.take();
    equal([join.item.node, join.item.group, join.item.joins], ["join-inner", 0, 1], "the inner join");
    equal((await stage.backend.read.group(id, 0))?.open, 1, "open branches of the outer group");
    await worker.did(join, nothing());
    equal((await worker.take()).item.node, "join-outer", "what is ready then");
  },

  "A branch of an inner group that fails for good and is resumed keeps both groups whole": async (stage) => {
    let failedOnce = false;
    const failing = async (worker: Actor, claimed: ClaimedItem): Promise<void> => {
      const path = textOf(claimed.input);
      if (path === "1.0.1" && !failedOnce) {
        failedOnce = true;
        await worker.did(claimed, { kind: "fail", failure: { code: "ERROR", message: "once" } });
        await stage.does({ kind: "resume", runId: claimed.run.id });
      } else await arriveAt(worker, claimed, "inner", path);
    };
    const { id, result } = await runNested(stage, widths([2, 1, 2]), failing);
    equal(result, "[[[0.0.0,0.0.1]],[[1.0.0,1.0.1]]]", "the result");
    await ends(stage, id);
  },

  "Two joins of an inner group are two branches of the outer one": async (stage) => {
    const id = await stage.start({ first: { node: "outer" } });
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("inner", ["a"], ["join-outer"]));
    await worker.did(await worker.take(), fanOut("leaf", ["1", "2"], ["good", "bad"]));
    const leaves = await worker.claim();
    await worker.did(leaves.of("1"), arrive("good", "inner", "1"));
    await worker.did(leaves.of("2"), arrive("bad", "inner", "2"));
    equal((await stage.backend.read.group(id, 0))?.open, 2, "open branches of the outer group");
    const joins = await worker.claim();
    equal(joins.nodes, ["good", "bad"], "the joins that fired");
    for (const claimed of joins.items) {
      equal((await stage.backend.read.group(id, 0))?.done, false, "whether the outer group is done");
      await worker.did(claimed, arrive("join-outer", "outer", claimed.item.node));
    }
    const last = await worker.take();
    equal(
      [last.item.node, await joined(stage, last)],
      ["join-outer", "[good,bad]"],
      "the outer join and what it reads",
    );
  },

  "Sixty-four groups may be open inside each other, and no more": async (stage) => {
    const id = await stage.start({ first: { node: "deeper" } });
    const worker = await stage.session();
    const outcome = emit({ ...next("deeper"), opens: { joins: [joinTemplate("join")] } });
    for (let depth = 1; depth <= 64; depth += 1) {
      equal((await worker.did(await worker.take(), outcome)).runStatus, "running", `the status at depth ${depth}`);
    }
    equal((await worker.did(await worker.take(), outcome)).runStatus, "failed", "the status beyond");
    const { run, items } = await dumpRun(stage.backend, id);
    equal(
      [run.failure?.code, run.failure?.item, items.length],
      ["TOO_DEEP", 64, 65],
      "why the run failed, where, and its items",
    );
  },
});
