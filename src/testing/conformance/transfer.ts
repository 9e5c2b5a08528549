/**
 * Cases about runs that are moved to another store, here another namespace: what arrives, what is left behind, what is
 * refused, and that nothing is there before it is whole.
 */

import { cases } from "./conformance-case.ts";
import { check, equal, ofKind, present, throws } from "./expectation.ts";
import { copyRun, exportParts, fullRun, importParts, largeOpenRun, partsOf, portrait } from "./moved-runs.ts";
import { arrive, bytes, fanOut, newItem, next, output, textOf } from "./parts.ts";
import { definitionOf } from "./stage.ts";

/** More than one part has. */
const MANY = 600;

const arrivalCases = cases("moving runs", {
  "A finished run arrives with everything of it": async (stage) => {
    const other = await stage.world("other");
    const id = await fullRun(stage, ["a", "b", "c"]);
    const before = await portrait(stage.backend, id);
    const { items, failures, outputs, arrivals } = before;
    equal(
      [items, failures, outputs, arrivals].map(({ length }) => length),
      [5, 1, 3, 3],
      "how much the run has",
    );
    await copyRun(stage.backend, other.backend, id);
    equal(await portrait(other.backend, id), before, "the run in the other store");
    equal(await portrait(stage.backend, id), before, "the run where it came from");
  },

  "A run of many parts arrives as it was": async (stage) => {
    const other = await stage.world("other");
    const id = await fullRun(
      stage,
      Array.from({ length: MANY }, (_, at) => `value ${at}`),
    );
    const parts = await copyRun(stage.backend, other.backend, id);
    check(parts.length > 2, `the run has ${parts.length} parts`);
    equal(await portrait(other.backend, id), await portrait(stage.backend, id), "the run in the other store");
    equal(await partsOf(other.backend, id), parts, "the parts that the other store exports");
  },

  "A definition comes with its run": async (stage) => {
    const other = await stage.world("other");
    const fresh = definitionOf("fresh", "2.0.0");
    await stage.publish(fresh);
    const id = await stage.start({ definition: fresh.hash, workflow: "fresh", version: "2.0.0" });
    await stage.does({ kind: "cancel", runId: id });
    await copyRun(stage.backend, other.backend, id);
    equal(
      await other.backend.read.definition(fresh.hash),
      await stage.backend.read.definition(fresh.hash),
      "the definition in the other store",
    );
    equal(await other.backend.publish([fresh], { replace: false }), [{ kind: "published" }], "publishing it again");
  },

  "A name and version that stand for another definition go on to stand for that": async (stage) => {
    const other = await stage.world("other");
    const [ours, theirs] = [definitionOf("changed", "1", "ours"), definitionOf("changed", "1", "theirs")];
    await stage.publish(ours);
    await other.publish(theirs);
    const id = await stage.start({ definition: ours.hash, workflow: "changed", version: "1" });
    await stage.does({ kind: "cancel", runId: id });
    await copyRun(stage.backend, other.backend, id);
    equal((await other.backend.read.definition(ours.hash))?.json, ours.json, "the definition of the run");
    equal(await other.backend.publish([theirs], { replace: false }), [{ kind: "published" }], "the name stands for");
    ofKind(
      present((await other.backend.publish([ours], { replace: false }))[0], "the outcome"),
      "conflict",
      "the other",
    );
  },

  "An open run arrives paused, and goes on there where it was": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("branch", ["a", "b"]), { delta: bytes("1") });
    const claimed = (await worker.claim({ limit: 1 })).of("a");
    await copyRun(stage.backend, other.backend, id);
    equal((await other.state(id)).status, "paused", "the status where it arrived");
    equal(
      (await other.backend.read.items({ runId: id }, {})).entries.map(({ status, epoch }) => [status, epoch]),
      [
        ["completed", 1],
        ["pending", 1],
        ["pending", 0],
      ],
      "the items and their epochs",
    );
    const there = await other.session();
    await there.takesNothing("a paused run is not worked on");
    await other.does({ kind: "resume", runId: id });
    const { items } = await there.claim();
    equal(items.map(({ item }) => item.epoch).sort(), [1, 2], "epochs go on from where they were");
    for (const taken of items) await there.did(taken, arrive("join", "first", textOf(taken.input)));
    const join = await there.take();
    equal([join.item.node, join.run.sequence], ["join", 1], "the join, and the context that it sees");
    equal(
      (await other.backend.read.arrivals(id, 0, "join", {})).entries.map(({ value }) => textOf(value)),
      ["a", "b"],
      "the arrivals",
    );
    await there.did(join, output("ab"));
    equal((await other.state(id)).status, "completed", "the status in the end");
    await worker.did(claimed, arrive("join", "first", "a"));
    equal((await stage.state(id)).status, "running", "the status where it came from");
  },

  "Results of durable steps are there for the next attempt": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start();
    const worker = await stage.session();
    const { item } = await worker.take();
    const memo = { runId: id, item: 0, epoch: item.epoch, session: worker.id, name: "charge", value: bytes("receipt") };
    await stage.backend.putMemo(memo);
    await copyRun(stage.backend, other.backend, id);
    await other.does({ kind: "resume", runId: id });
    equal([...(await (await other.session()).take()).memos], [["charge", bytes("receipt")]], "the memos");
  },

  "Delays and timeouts keep their instants": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start({ first: { delayMs: 60_000 }, timeoutMs: 3_600_000 });
    const before = await stage.state(id);
    await copyRun(stage.backend, other.backend, id);
    await other.does({ kind: "resume", runId: id });
    const worker = await other.session();
    await worker.takesNothing("its delay is not over");
    await stage.clock.advance(60_000);
    equal((await worker.take()).run.id, id, "the run whose item is due");
    equal((await other.state(id)).timeoutAt, before.timeoutAt, "when the run's timeout is due");
  },

  "An idempotency key goes with its run": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start({ idempotencyKey: "order-17" });
    await copyRun(stage.backend, other.backend, id);
    equal(
      ofKind(await other.tryStart({ id: "later", idempotencyKey: "order-17" }), "existing", "a start").run.id,
      id,
      "its run",
    );
  },

  "A key that a newer run took over does not go with the older one": async (stage) => {
    const other = await stage.world("other");
    const older = await stage.start({ idempotencyKey: "order-17" });
    const newer = await stage.start({ idempotencyKey: "order-17", onConflict: "cancelRunning" });
    await copyRun(stage.backend, other.backend, older);
    equal((await other.run(older)).idempotencyKey, undefined, "the key of the older run");
    await copyRun(stage.backend, other.backend, newer);
    equal(
      ofKind(await other.tryStart({ id: "later", idempotencyKey: "order-17" }), "existing", "a start").run.id,
      newer,
      "its run",
    );
  },
});

