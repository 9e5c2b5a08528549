/** Cases about how a run ends by itself: the three completion modes, too many outputs, nothing left to do, too many items. */

import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { check, equal, present } from "./expectation.ts";
import {
  arrival,
  bytes,
  emit,
  failOver,
  fanOut,
  hold,
  newItem,
  next,
  nothing,
  output,
  retry,
  textOf,
} from "./parts.ts";
import type { Stage } from "./stage.ts";

/** A run of the completion mode whose first item has made these, all claimed. */
async function spread(stage: Stage, completion: "single" | "first" | "all", nodes: readonly string[]) {
  const id = await stage.start({ completion });
  const worker = await stage.session();
  await worker.did(await worker.take(), next(...nodes));
  const { items } = await worker.claim();
  return { id, worker, at: (index: number) => present(items[index], `item ${index}`) };
}

async function outputsOf(stage: Stage, id: string): Promise<readonly string[]> {
  return (await dumpRun(stage.backend, id)).outputs.map(({ value }) => textOf(value));
}

const modeCases = cases("completion", {
  "A single run completes with its one output when nothing is open": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a", "b"]);
    equal((await worker.did(at(0), output("the output"))).runStatus, "running", "the status while an item is open");
    await stage.clock.advance(5);
    equal((await worker.did(at(1), nothing())).runStatus, "completed", "the status once nothing is open");
    const run = await stage.run(id);
    const now = stage.clock.now();
    equal([run.status, run.output, run.outputs, run.generation], ["completed", bytes("the output"), 1, 1], "the run");
    equal([run.finishedAt, run.statusAt, run.open], [now, now, 0], "its instants and open items");
  },

  "A second output fails a single run, and the error names the other modes": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a", "b"]);
    await worker.did(at(0), output("one"));
    equal((await worker.did(at(1), output("two"))).runStatus, "failed", "the status of the run");
    const { failure } = await stage.run(id);
    equal([failure?.code, failure?.item], ["MULTIPLE_OUTPUTS", 2], "why the run failed, and where");
    check(
      ["first", "all"].every((mode) => failure?.message.includes(`"${mode}"`) === true),
      "the message names both other modes",
    );
  },

  "Two outputs of one emission fail a single run": async (stage) => {
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), output("one", "two"));
    equal((await stage.run(id)).failure?.code, "MULTIPLE_OUTPUTS", "why the run failed");
  },

  "The first output completes a first run and closes the rest": async (stage) => {
    const { id, worker, at } = await spread(stage, "first", ["a", "b", "c"]);
    equal((await worker.did(at(1), output("fastest"))).runStatus, "completed", "the status of the run");
    await worker.refused(at(0), output("slower"), "RUN_CLOSED");
    const { run, items } = await dumpRun(stage.backend, id);
    equal([run.output, run.open, run.outputs], [bytes("fastest"), 2, 1], "output, open items and outputs of the run");
    equal(
      items.map(({ status }) => status),
      ["completed", "cancelled", "completed", "cancelled"],
      "the items",
    );
    await worker.takesNothing("the run is closed");
  },

  "Of several values of one emission a first run takes the first": async (stage) => {
    const id = await stage.start({ completion: "first" });
    const worker = await stage.session();
    await worker.did(await worker.take(), output("one", "two", "three"));
    const run = await stage.run(id);
    equal([run.status, run.output], ["completed", bytes("one")], "the run");
  },

  "Successors beside the first output do not run": async (stage) => {
    const id = await stage.start({ completion: "first" });
    const worker = await stage.session();
    await worker.did(
      await worker.take(),
      emit({ items: [newItem("more")], outputs: [{ index: 1, value: bytes("out") }] }),
    );
    equal((await stage.state(id)).status, "completed", "the status of the run");
    await worker.takesNothing("the run is closed");
  },

  "An all run completes when nothing is open, with all outputs in branch order": async (stage) => {
    const { id, worker, at } = await spread(stage, "all", ["a", "b", "c"]);
    await worker.did(at(2), output("c0", "c1"));
    await worker.did(at(0), output("a0"));
    equal((await worker.did(at(1), output("b0"))).runStatus, "completed", "the status of the run");
    equal(await outputsOf(stage, id), ["a0", "b0", "c0", "c1"], "the outputs");
    const run = await stage.run(id);
    equal([run.output, run.outputs], [undefined, 4], "the run's own output, and the number of outputs");
  },

  "Outputs in the same place are in commit order": async (stage) => {
    const id = await stage.start({ completion: "all" });
    const worker = await stage.session();
    for (const round of ["1", "2", "3"]) {
      const items = round === "3" ? [] : [newItem("again", { index: 1 })];
      await worker.did(await worker.take(), emit({ items, outputs: [{ index: 0, value: bytes(round) }], width: 1 }));
    }
    equal(await outputsOf(stage, id), ["1", "2", "3"], "the outputs");
  },

  "An all run without outputs completes with none": async (stage) => {
    const { id, worker, at } = await spread(stage, "all", ["a"]);
    equal((await worker.did(at(0), nothing())).runStatus, "completed", "the status of the run");
    equal(await outputsOf(stage, id), [], "the outputs");
  },

  "An all run with outputs and held items completes": async (stage) => {
    const { id, worker, at } = await spread(stage, "all", ["a", "b"]);
    await worker.did(at(0), hold());
    equal((await worker.did(at(1), output("out"))).runStatus, "completed", "the status of the run");
    equal((await stage.state(id)).held, 1, "held items");
  },

  "Outputs tell where they come from, and are read in pages that join up": async (stage) => {
    const { id, worker, at } = await spread(stage, "all", ["a", "b"]);
    await worker.did(at(1), output("x", "y"));
    await worker.did(at(0), nothing());
    const { outputs } = stage.backend.read;
    const first = await outputs(id, { limit: 1 });
    equal(first.entries, [{ from: 2, path: "00010000", commit: 2, index: 0, value: bytes("x") }], "the first page");
    const second = await outputs(id, { limit: 1, cursor: present(first.cursor, "the cursor") });
    equal([second.entries.map(({ value }) => textOf(value)), second.cursor], [["y"], undefined], "the second page");
  },

  "A paused run may complete": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a"]);
    await stage.does({ kind: "pause", runId: id });
    equal((await worker.did(at(0), output("done"))).runStatus, "completed", "the status of the run");
  },

  "An item that is tried again keeps its run open": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a", "b"]);
    await worker.did(at(0), output("out"));
    equal((await worker.did(at(1), retry(1_000))).runStatus, "running", "the status of the run");
    equal((await stage.state(id)).open, 1, "open items");
  },

  "A run that is over before anybody looks is right": async (stage) => {
    const worker = await stage.session();
    const [outcome] = await stage.backend.startRuns([stage.startRequest({ idempotencyKey: "fast" })]);
    await worker.did(await worker.take(), output("done"));
    equal(present(outcome, "the outcome").kind, "started", "the outcome of the start");
    const again = await stage.tryStart({ idempotencyKey: "fast" });
    equal(
      again.kind === "existing" && [again.run.status, again.run.output],
      ["completed", bytes("done")],
      "the run under its key",
    );
  },
});

