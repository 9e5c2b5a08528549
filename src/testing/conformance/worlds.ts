/** Cases about what is shared and what is not: namespaces, several handles on the same data, retention, and closing a handle. */

import { commitOf } from "./actor.ts";
import { cases } from "./conformance-case.ts";
import { dumpBackend } from "./dump.ts";
import { check, equal, present, throws } from "./expectation.ts";
import { bytes, fanOut, next, output } from "./parts.ts";
import { LEASE_MS, ORDERS, type Stage } from "./stage.ts";

const namespaceCases = cases("namespaces", {
  "Namespaces share nothing": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start({ idempotencyKey: "key", tags: { a: "b" } });
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("branch", ["1"]), {
      delta: bytes("d"),
      metrics: [{ name: "m", value: 1 }],
    });
    const { runs, sessions, backlog, definitions } = await dumpBackend(other.backend);
    equal([runs, sessions, backlog, definitions.length], [[], [], [], 1], "what the other namespace shows");
    equal(await other.backend.read.run(id), undefined, "the run in the other namespace");
    const stranger = await other.session();
    await stranger.takesNothing("the run is in another namespace");
  },

  "The same run id, key, session id and item numbers live side by side": async (stage) => {
    const other = await stage.world("other");
    const id = stage.newRunId();
    await stage.start({ id, idempotencyKey: "key", input: bytes("here") });
    await other.start({ id, idempotencyKey: "key", input: bytes("there") });
    const [here, there] = [await stage.session({ id: "same" }), await other.session({ id: "same" })];
    const [mine, theirs] = [await here.claim(), await there.claim()];
    equal([mine.inputs, theirs.inputs], [["here"], ["there"]], "what each session claims");
    await here.did(mine.of("here"), output("from here"), { delta: bytes("1") });
    equal([(await stage.state(id)).status, (await other.state(id)).status], ["completed", "running"], "the statuses");
    await there.did(theirs.of("there"), next("more"), { delta: bytes("2") });
    equal(
      (await other.backend.read.deltas(id, {})).entries.map(({ delta }) => delta),
      [bytes("2")],
      "the deltas of the other namespace",
    );
  },

  "Actions, purges and sign-offs of one namespace do not reach another": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start();
    const worker = await stage.session();
    await worker.take();
    const before = await dumpBackend(stage.backend);
    await other.refuses({ kind: "cancel", runId: id }, "RUN_NOT_FOUND");
    await other.backend.closeSession(worker.id);
    equal(await other.backend.renew({ session: worker.id }), { kind: "gone" }, "a renewal in the other namespace");
    equal(
      await other.backend.purge({ before: Number.MAX_SAFE_INTEGER, limit: 100 }),
      0,
      "runs purged in the other namespace",
    );
    equal(await dumpBackend(stage.backend), before, "the first namespace");
  },

  "Definitions are published per namespace": async (stage) => {
    const other = await stage.world("other");
    const changed = { ...ORDERS, hash: "e".repeat(32), json: "{}" };
    equal(
      await other.backend.publish([changed], { replace: true }),
      [{ kind: "published" }],
      "the outcome in the other namespace",
    );
    equal(await stage.backend.read.definition(changed.hash), undefined, "the definition in the first namespace");
  },

  "A backend tells its namespace, and never a secret of where it is": async (stage) => {
    const other = await stage.world("team-a.eu_1");
    equal(other.backend.namespace, "team-a.eu_1", "the namespace");
    check(
      stage.backend.kind.length > 0 && !/:[^/@]*@/.test(stage.backend.location),
      "its kind is named, and its location shows no password",
    );
  },

  "Namespaces that differ in case alone are different": async (stage) => {
    const [lower, upper] = [await stage.world("team"), await stage.world("TEAM")];
    await lower.start();
    equal((await upper.backend.read.runs({}, {})).entries, [], "runs of the other namespace");
  },

  "What is no name is no namespace": async (stage) => {
    for (const namespace of ["", "..", "a b", "a/b", "x'; DROP TABLE run;--", "{tag}", "*", "a\0b", "x".repeat(129)]) {
      let refused = false;
      try {
        await (await stage.harness.open({ namespace })).close();
      } catch {
        refused = true;
      }
      check(refused, `the namespace ${JSON.stringify(namespace)} is refused`);
    }
  },
});