const refusalCases = cases("moving runs", {
  "The same run twice is existing, and stays as it is": async (stage) => {
    const other = await stage.world("other");
    const id = await fullRun(stage, ["a"]);
    const parts = await copyRun(stage.backend, other.backend, id);
    const before = await portrait(other.backend, id);
    equal(await importParts(other.backend, parts, "import-2"), { kind: "existing" }, "the second import");
    equal(await importParts(stage.backend, parts), { kind: "existing" }, "the import where it came from");
    equal(await portrait(other.backend, id), before, "the run in the other store");
  },

  "A run that went on since is not replaced by its older state": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start();
    await stage.does({ kind: "pause", runId: id });
    const parts = await copyRun(stage.backend, other.backend, id);
    equal(await importParts(other.backend, parts, "import-2"), { kind: "existing" }, "the import while it is paused");
    await other.does({ kind: "resume", runId: id });
    const worker = await other.session();
    await worker.did(await worker.take(), output("done"));
    const conflict = { kind: "conflict", by: "id", runId: id };
    equal(await importParts(other.backend, parts, "import-3"), conflict, "the import of the older state");
    equal((await other.state(id)).status, "completed", "the status of the run");
  },

  "Another run with the same id is a conflict": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start();
    await other.start({ id, input: bytes("another") });
    const parts = await partsOf(stage.backend, id);
    equal(await importParts(other.backend, parts), { kind: "conflict", by: "id", runId: id }, "the import");
    equal((await other.run(id)).input, bytes("another"), "the input of the run that was there");
  },

  "Another run with the same idempotency key is a conflict": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start({ idempotencyKey: "order-17" });
    const holder = await other.start({ id: "holder", idempotencyKey: "order-17" });
    const outcome = await importParts(other.backend, await partsOf(stage.backend, id));
    equal(outcome, { kind: "conflict", by: "idempotencyKey", runId: holder }, "the import");
    equal(await other.backend.read.run(id), undefined, "the run that was not imported");
  },

  "An unknown run is absent": async (stage) => {
    const id = stage.newRunId();
    equal(await stage.backend.transfer.export(id), { kind: "absent" }, "the export");
    equal(await stage.backend.transfer.remove({ runId: id, mark: "m" }), "absent", "the removal");
  },

  "The parts of a run belong to one state of it": async (stage) => {
    const id = await largeOpenRun(stage, MANY);
    const first = ofKind(await stage.backend.transfer.export(id), "part", "the first part");
    await stage.does({ kind: "resume", runId: id });
    equal(await stage.backend.transfer.export(id, first.cursor), { kind: "changed" }, "the next part");
  },

  "A run is removed only as it was exported": async (stage) => {
    const id = await stage.start();
    const [exported] = await exportParts(stage.backend, id);
    const { mark } = present(exported, "the part");
    await stage.does({ kind: "pause", runId: id });
    equal(await stage.backend.transfer.remove({ runId: id, mark }), "changed", "the removal of what changed");
    equal((await stage.state(id)).status, "paused", "the status of the run");
    const again = present((await exportParts(stage.backend, id))[0], "the part");
    equal(await stage.backend.transfer.remove({ runId: id, mark: again.mark, actor: "me" }), "removed", "the removal");
    equal(await stage.backend.read.run(id), undefined, "the run that was removed");
    equal((await stage.backend.read.items({}, {})).entries, [], "the items of the store");
    const trail = (await stage.backend.read.audit(id, {})).entries.map(({ action, actor }) => [action, actor]);
    equal(trail.at(-1), ["delete", "me"], "the end of the audit trail");
  },

  "What is no part of a run is refused and changes nothing": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start({ idempotencyKey: "key" });
    await stage.does({ kind: "pause", runId: id });
    const part = present((await partsOf(stage.backend, id))[0], "the part");
    const head = present(part.head, "its head");
    const [row] = part.rows.items;
    const { item, payload } = present(row, "its item");
    const wrong = [
      { ...part, head: undefined },
      { ...part, number: -1 },
      { ...part, runId: stage.newRunId() },
      { ...part, head: { ...head, state: { ...head.state, status: "running" as const } } },
      { ...part, head: { ...head, state: { ...head.state, items: 2 } } },
      { ...part, head: { ...head, state: { ...head.state, generation: -1 } } },
      { ...part, head: { ...head, state: { ...head.state, definition: "f".repeat(32) } } },
      { ...part, rows: { ...part.rows, items: [] } },
      { ...part, rows: { ...part.rows, items: [{ item: { ...item, item: 1 }, payload }] } },
      { ...part, rows: { ...part.rows, items: [{ item: { ...item, runId: "another" }, payload }] } },
    ];
    for (const [at, one] of wrong.entries()) {
      const work = () => other.backend.transfer.import({ import: "import-1", part: one });
      await throws(work, "INVALID_VALUE", `part ${at} that is none`);
    }
    equal((await other.backend.read.runs({}, {})).entries, [], "runs of the other store");
    ofKind(await other.tryStart({ id: "later", idempotencyKey: "key" }), "started", "a start with the key");
  },
});

