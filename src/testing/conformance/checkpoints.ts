/** Cases about checkpoints: versions, saves that come too late, lists without bodies, and clean-ups that take only what is old. */

import type { CheckpointRecord, SaveCheckpoint, SaveOutcome } from "../../backend/contract/checkpoints.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { RunStatus } from "../../core/status.ts";
import { cases } from "./conformance-case.ts";
import { check, equal, ofKind, present, throws } from "./expectation.ts";
import { bytes } from "./parts.ts";
import { allPages, type Stage } from "./stage.ts";

type Save = Partial<Omit<SaveCheckpoint, "id">>;

async function trySave({ checkpoints }: BackendOperations, id: string, save: Save = {}): Promise<SaveOutcome> {
  return await checkpoints.save({ id, status: "running", body: bytes("body"), ...save });
}

async function saved({ backend }: Pick<Stage, "backend">, id: string, save: Save = {}): Promise<CheckpointRecord> {
  return ofKind(await trySave(backend, id, save), "saved", `the save of ${id}`).record;
}

async function idsOf({ backend }: Stage, status?: readonly RunStatus[], limit = 100): Promise<readonly string[]> {
  return (await allPages((page) => backend.checkpoints.list({ status }, page), limit)).map(({ id }) => id);
}

const versionCases = cases("checkpoints", {
  "A checkpoint comes back as it was saved": async (stage) => {
    const body = Uint8Array.from({ length: 256 }, (_, at) => at);
    const record = await saved(stage, "one", { status: "waiting", body });
    equal(
      record,
      { id: "one", version: 1, status: "waiting", savedAt: stage.clock.now(), bytes: 256 },
      "what the save tells",
    );
    equal(await stage.backend.checkpoints.load("one"), { record, body }, "what is loaded");
  },

  "A checkpoint that was never saved is not there": async ({ backend }) => {
    equal(await backend.checkpoints.load("nothing"), undefined, "what is loaded");
  },

  "Each save is one version more than the one before": async (stage) => {
    const versions: number[] = [];
    for (let at = 0; at < 5; at += 1) {
      await stage.clock.advance(10);
      versions.push((await saved(stage, "one", { body: bytes(`body ${at}`) })).version);
    }
    equal(versions, [1, 2, 3, 4, 5], "the versions");
    const loaded = present(await stage.backend.checkpoints.load("one"), "the checkpoint");
    equal([loaded.body, loaded.record.savedAt], [bytes("body 4"), stage.clock.now()], "the last one");
    equal((await saved(stage, "two")).version, 1, "the version of another id");
  },

  "A body is kept apart from the bytes of who saved or loaded it": async (stage) => {
    const body = bytes("kept");
    await saved(stage, "one", { body });
    body.fill(0);
    const loaded = present(await stage.backend.checkpoints.load("one"), "the checkpoint");
    loaded.body.fill(0);
    equal((await stage.backend.checkpoints.load("one"))?.body, bytes("kept"), "what is loaded again");
  },

  "Bodies may be empty or larger than any payload": async (stage) => {
    equal((await saved(stage, "empty", { body: new Uint8Array() })).bytes, 0, "the bytes of an empty body");
    const body = new Uint8Array(3_000_000).fill(7);
    equal((await saved(stage, "large", { body })).bytes, body.length, "the bytes of a large body");
    equal((await stage.backend.checkpoints.load("large"))?.body.length, body.length, "what is loaded");
    equal((await stage.backend.checkpoints.load("empty"))?.body.length, 0, "what is loaded of the empty one");
  },

  "A save that expects another version changes nothing and tells the one that is there": async (stage) => {
    const first = await saved(stage, "one", { expectedVersion: 0 });
    const { backend } = stage;
    for (const expectedVersion of [0, 2, 7]) {
      const outcome = await trySave(backend, "one", { body: bytes("late"), expectedVersion, status: "failed" });
      equal(outcome, { kind: "conflict", version: 1 }, `the save that expects ${expectedVersion}`);
    }
    equal(
      await trySave(backend, "none", { expectedVersion: 3 }),
      { kind: "conflict", version: 0 },
      "a save over nothing",
    );
    equal(await backend.checkpoints.load("one"), { record: first, body: bytes("body") }, "what is there");
    equal(await backend.checkpoints.load("none"), undefined, "what is there under the other id");
  },

  "Of many saves that expect the same version one wins": async (stage) => {
    await saved(stage, "one");
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        trySave(stage.backend, "one", { body: bytes(`body ${at}`), expectedVersion: 1 }),
      ),
    );
    const winners = outcomes.flatMap(({ kind }, at) => (kind === "saved" ? [at] : []));
    equal(winners.length, 1, "saves that won");
    const loaded = present(await stage.backend.checkpoints.load("one"), "the checkpoint");
    equal([loaded.record.version, loaded.body], [2, bytes(`body ${winners[0]}`)], "what is there");
  },

  "What is added stands behind what was there, as a version of its own": async (stage) => {
    await saved(stage, "one", { body: bytes("whole") });
    await stage.clock.advance(5);
    for (const [at, part] of ["+a", "", "+b"].entries()) {
      const request = { id: "one", status: "failed", body: bytes(part), expectedVersion: at + 1 } as const;
      ofKind(await stage.backend.checkpoints.append(request), "saved", `the addition ${at}`);
    }
    const record = { id: "one", version: 4, status: "failed", savedAt: stage.clock.now(), bytes: 9 };
    equal(await stage.backend.checkpoints.load("one"), { record, body: bytes("whole+a+b") }, "what is loaded");
    equal((await stage.backend.checkpoints.list({ status: ["failed"] }, {})).entries, [record], "what is listed");
    await saved(stage, "one", { body: bytes("anew") });
    equal((await stage.backend.checkpoints.load("one"))?.body, bytes("anew"), "what is loaded after a save");
  },

  "An addition to another version changes nothing, and one to nothing is a save": async (stage) => {
    const { checkpoints } = stage.backend;
    const add = (id: string, expectedVersion: number) =>
      checkpoints.append({ id, status: "running", body: bytes("+"), expectedVersion });
    await saved(stage, "one");
    for (const expectedVersion of [0, 2])
      equal(await add("one", expectedVersion), { kind: "conflict", version: 1 }, `the addition to ${expectedVersion}`);
    equal(await add("none", 1), { kind: "conflict", version: 0 }, "an addition to what is not there");
    equal(ofKind(await add("none", 0), "saved", "an addition to nothing").record.version, 1, "its version");
    equal((await checkpoints.load("one"))?.body, bytes("body"), "what is there");
    const body = bytes("kept");
    ofKind(await checkpoints.append({ id: "one", status: "running", body, expectedVersion: 1 }), "saved", "one more");
    body.fill(0);
    equal((await checkpoints.load("one"))?.body, bytes("bodykept"), "what is there then");
    await checkpoints.delete("one");
    await saved(stage, "one");
    equal((await checkpoints.load("one"))?.body, bytes("body"), "what is there after it was deleted and saved");
  },

  "Deleting is idempotent, and versions begin anew after it": async (stage) => {
    const { checkpoints } = stage.backend;
    await saved(stage, "one");
    await saved(stage, "one");
    await saved(stage, "other");
    equal(
      [await checkpoints.delete("one"), await checkpoints.delete("one"), await checkpoints.delete("never")],
      [true, false, false],
      "whether there was one",
    );
    equal(await checkpoints.load("one"), undefined, "what is loaded");
    equal((await saved(stage, "one", { expectedVersion: 0 })).version, 1, "the version of the next save");
    equal(await idsOf(stage), ["one", "other"], "the list");
  },

  "What is no name is no id of a checkpoint": async ({ backend }) => {
    for (const id of ["", "..", "a/b", "a b", "x".repeat(129), "a\0b"])
      await throws(() => trySave(backend, id), "INVALID_VALUE", `the id ${JSON.stringify(id)}`);
    const addition = { id: "..", status: "running", body: bytes("+"), expectedVersion: 0 } as const;
    await throws(() => backend.checkpoints.append(addition), "INVALID_VALUE", "an addition to such an id");
  },

  "Namespaces do not share checkpoints": async (stage) => {
    const other = await stage.world("other");
    await saved(stage, "one");
    equal(await other.backend.checkpoints.load("one"), undefined, "the checkpoint in the other namespace");
    equal((await saved(other, "one", { expectedVersion: 0 })).version, 1, "the version in the other namespace");
    const before = stage.clock.now();
    await stage.clock.advance(1_000);
    const all = { olderThanMs: 0, statuses: ["running"] as const, limit: 100 };
    equal(await other.backend.checkpoints.cleanup(all), 1, "what a clean-up of the other namespace removes");
    equal((await stage.backend.checkpoints.load("one"))?.record.savedAt, before, "the first one");
  },

  "A closed backend refuses checkpoints": async ({ backend }) => {
    const { checkpoints } = backend;
    await backend.close();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => trySave(backend, "one"),
      () => checkpoints.append({ id: "one", status: "running", body: bytes("+"), expectedVersion: 0 }),
      () => checkpoints.load("one"),
      () => checkpoints.delete("one"),
      () => checkpoints.list({}, {}),
      () => checkpoints.cleanup({ olderThanMs: 0, statuses: [], limit: 1 }),
    ];
    for (const [at, call] of calls.entries()) await throws(call, "CLOSED", `call ${at}`);
  },
});