const handleCases = cases(
  "handles",
  {
    "A second handle sees every write that the first acknowledged": async (stage) => {
      const second = await stage.reopen();
      const id = await stage.start({ idempotencyKey: "key" });
      equal((await second.read.runState(id))?.status, "running", "the run through the second handle");
      const worker = await stage.session({}, second);
      const claimed = await worker.take();
      equal((await stage.item(id, 0)).status, "in_progress", "the item through the first handle");
      await worker.did(claimed, output("done"), { delta: bytes("d") });
      equal(
        [(await stage.state(id)).status, (await stage.run(id)).output],
        ["completed", bytes("done")],
        "the run through the first handle",
      );
      equal(await dumpBackend(second), await dumpBackend(stage.backend), "everything through both handles");
    },

    "Sessions of two handles share the items without overlap": async (stage) => {
      const second = await stage.reopen();
      for (let count = 0; count < 30; count += 1) await stage.start();
      const workers = [await stage.session(), await stage.session({}, second)];
      const seen: string[] = [];
      for (let round = 0; round < 6; round += 1) {
        const claims = await Promise.all(workers.map((worker) => worker.claim({ limit: 3 })));
        seen.push(...claims.flatMap(({ items }) => items.map(({ item }) => item.runId)));
      }
      equal([seen.length, new Set(seen).size], [30, 30], "claimed items, and different ones among them");
    },

    "Commits of two handles to one run are applied one after the other": async (stage) => {
      const second = await stage.reopen();
      const id = await stage.start();
      const workers = [await stage.session(), await stage.session({}, second)];
      const starter = present(workers[0], "a worker");
      await starter.did(
        await starter.take(),
        fanOut(
          "branch",
          Array.from({ length: 40 }, (_, at) => String(at)),
        ),
      );
      const claims = [];
      for (const worker of workers) claims.push({ worker, items: (await worker.claim({ limit: 20 })).items });
      // A session has one request in flight; the two sessions send at the same time.
      await Promise.all(
        claims.map(async ({ worker, items }) => {
          for (const at of [0, 5, 10, 15]) {
            const commits = items
              .slice(at, at + 5)
              .map((claimed) =>
                commitOf(
                  claimed,
                  { ...next(), arrivals: [{ join: "join", of: "first", index: 0, value: new Uint8Array() }], width: 1 },
                  { delta: bytes("d"), writes: [0] },
                ),
              );
            await worker.send(commits);
          }
        }),
      );
      const run = await stage.state(id);
      equal(
        [run.sequence, run.completed, run.items, run.open],
        [40, 41, 42, 1],
        "sequence, completed, items and open items of the run",
      );
    },

    "A start under one key through two handles at once makes one run": async (stage) => {
      const second = await stage.reopen();
      const starts = Array.from({ length: 10 }, () => stage.startRequest({ idempotencyKey: "key" }));
      const outcomes = await Promise.all(
        starts.map((start, at) => (at % 2 === 0 ? stage.backend : second).startRuns([start])),
      );
      const kinds = outcomes.flat().map(({ kind }) => kind);
      equal(
        [kinds.filter((kind) => kind === "started").length, kinds.filter((kind) => kind === "existing").length],
        [1, 9],
        "started and existing",
      );
    },

    "Data outlives the handle that wrote it": async (stage) => {
      const id = await stage.start({ delta: { bytes: bytes("init"), writes: [0] } });
      const worker = await stage.session();
      await worker.did(await worker.take(), fanOut("branch", ["a", "b"]), { delta: bytes("d") });
      const second = await stage.reopen();
      const before = await dumpBackend(second);
      await stage.backend.close();
      equal(await dumpBackend(second), before, "everything after the first handle is closed");
      const third = await stage.reopen();
      equal(await dumpBackend(third), before, "everything through a third handle");
      const successor = await stage.session({}, third);
      equal((await successor.claim()).inputs, ["a", "b"], "what is claimed through it");
      equal((await third.read.runState(id))?.status, "running", "the status of the run");
    },
  },
  "secondHandle",
);

async function finish(stage: Stage, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  const worker = await stage.session({ leaseMs: 1_000_000_000 });
  for (let at = 0; at < count; at += 1) {
    ids.push(await stage.start({ idempotencyKey: `key-${at}` }));
    await worker.did(await worker.take(), output("done"), { delta: bytes("d") });
    await stage.clock.advance(10);
  }
  return ids;
}