const stagedCases = cases("runs on their way", {
  "A run of many parts is not there until its last part is": async (stage) => {
    const other = await stage.world("other");
    const id = await largeOpenRun(stage, MANY);
    const parts = await partsOf(stage.backend, id);
    const worker = await other.session();
    for (const part of parts.slice(0, -1)) {
      equal(await other.backend.transfer.import({ import: "import-1", part }), { kind: "taken" }, "the outcome");
      const { read, transfer } = other.backend;
      equal(
        [await read.run(id), await read.runState(id), await read.item(id, 0), await read.contextTail(id, { after: 0 })],
        [undefined, undefined, undefined, undefined],
        "what is shown of the run",
      );
      equal((await read.runs({}, {})).entries, [], "runs");
      equal((await read.items({}, {})).entries, [], "items of all runs");
      equal((await read.items({ runId: id }, {})).entries, [], "items of the run");
      equal((await read.failures({}, {})).entries, [], "failures of all runs");
      equal(await read.backlog(), [], "the backlog");
      equal(await transfer.export(id), { kind: "absent" }, "an export of the run");
      await other.refuses({ kind: "resume", runId: id }, "RUN_NOT_FOUND");
      await other.refuses({ kind: "cancel", runId: id }, "RUN_NOT_FOUND");
      await worker.takesNothing("the run is not there");
    }
    await stage.clock.advance(100_000_000);
    equal(await other.backend.purge({ before: Number.MAX_SAFE_INTEGER, limit: 10 }), 0, "runs that were purged");
    const last = present(parts.at(-1), "the last part");
    equal(await other.backend.transfer.import({ import: "import-1", part: last }), { kind: "imported" }, "the outcome");
    equal((await other.state(id)).status, "paused", "the status of the run");
    await other.does({ kind: "resume", runId: id });
    const there = await other.session();
    equal((await there.claim()).items.length, 100, "items that are claimed");
  },

  "The id and the key of a run on its way are taken": async (stage) => {
    const other = await stage.world("other");
    const id = await largeOpenRun(stage, MANY);
    const parts = await partsOf(stage.backend, id);
    await importParts(other.backend, parts.slice(0, 1));
    for (const options of [{ id }, { id: "later", idempotencyKey: "large" }]) {
      equal(ofKind(await other.tryStart(options), "existing", "a start").run.id, id, "the run that is there");
    }
    const replacing = await other.tryStart({ id: "later", idempotencyKey: "large", onConflict: "cancelRunning" });
    equal(ofKind(replacing, "existing", "a start that would replace it").run.id, id, "the run that is there");
    equal(await importParts(other.backend, parts.slice(1)), { kind: "imported" }, "the rest of the import");
    equal(await portrait(other.backend, id), await portrait(stage.backend, id), "the run in the other store");
  },

  "A part that is sent again has one effect": async (stage) => {
    const other = await stage.world("other");
    const id = await fullRun(
      stage,
      Array.from({ length: MANY }, (_, at) => String(at)),
    );
    const parts = await partsOf(stage.backend, id);
    for (const part of parts) {
      const request = { import: "import-1", part };
      await other.backend.transfer.import(request);
      const again = await other.backend.transfer.import(request);
      equal(again, { kind: part.last ? "existing" : "taken" }, "the outcome of the second time");
    }
    equal(await portrait(other.backend, id), await portrait(stage.backend, id), "the run in the other store");
  },

  "A part out of its turn changes nothing": async (stage) => {
    const other = await stage.world("other");
    const id = await largeOpenRun(stage, MANY);
    const [first, second, third] = await partsOf(stage.backend, id);
    const parts = [present(first, "a part"), present(second, "a part"), present(third, "a part")] as const;
    const send = (part: (typeof parts)[number], name: string) => other.backend.transfer.import({ import: name, part });
    equal(await send(parts[1], "import-1"), { kind: "superseded" }, "a second part without a first");
    await send(parts[0], "import-1");
    equal(await send(parts[2], "import-1"), { kind: "superseded" }, "a third part without a second");
    equal(await send(parts[1], "import-2"), { kind: "superseded" }, "a part of another import");
    equal(await send(parts[1], "import-1"), { kind: "taken" }, "the second part");
  },

  "An import that begins anew takes the place of one that was broken off": async (stage) => {
    const other = await stage.world("other");
    const id = await largeOpenRun(stage, MANY);
    const parts = await partsOf(stage.backend, id);
    await importParts(other.backend, parts.slice(0, 2), "import-1");
    equal(await importParts(other.backend, parts, "import-2"), { kind: "imported" }, "the second import");
    equal(await portrait(other.backend, id), await portrait(stage.backend, id), "the run in the other store");
    const late = { import: "import-1", part: present(parts[2] ?? parts.at(-1), "a part of the first import") };
    check((await other.backend.transfer.import(late)).kind !== "imported", "the first import does not go on");
  },

  "What an import left behind can be deleted": async (stage) => {
    const other = await stage.world("other");
    const id = await largeOpenRun(stage, MANY);
    await importParts(other.backend, (await partsOf(stage.backend, id)).slice(0, 2));
    await other.does({ kind: "delete", runId: id });
    ofKind(await other.tryStart({ id: "later", idempotencyKey: "large" }), "started", "a start with its key");
  },

  "Large rows make small parts, and one larger than a part travels alone": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start({ completion: "all" });
    const worker = await stage.session();
    const big = (fill: number) => new Uint8Array(900_000).fill(fill);
    const items = [1, 2, 3].map((fill, index) => newItem("branch", { index, input: big(fill) }));
    await worker.did(await worker.take(), { ...next(), items, width: 3 }, { delta: big(4) });
    for (const claimed of (await worker.claim()).items)
      await worker.did(claimed, { ...output("x"), outputs: [{ index: 0, value: big(5) }] }, { delta: big(6) });
    const parts = await copyRun(stage.backend, other.backend, id);
    check(parts.length >= 9, `ten large rows make ${parts.length} parts`);
    equal(await portrait(other.backend, id), await portrait(stage.backend, id), "the run in the other store");
  },

  "Groups inside of groups arrive with what has reached their joins": async (stage) => {
    const other = await stage.world("other");
    const id = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), fanOut("inner", ["a", "b"], ["join", "late"]));
    const { items } = await worker.claim();
    for (const claimed of items) await worker.did(claimed, fanOut("leaf", ["1", "2"], ["innerJoin"]));
    const leaf = present((await worker.claim({ limit: 1 })).items[0], "a leaf");
    await worker.did(leaf, arrive("innerJoin", "inner", "one"));
    await stage.does({ kind: "pause", runId: id });
    const before = await portrait(stage.backend, id);
    equal([before.groups.length, before.arrivals.length], [3, 1], "groups and arrivals");
    await copyRun(stage.backend, other.backend, id);
    equal(await portrait(other.backend, id), before, "the run in the other store");
  },
});