const listCases = cases("lists of checkpoints", {
  "Checkpoints are listed by id, in pages that join up, without bodies": async (stage) => {
    const ids = ["b", "a.2", "a-1", "Z", "c_3", "a"];
    for (const id of ids) await saved(stage, id);
    const sorted = [...ids].sort();
    for (const limit of [1, 2, 4, 6, 7]) equal(await idsOf(stage, undefined, limit), sorted, `in pages of ${limit}`);
    const [first] = (await stage.backend.checkpoints.list({}, { limit: 1 })).entries;
    equal(
      first,
      { id: "Z", version: 1, status: "running", savedAt: stage.clock.now(), bytes: bytes("body").length },
      "an entry",
    );
    equal((await stage.backend.checkpoints.list({}, { limit: 6 })).cursor, undefined, "the cursor of a full last page");
  },

  "Checkpoints are listed by the status that they were last saved with": async (stage) => {
    for (const [at, status] of (["running", "failed", "completed", "failed"] as const).entries())
      await saved(stage, `c${at}`, { status });
    await saved(stage, "c1", { status: "completed" });
    equal(await idsOf(stage, ["failed"]), ["c3"], "failed ones");
    equal(await idsOf(stage, ["completed"], 1), ["c1", "c2"], "completed ones, page by page");
    equal(await idsOf(stage, ["failed", "running", "failed"], 1), ["c0", "c3"], "of two statuses, page by page");
    equal(await idsOf(stage, ["paused"]), [], "of a status that none has");
    equal(await idsOf(stage, []), [], "of no status");
  },

  "A cursor of another list is refused": async (stage) => {
    for (const id of ["a", "b"]) await saved(stage, id);
    await stage.start();
    await stage.start();
    const { cursor } = await stage.backend.read.runs({}, { limit: 1 });
    check(cursor !== undefined, "the list of runs has a second page");
    await throws(() => stage.backend.checkpoints.list({}, { cursor }), "INVALID_VALUE", "the cursor of a list of runs");
    await throws(() => stage.backend.checkpoints.list({}, { limit: 0 }), "INVALID_VALUE", "a page of nothing");
  },
});