const stuckCases = cases("stuck runs", {
  "A run with nothing open, no output and something held is stuck, and says where": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["gate", "door"]);
    await worker.did(at(0), hold());
    equal((await worker.did(at(1), hold())).runStatus, "failed", "the status of the run");
    const { failure, held } = await stage.run(id);
    equal([failure?.code, held], ["RUN_STUCK", 2], "why the run failed, and held items");
    check(
      failure?.message.includes('"gate"') === true && failure.message.includes('"door"'),
      "the message names both nodes",
    );
  },

  "A run with nothing open and no output is stuck, and names where it ended": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a", "dead-end"]);
    await worker.did(at(0), nothing());
    await worker.did(at(1), nothing());
    const { failure } = await stage.run(id);
    equal([failure?.code, failure?.node], ["RUN_STUCK", "dead-end"], "why the run failed, and where");
  },

  "An all run with something held and no output is stuck": async (stage) => {
    const { id, worker, at } = await spread(stage, "all", ["a", "b"]);
    await worker.did(at(0), hold());
    await worker.did(at(1), nothing());
    equal((await stage.run(id)).failure?.code, "RUN_STUCK", "why the run failed");
  },

  "A first run without output is stuck": async (stage) => {
    const { id, worker, at } = await spread(stage, "first", ["a"]);
    await worker.did(at(0), failOver());
    equal((await stage.run(id)).failure?.code, "RUN_STUCK", "why the run failed");
  },

  "Resuming a stuck run re-opens its held items": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["gate", "gate"]);
    await worker.did(at(0), hold());
    await worker.did(at(1), hold());
    await stage.does({ kind: "resume", runId: id });
    const run = await stage.state(id);
    equal([run.status, run.open, run.held], ["running", 2, 0], "the run");
    const again = await worker.claim();
    equal(again.nodes, ["gate", "gate"], "what is claimed again");
    await worker.did(present(again.items[0], "an item"), hold());
    await worker.did(present(again.items[1], "an item"), output("through"));
    equal((await stage.run(id)).output, bytes("through"), "the output");
  },

  "A stuck run with nothing held has nothing to resume": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a"]);
    await worker.did(at(0), nothing());
    const before = await dumpRun(stage.backend, id);
    await stage.refuses({ kind: "resume", runId: id }, "ILLEGAL_TRANSITION");
    equal(await dumpRun(stage.backend, id), before, "the run");
  },

  "A run with two outputs cannot be resumed": async (stage) => {
    const { id, worker, at } = await spread(stage, "single", ["a", "b", "c"]);
    await worker.did(at(0), output("one"));
    await worker.did(at(1), output("two"));
    await stage.refuses({ kind: "resume", runId: id }, "ILLEGAL_TRANSITION");
  },
});