const HOSTILE = ["__proto__", "constructor", "a\0b", "half \ud800", '\u0001"quoted"', ""];

const hostileCases = cases("moving runs", {
  "Hostile names, texts and bytes arrive as they are": async (stage) => {
    const other = await stage.world("other");
    const definition = definitionOf("\0\udfff", "__proto__");
    await stage.publish(definition);
    const value = Uint8Array.from({ length: 256 }, (_, at) => at);
    const id = await stage.start({
      definition: definition.hash,
      workflow: definition.name,
      version: definition.version,
      input: value,
      idempotencyKey: "\0",
      tags: Object.fromEntries(HOSTILE.map((text) => [text, text])),
      first: { node: "__proto__", labels: HOSTILE, keys: HOSTILE },
    });
    const worker = await stage.session({ definitions: [definition.hash], labels: HOSTILE });
    const claimed = await worker.take({ labels: HOSTILE });
    const { epoch } = claimed.item;
    for (const name of HOSTILE)
      await stage.backend.putMemo({ runId: id, item: 0, epoch, session: worker.id, name, value });
    await worker.did(claimed, fanOut("constructor", HOSTILE, HOSTILE), {
      delta: value,
      metrics: HOSTILE.map((name, at) => ({ name, value: at / 3 })),
      logs: HOSTILE.map((message) => ({ at: 1.5, level: "warn", message, data: JSON.stringify(message) })),
    });
    const branches = (await worker.claim()).items;
    for (const [at, branch] of branches.slice(0, 3).entries()) {
      const arrivals = [{ join: HOSTILE[at] ?? "", of: "__proto__", index: 0, value }];
      await worker.did(branch, { ...next(), arrivals, width: 1 });
    }
    const last = present(branches.at(-1), "a branch");
    await worker.did(last, { kind: "fail", failure: { code: "\0", message: "\ud800", details: { text: HOSTILE } } });
    await copyRun(stage.backend, other.backend, id);
    equal(await portrait(other.backend, id), await portrait(stage.backend, id), "the run in the other store");
    equal(await partsOf(other.backend, id), await partsOf(stage.backend, id), "its parts");
  },
});

export const transferCases = [...arrivalCases, ...refusalCases, ...stagedCases, ...hostileCases];