const cleanupCases = cases("clean-ups of checkpoints", {
  "A clean-up removes what is older and of the statuses, longest ago first, and tells how many": async (stage) => {
    for (const [id, status] of [
      ["a", "completed"],
      ["b", "failed"],
      ["c", "running"],
      ["d", "completed"],
    ] as const) {
      await saved(stage, id, { status });
      await stage.clock.advance(1_000);
    }
    const { checkpoints } = stage.backend;
    const old = { olderThanMs: 1_000, statuses: ["completed", "failed"] as const, limit: 100 };
    equal(await checkpoints.cleanup({ ...old, limit: 1 }), 1, "removed at most one");
    equal(await idsOf(stage), ["b", "c", "d"], "left after the first");
    equal(await checkpoints.cleanup(old), 1, "removed");
    equal(await idsOf(stage), ["c", "d"], "left: one is running, one is exactly as old as asked");
    await stage.clock.advance(1);
    equal(await checkpoints.cleanup(old), 1, "removed a millisecond later");
    equal(await checkpoints.cleanup({ ...old, statuses: [] }), 0, "removed of no status");
    equal(await checkpoints.cleanup({ ...old, limit: 0 }), 0, "removed at most none");
  },

  "A checkpoint that was saved again is as young as its last save": async (stage) => {
    await saved(stage, "one", { status: "failed" });
    await stage.clock.advance(5_000);
    await saved(stage, "one", { status: "failed" });
    const old = { olderThanMs: 1_000, statuses: ["failed"] as const, limit: 10 };
    equal(await stage.backend.checkpoints.cleanup(old), 0, "removed");
    await stage.clock.advance(1_001);
    const [again, removed] = await Promise.all([
      trySave(stage.backend, "one", { status: "running", expectedVersion: 2 }),
      stage.backend.checkpoints.cleanup(old),
    ]);
    const left = await stage.backend.checkpoints.load("one");
    if (again.kind === "saved") equal([removed, left?.record.status], [0, "running"], "what was saved first stays");
    else equal([removed, left], [1, undefined], "what was removed first is gone");
  },

  "Purging runs leaves checkpoints alone": async (stage) => {
    await saved(stage, "one", { status: "completed" });
    await stage.clock.advance(1_000_000);
    await stage.backend.purge({ before: stage.clock.now(), limit: 100 });
    equal(await idsOf(stage), ["one"], "the list");
  },
});

const handleCases = cases(
  "handles on checkpoints",
  {
    "A second handle sees what the first saved, and its late saves are refused": async (stage) => {
      const second = await stage.reopen();
      const record = await saved(stage, "one");
      equal(await second.checkpoints.load("one"), { record, body: bytes("body") }, "what the second handle loads");
      await saved({ backend: second }, "one", { expectedVersion: 1, body: bytes("second") });
      equal(
        await trySave(stage.backend, "one", { expectedVersion: 1 }),
        { kind: "conflict", version: 2 },
        "the save of the first handle",
      );
      equal((await stage.backend.checkpoints.load("one"))?.body, bytes("second"), "what is there");
    },

    "Of saves through two handles at once one wins each version": async (stage) => {
      const second = await stage.reopen();
      for (let version = 0; version < 10; version += 1) {
        const outcomes = await Promise.all(
          [stage.backend, second, stage.backend, second].map((backend) =>
            trySave(backend, "one", { expectedVersion: version }),
          ),
        );
        equal(outcomes.filter(({ kind }) => kind === "saved").length, 1, `saves over version ${version} that won`);
      }
    },
  },
  "secondHandle",
);

export const checkpointCases = [...versionCases, ...listCases, ...cleanupCases, ...handleCases];