const limitCases = cases("too many items", {
  "A run may make exactly as many items as its limit": async (stage) => {
    const id = await stage.start({ maxItems: 3 });
    const worker = await stage.session();
    equal((await worker.did(await worker.take(), next("a", "b"))).runStatus, "running", "the status of the run");
    equal((await stage.state(id)).items, 3, "items");
  },

  "The attempt that would exceed the limit leaves no trace, and the run fails": async (stage) => {
    const id = await stage.start({ maxItems: 3 });
    const worker = await stage.session();
    const extras = { delta: bytes("delta"), writes: [0], metrics: [{ name: "m", value: 1 }] };
    const answer = await worker.did(await worker.take(), next("a", "b", "c"), extras);
    equal([answer.runStatus, answer.appended, answer.itemStatus], ["failed", false, "pending"], "the answer");
    const { run, items, deltas, metrics, failures } = await dumpRun(stage.backend, id);
    equal([run.failure?.code, run.items, run.sequence], ["TOO_MANY_ITEMS", 1, 0], "the run");
    equal([items.length, deltas, metrics, failures], [1, [], [], []], "items, deltas, metrics and failures");
    equal([items[0]?.status, items[0]?.attempts], ["cancelled", 0], "the item");
  },

  "A run over its limit goes on only with a higher one": async (stage) => {
    const id = await stage.start({ maxItems: 2 });
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b"));
    await stage.refuses({ kind: "resume", runId: id, maxItems: 1 }, "ILLEGAL_TRANSITION");
    await stage.does({ kind: "resume", runId: id, maxItems: 3 });
    equal((await stage.state(id)).maxItems, 3, "the limit");
    const again = await worker.take();
    equal([again.item.item, again.item.attempts], [0, 0], "the item that runs again");
    equal((await worker.did(again, next("a", "b"))).runStatus, "running", "the status of the run");
  },

  "A failure edge counts against the limit too": async (stage) => {
    const id = await stage.start({ maxItems: 1 });
    const worker = await stage.session();
    await worker.did(await worker.take(), failOver("cure"));
    const { run, items } = await dumpRun(stage.backend, id);
    equal([run.failure?.code, items.length], ["TOO_MANY_ITEMS", 1], "the run and its items");
  },

  "A fan-out over the limit opens no group": async (stage) => {
    const id = await stage.start({ maxItems: 2 });
    const worker = await stage.session();
    await worker.did(await worker.take(), {
      ...fanOut("branch", ["a", "b"]),
      arrivals: [arrival("join", "first", "x", 2)],
    });
    const { groups, arrivals } = await dumpRun(stage.backend, id);
    equal([groups, arrivals], [[], []], "groups and arrivals");
  },

  "Putting an item into a run that is at its limit is refused": async (stage) => {
    const id = await stage.start({ maxItems: 1 });
    await stage.refuses({ kind: "enqueue", runId: id, item: newItem("more") }, "TOO_MANY_ITEMS");
    equal([(await stage.state(id)).status, (await stage.state(id)).items], ["running", 1], "the run");
  },
});

export const completionCases = [...modeCases, ...stuckCases, ...limitCases];
