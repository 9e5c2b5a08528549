/**
 * Thirty-two items of which one kills every process that executes it. What fails is buried by its failure edge, so that
 * the join tells what became of each.
 */

import process from "node:process";
import { setTimeout as passed } from "node:timers/promises";
import { join, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";

export const ITEMS = 32;
export const POISONOUS = 13;

interface Fate {
  readonly at: number;
  readonly became: string;
}

const scatter = node({
  input: unchecked<null>(),
  run: () => nextAll(Array.from({ length: ITEMS }, (_, at) => ({ at }))),
});

const work = node({
  input: unchecked<{ readonly at: number }>(),
  retry: false,
  async run({ input: { at }, itemId }) {
    trace("bodies", { at, itemId });
    if (at === POISONOUS) process.kill(process.pid, "SIGKILL");
    await passed(20);
    return next({ at, became: "completed" });
  },
});

const bury = node({
  input: unchecked<{ readonly at: number }>(),
  run: ({ input: { at }, error }) => next({ at, became: error?.code ?? "" }),
});

const collect = join({
  of: "scatter",
  input: unchecked<Fate>(),
  run: ({ inputs }) => next([...inputs]),
});

export const poison = workflow({
  name: "poison",
  version: "1.0.0",
  nodes: { scatter, work, bury, collect },
  start: "scatter",
  edges: { scatter: "work", work: { to: "collect", onFailure: "bury" }, bury: "collect", collect: [] },
});
