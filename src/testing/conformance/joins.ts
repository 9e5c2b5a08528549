/** Cases about one fan-out and its joins: they fire once, when the last branch has ended, with what arrived in branch order. */

import { type Actor, commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import {
  arrival,
  arrive,
  bytes,
  emit,
  failOver,
  fanOut,
  hold,
  joinTemplate,
  newItem,
  next,
  nothing,
  output,
  release,
  retry,
  textOf,
} from "./parts.ts";
import { allPages, LEASE_MS, type Stage } from "./stage.ts";

/** A run whose first item has fanned out to one branch per value. */
async function split(stage: Stage, values: readonly string[], joins: readonly string[] = ["join"]) {
  const id = await stage.start({ first: { node: "split" } });
  const worker = await stage.session();
  await worker.did(await worker.take(), fanOut("branch", values, joins));
  return { id, worker, branches: await worker.claim() };
}

async function arrived(stage: Stage, runId: string, group: number, join = "join"): Promise<readonly string[]> {
  const arrivals = await allPages((page) => stage.backend.read.arrivals(runId, group, join, page));
  return arrivals.map(({ value }) => textOf(value));
}

/** Takes the join and gives what it would read. */
async function takeJoin(stage: Stage, worker: Actor, node = "join") {
  const { item } = await worker.take();
  equal([item.node, item.kind], [node, "join"], "the item that is ready");
  return { item, values: await arrived(stage, item.runId, present(item.joins, "the group that the join reads"), node) };
}

export const joinCases = cases("joins", {
  "A join fires once, when the last branch has ended, with the values in branch order": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b", "c"]);
    await worker.did(branches.of("c"), arrive("join", "split", "C"));
    await worker.did(branches.of("a"), arrive("join", "split", "A"));
    await worker.takesNothing("a branch is open");
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    const { values, item } = await takeJoin(stage, worker);
    equal([values, item.joins, item.group, item.index], [["A", "B", "C"], 0, undefined, 0], "what the join reads");
    const { items } = await dumpRun(stage.backend, id);
    equal(items.filter(({ kind }) => kind === "join").length, 1, "joins of the run");
  },

  "A join gets its queue, labels, priority and timeouts from its template": async (stage) => {
    const id = await stage.start({ first: { node: "split" } });
    const worker = await stage.session();
    const template = joinTemplate("join", {
      queue: "joins",
      labels: ["big"],
      keys: ["k"],
      priority: 5,
      timeoutMs: 99,
      deadlineMs: 1_000,
    });
    await worker.did(await worker.take(), emit({ opens: { joins: [template] } }));
    const { queue, labels, keys, priority, timeoutMs, deadlineMs, deadlineAt } = await stage.item(id, 1);
    equal(
      [queue, labels, keys, priority, timeoutMs, deadlineMs, deadlineAt],
      ["joins", ["big"], ["k"], 5, 99, 1_000, stage.clock.now() + 1_000],
      "the join",
    );
    equal(await stage.backend.read.itemPayload(id, 1), {}, "its payload");
  },

  "An empty fan-out fires its join at once with nothing": async (stage) => {
    await stage.start({ first: { node: "split" } });
    const worker = await stage.session();
    const answer = await worker.did(await worker.take(), fanOut("branch", []));
    equal(answer.runStatus, "running", "the status of the run");
    equal((await takeJoin(stage, worker)).values, [], "what the join reads");
  },

  "A branch that emits nothing or holds does not arrive": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b", "c"]);
    await worker.did(branches.of("a"), nothing());
    await worker.did(branches.of("b"), hold());
    await worker.did(branches.of("c"), arrive("join", "split", "C"));
    equal((await takeJoin(stage, worker)).values, ["C"], "what the join reads");
    equal((await stage.state(id)).held, 1, "held items");
  },

  "A join fires with nothing when no branch arrived": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("a"), nothing());
    await worker.did(branches.of("b"), hold());
    equal((await takeJoin(stage, worker)).values, [], "what the join reads");
  },

  "A join waits for branches of several steps": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("a"), next("second"));
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    const second = await worker.take();
    equal(second.item.group, 0, "the group of the second step");
    await worker.did(second, next("third"));
    await worker.did(await worker.take(), arrive("join", "split", "A"));
    equal((await takeJoin(stage, worker)).values, ["A", "B"], "what the join reads");
  },

  "A join waits for a branch that is tried again, released or taken over": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b", "c"]);
    await worker.did(branches.of("a"), retry(1_000));
    await worker.did(branches.of("b"), release(1_000));
    await stage.clock.advance(LEASE_MS);
    const other = await stage.session();
    const again = await other.claim();
    equal([...again.inputs].sort(), ["a", "b", "c"], "the branches that are claimed again");
    for (const claimed of again.items) {
      await other.takesNothing("a branch is open");
      await other.did(claimed, arrive("join", "split", textOf(claimed.input)));
    }
    equal((await takeJoin(stage, other)).values, ["a", "b", "c"], "what the join reads");
  },

  "A branch that fails over stays a branch": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("a"), failOver("cure"));
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    const cure = await worker.take();
    equal([cure.item.node, cure.item.group], ["cure", 0], "the item of the failure edge");
    await worker.did(cure, arrive("join", "split", "cured"));
    equal((await takeJoin(stage, worker)).values, ["cured", "B"], "what the join reads");
  },

  "A failure edge may lead straight to the join": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b"]);
    const values = [arrival("join", "split", "excuse")];
    await worker.did(branches.of("a"), { ...failOver(), arrivals: values, width: 1 });
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    equal((await takeJoin(stage, worker)).values, ["excuse", "B"], "what the join reads");
  },

  "A branch that splits without a group is joined when all its parts have ended": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("a"), next("left", "right"));
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    const parts = await worker.claim();
    for (const claimed of parts.items.toReversed())
      await worker.did(claimed, arrive("join", "split", claimed.item.node));
    equal((await takeJoin(stage, worker)).values, ["left", "right", "B"], "what the join reads");
  },

  "A branch that emits several values arrives with all of them": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    const arrivals = ["A0", "A1", "A2"].map((value, index) => arrival("join", "split", value, index));
    await worker.did(branches.of("a"), emit({ arrivals }));
    equal((await takeJoin(stage, worker)).values, ["A0", "A1", "A2", "B"], "what the join reads");
  },

  "A fan-out may lead straight to its join": async (stage) => {
    await stage.start({ first: { node: "split" } });
    const worker = await stage.session();
    const arrivals = ["x", "y"].map((value, at) => arrival("join", "split", value, 2 * at + 1));
    const items = [
      newItem("branch", { index: 0, input: bytes("0") }),
      newItem("branch", { index: 2, input: bytes("2") }),
    ];
    await worker.did(
      await worker.take(),
      emit({ items, arrivals, width: 4, opens: { joins: [joinTemplate("join")] } }),
    );
    const branches = await worker.claim();
    for (const input of ["2", "0"]) await worker.did(branches.of(input), arrive("join", "split", input));
    equal((await takeJoin(stage, worker)).values, ["0", "x", "2", "y"], "what the join reads");
  },

  "A fan-out that leads only to its join fires it in the same commit": async (stage) => {
    await stage.start({ first: { node: "split" } });
    const worker = await stage.session();
    const arrivals = ["x", "y"].map((value, index) => arrival("join", "split", value, index));
    await worker.did(await worker.take(), emit({ arrivals, opens: { joins: [joinTemplate("join")] } }));
    equal((await takeJoin(stage, worker)).values, ["x", "y"], "what the join reads");
  },

  "Of several joins each one with arrivals fires": async (stage) => {
    const { worker, branches } = await split(stage, ["a", "b", "c"], ["good", "bad", "unused"]);
    await worker.did(branches.of("c"), arrive("good", "split", "C"));
    await worker.did(branches.of("b"), arrive("bad", "split", "B"));
    await worker.did(branches.of("a"), arrive("good", "split", "A"));
    const joins = await worker.claim();
    equal(joins.nodes, ["good", "bad"], "the joins that fired");
    const { id } = present(joins.items[0], "a join").run;
    equal(
      [await arrived(stage, id, 0, "good"), await arrived(stage, id, 0, "bad"), await arrived(stage, id, 0, "unused")],
      [["A", "C"], ["B"], []],
      "what they read",
    );
  },

  "Of several joins without any arrival each one fires with nothing": async (stage) => {
    const { worker, branches } = await split(stage, ["a"], ["good", "bad"]);
    await worker.did(branches.of("a"), nothing());
    equal((await worker.claim()).nodes, ["good", "bad"], "the joins that fired");
  },

  "The last two branches may end in one request: the join fires once": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b"]);
    const commits = branches.items.map((claimed) => commitOf(claimed, arrive("join", "split", textOf(claimed.input))));
    const { items } = await worker.send(commits, worker.claimRequest());
    equal(
      items.map(({ item }) => item.node),
      ["join"],
      "the claimed nodes",
    );
    equal((await stage.state(id)).items, 4, "items of the run");
  },

  "Branches that end at the same time in different sessions fire the join once": async (stage) => {
    const values = Array.from({ length: 12 }, (_, at) => String(at).padStart(2, "0"));
    const id = await stage.start({ first: { node: "split" } });
    const starter = await stage.session();
    await starter.did(await starter.take(), fanOut("branch", values));
    const work = async (): Promise<void> => {
      const worker = await stage.session();
      const { items } = await worker.claim({ limit: 3 });
      for (const claimed of items) await worker.did(claimed, arrive("join", "split", textOf(claimed.input)));
    };
    await Promise.all([work(), work(), work(), work()]);
    const { items } = await dumpRun(stage.backend, id);
    equal(items.filter(({ kind }) => kind === "join").length, 1, "joins of the run");
    equal((await takeJoin(stage, starter)).values, values, "what the join reads");
  },

  "A refused or repeated commit does not count twice": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b"]);
    const a = branches.of("a");
    await worker.did(a, arrive("join", "split", "A"));
    await worker.did(a, arrive("join", "split", "A"));
    await worker.refused(a, arrive("join", "split", "other"), "COMMIT_CONFLICT");
    const group = present(await stage.backend.read.group(id, 0), "the group");
    equal([group.open, group.arrived, group.done], [1, { join: 1 }, false], "the group");
  },

  "A group tells who is open and what arrived": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b", "c"]);
    await worker.did(branches.of("a"), arrive("join", "split", "A"));
    await worker.did(branches.of("b"), nothing());
    const group = { runId: id, group: 0, fanOut: "split", index: 0, path: "", depth: 1, joins: [joinTemplate("join")] };
    equal(
      await stage.backend.read.group(id, 0),
      { ...group, open: 1, arrived: { join: 1 }, done: false },
      "the group while a branch is open",
    );
    await worker.did(branches.of("c"), arrive("join", "split", "C"));
    equal(
      await stage.backend.read.group(id, 0),
      { ...group, open: 0, arrived: { join: 2 }, done: true },
      "the group once it has fired",
    );
    equal(await stage.backend.read.group(id, 1), undefined, "the group of an item that opened none");
  },

  "An arrival tells where it comes from": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a"]);
    await worker.did(branches.of("a"), arrive("join", "split", "A"));
    const { entries } = await stage.backend.read.arrivals(id, 0, "join", {});
    equal(
      entries,
      [
        {
          runId: id,
          group: 0,
          join: "join",
          from: 1,
          node: "branch",
          path: "",
          commit: 2,
          index: 0,
          value: bytes("A"),
        },
      ],
      "the arrivals",
    );
  },

  "Arrivals are read in pages that join up": async (stage) => {
    const values = Array.from({ length: 53 }, (_, at) => String(at).padStart(3, "0"));
    const { id, worker, branches } = await split(stage, values);
    const commits = branches.items.map((claimed) => commitOf(claimed, arrive("join", "split", textOf(claimed.input))));
    await worker.send(commits.toReversed());
    for (const limit of [1, 7, 53, 54]) {
      const arrivals = await allPages((page) => stage.backend.read.arrivals(id, 0, "join", page), limit);
      equal(
        arrivals.map(({ value }) => textOf(value)),
        values,
        `the arrivals in pages of ${limit}`,
      );
    }
  },

  "A loop opens a new group each time round": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a"]);
    await worker.did(branches.of("a"), arrive("join", "split", "A"));
    await worker.did(await worker.take(), next("split"));
    await worker.did(await worker.take(), fanOut("branch", ["b"]));
    await worker.did(await worker.take(), arrive("join", "split", "B"));
    const { item, values } = await takeJoin(stage, worker);
    equal([values, item.joins], [["B"], 3], "what the second join reads, and of which group");
    equal(await arrived(stage, id, 0), ["A"], "what the first join read");
  },

  "A join's output completes its run": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a"]);
    await worker.did(branches.of("a"), arrive("join", "split", "A"));
    await worker.did(await worker.take(), output("joined"));
    const run = await stage.run(id);
    equal([run.status, run.output], ["completed", bytes("joined")], "the run");
  },

  "A branch that fails for good is still open when its run is resumed": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    await worker.did(branches.of("a"), { kind: "fail", failure: { code: "ERROR", message: "no" } });
    equal((await stage.state(id)).status, "failed", "the status of the run");
    await stage.does({ kind: "resume", runId: id });
    const again = await worker.take();
    equal([textOf(again.input), again.item.attempts], ["a", 0], "the branch that is tried again");
    await worker.did(again, arrive("join", "split", "A"));
    equal((await takeJoin(stage, worker)).values, ["A", "B"], "what the join reads");
  },

  "What was put in from outside is no branch": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a"]);
    await stage.does({ kind: "enqueue", runId: id, item: newItem("outside") });
    await worker.did(branches.of("a"), arrive("join", "split", "A"));
    equal([...(await worker.claim()).nodes].sort(), ["join", "outside"], "what is ready");
    equal((await stage.item(id, 2)).group, undefined, "the group of the item from outside");
  },

  "A branch that comes back after its join has fired changes nothing of it": async (stage) => {
    const { id, worker, branches } = await split(stage, ["a", "b"]);
    await worker.did(branches.of("a"), hold());
    await worker.did(branches.of("b"), arrive("join", "split", "B"));
    await worker.did(await worker.take(), nothing());
    equal((await stage.run(id)).failure?.code, "RUN_STUCK", "why the run failed");
    await stage.does({ kind: "resume", runId: id });
    await worker.did(await worker.take(), arrive("join", "split", "late"));
    const { items, groups } = await dumpRun(stage.backend, id);
    equal(items.filter(({ kind }) => kind === "join").length, 1, "joins of the run");
    equal([groups[0]?.done, await arrived(stage, id, 0)], [true, ["B"]], "the group and its arrivals");
  },

  "Joins may be named after what every object has": async (stage) => {
    const names = ["constructor", "toString", "hasOwnProperty"];
    const { id, worker, branches } = await split(stage, names, [...names, "valueOf"]);
    for (const name of names) await worker.did(branches.of(name), arrive(name, "split", name));
    equal((await worker.claim()).nodes, names, "the joins that fired");
    for (const name of names) equal(await arrived(stage, id, 0, name), [name], `what ${name} reads`);
    const group = present(await stage.backend.read.group(id, 0), "the group");
    equal(group.arrived, { constructor: 1, toString: 1, hasOwnProperty: 1 }, "arrivals by join");
  },

  "A fan-out of a thousand fires its join once": async (stage) => {
    const values = Array.from({ length: 1_000 }, (_, at) => String(at).padStart(4, "0"));
    const id = await stage.start({ first: { node: "split" }, maxItems: 2_000 });
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("branch", values));
    for (let done = 0; done < values.length; ) {
      const { items } = await worker.claim({ limit: 64 });
      equal(items.length > 0, true, "whether there is a branch to claim");
      await worker.send(items.map((claimed) => commitOf(claimed, arrive("join", "split", textOf(claimed.input)))));
      done += items.length;
    }
    equal((await takeJoin(stage, worker)).values, values, "what the join reads");
    equal((await stage.state(id)).items, 1_002, "items of the run");
  },
});