const purgeCases = cases("retention", {
  "A purge removes runs that finished before the instant, oldest first": async (stage) => {
    const begin = stage.clock.now();
    const ids = await finish(stage, 5);
    equal(await stage.backend.purge({ before: begin + 30, limit: 2 }), 2, "runs removed at first");
    equal(
      [(await stage.backend.read.run(ids[1] ?? ""))?.id, (await stage.backend.read.run(ids[2] ?? ""))?.id],
      [undefined, ids[2]],
      "the second and third run",
    );
    equal(await stage.backend.purge({ before: begin + 30, limit: 100 }), 1, "runs removed then");
    equal(await stage.backend.purge({ before: begin + 30, limit: 100 }), 0, "runs removed at last");
    equal(
      (await stage.backend.read.runs({}, {})).entries.map(({ id }) => id),
      [ids[4], ids[3]],
      "runs that are left",
    );
  },

  "A purge removes everything of a run, and frees its key": async (stage) => {
    const [id = ""] = await finish(stage, 1);
    await stage.backend.purge({ before: stage.clock.now(), limit: 10 });
    const { read } = stage.backend;
    equal(
      [await read.run(id), (await read.items({}, {})).entries, (await read.deltas(id, {})).entries],
      [undefined, [], []],
      "its rows",
    );
    equal(
      (await stage.tryStart({ idempotencyKey: "key-0", input: bytes("other") })).kind,
      "started",
      "a start under its key with another input",
    );
  },

  "A purge never removes a run that is open": async (stage) => {
    const [running, paused] = [await stage.start(), await stage.start()];
    await stage.does({ kind: "pause", runId: paused });
    await stage.clock.advance(1_000_000);
    equal(await stage.backend.purge({ before: Number.MAX_SAFE_INTEGER, limit: 1_000 }), 0, "runs removed");
    equal(
      [(await stage.state(running)).status, (await stage.state(paused)).status],
      ["running", "paused"],
      "the statuses",
    );
  },

  "A run that was re-opened is not purged by when it had finished": async (stage) => {
    const id = await stage.start();
    await stage.does({ kind: "cancel", runId: id });
    await stage.clock.advance(1_000);
    await stage.does({ kind: "resume", runId: id });
    equal(await stage.backend.purge({ before: stage.clock.now(), limit: 10 }), 0, "runs removed");
  },

  "A purge forgets sessions that ended before the instant, and no others": async (stage) => {
    const [stopped, dead, alive] = [
      await stage.session(),
      await stage.session(),
      await stage.session({ leaseMs: 100 * LEASE_MS }),
    ];
    await stopped.signOff();
    await stage.clock.advance(2 * LEASE_MS);
    await alive.claim();
    await stage.clock.advance(1);
    await stage.backend.purge({ before: stage.clock.now(), limit: 1 });
    const left = (await stage.backend.read.sessions()).map(({ id }) => id);
    check(left.includes(alive.id), "the session that is alive is there");
    check(!left.includes(stopped.id) && !left.includes(dead.id), "the sessions that ended are forgotten");
    await throws(() => dead.claim(), "CLOSED", "a claim of a forgotten session");
  },

  "A session that still holds items is not forgotten before they were taken": async (stage) => {
    const id = await stage.start();
    const dead = await stage.session();
    await dead.take();
    await stage.clock.advance(10 * LEASE_MS);
    await stage.backend.purge({ before: stage.clock.now(), limit: 1 });
    const other = await stage.session();
    equal((await other.take()).item.stalls, 1, "stalls of the item");
    const [entry] = (await stage.backend.read.failures({ runId: id }, {})).entries;
    equal(entry?.workerId, `worker-of-${dead.id}`, "whose attempt it was");
  },
});

const closeCases = cases("closing", {
  "A closed backend refuses everything with CLOSED": async (stage) => {
    const { backend } = stage;
    const worker = await stage.session();
    await backend.close();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => backend.publish([], { replace: false }),
      () => backend.publish([ORDERS], { replace: false }),
      () => backend.startRuns([stage.startRequest()]),
      () => backend.openSession(stage.sessionRequest()),
      () => worker.claim(),
      () => worker.renew(),
      () => worker.signOff(),
      () => backend.control([{ action: { kind: "pause", runId: "x" } }]),
      () => backend.putMemo({ runId: "x", item: 0, epoch: 1, session: "s", name: "n", value: new Uint8Array() }),
      () => backend.putProgress({ runId: "x", item: 0, epoch: 1, session: "s", details: new Uint8Array() }),
      () => backend.read.progress("x", [0]),
      () => backend.putSnapshot({ runId: "x", sequence: 1, shape: "s", bytes: new Uint8Array() }),
      () => backend.purge({ before: 0, limit: 1 }),
      () => backend.read.run("x"),
      () => backend.read.runs({}, {}),
      () => backend.read.definitions(),
      () => backend.read.sessions(),
      () => backend.now(),
    ];
    for (const [at, call] of calls.entries()) await throws(call, "CLOSED", `call ${at}`);
  },

  "Closing waits for what is in flight, and may be asked for twice": async (stage) => {
    const starts = Array.from({ length: 20 }, () => stage.backend.startRuns([stage.startRequest()]));
    const closed = [stage.backend.close(), stage.backend.close()];
    const outcomes = (await Promise.all(starts)).flat();
    await Promise.all(closed);
    await stage.backend.close();
    equal(
      outcomes.map(({ kind }) => kind),
      outcomes.map(() => "started"),
      "the outcomes of what was in flight",
    );
  },

  "The backend's clock is the one that is moved": async (stage) => {
    const begin = await stage.backend.now();
    await stage.clock.advance(12_345);
    equal(
      [(await stage.backend.now()) - begin, await stage.backend.now()],
      [12_345, stage.clock.now()],
      "the backend's time",
    );
  },

  "A backend says what it can do": async ({ backend }) => {
    const { durability, shared, pushWakeups, renewal } = backend.capabilities;
    check(["none", "process", "power"].includes(durability), "its durability is one of the tiers");
    check(typeof shared === "boolean" && typeof pushWakeups === "boolean", "what it shares and pushes is yes or no");
    check(["thread", "inProcess", "main"].includes(renewal), "its renewal is one of the ways");
    equal(backend.renewalUrl !== undefined, renewal === "thread", "whether it has a URL for a second thread");
    equal(backend.attachSession !== undefined, renewal === "inProcess", "whether sessions can be attached");
  },
});

export const worldCases = [...namespaceCases, ...handleCases, ...purgeCases, ...closeCases];
