/** Cases about documents: puts that come too late, their order, and that one which is due is not slept over. */

import type { DocumentRecord, PutDocument, PutOutcome } from "../../backend/contract/documents.ts";
import type { BackendOperations, Wakeup } from "../../backend/contract/operations.ts";
import type { Page, PageRequest } from "../../backend/contract/run.ts";
import { LIMITS } from "../../core/limits.ts";
import { cases } from "./conformance-case.ts";
import { check, equal, ofKind, present, throws } from "./expectation.ts";
import { bytes } from "./parts.ts";
import { allPages, type Stage } from "./stage.ts";

const KIND = "note";

type Content = Partial<Omit<PutDocument, "key">>;

async function tryPut(
  { documents }: Pick<BackendOperations, "documents">,
  key: string,
  content: Content = {},
): Promise<PutOutcome> {
  return await documents.put({ kind: KIND, key, json: "{}", ...content });
}

async function put(backend: BackendOperations, key: string, content: Content = {}): Promise<DocumentRecord> {
  return ofKind(await tryPut(backend, key, content), "put", `the put of ${key}`).document;
}

async function keysOf({ backend }: Stage, limit = 100, upTo?: number): Promise<readonly string[]> {
  const read = (page: PageRequest): Promise<Page<DocumentRecord>> => backend.documents.list(KIND, { ...page, upTo });
  return (await allPages(read, limit)).map(({ key }) => key);
}

/** Whether documents were told of while the work was done. */
async function tellsOfDocuments(stage: Stage, work: () => Promise<unknown>): Promise<boolean> {
  const heard: Wakeup[] = [];
  const stop = stage.backend.subscribe((wakeup) => heard.push(wakeup));
  await work();
  await stage.clock.advance(0);
  stop();
  return heard.some(({ kind }) => kind === "documents" || kind === "any");
}

const versionCases = cases("documents", {
  "A document comes back as it was put": async (stage) => {
    const { backend, clock } = stage;
    const json = JSON.stringify({ text: "\u0000 \u2028 \u{1f600} \ud800", nested: [1, { a: null }] });
    const value = Uint8Array.from({ length: 256 }, (_, at) => at);
    const document = await put(backend, "one", { json, value, at: 12_345 });
    const { version } = document;
    equal(document, { kind: KIND, key: "one", version, json, value, at: 12_345, changedAt: clock.now() }, "the answer");
    equal(await backend.documents.get(KIND, "one"), document, "what is read");
    equal((await backend.documents.list(KIND, {})).entries, [document], "what is listed");
    value.fill(0);
    check((await backend.documents.get(KIND, "one"))?.value?.[255] === 255, "it is kept apart from the caller's bytes");
  },

  "A document that was never put is not there": async ({ backend }) => {
    equal(await backend.documents.get(KIND, "nothing"), undefined, "what is read");
    equal(await backend.documents.remove({ kind: KIND, key: "nothing" }), { kind: "absent" }, "its removal");
  },

  "Documents of two kinds may have the same key": async ({ backend }) => {
    await put(backend, "one", { json: '"a note"' });
    await put(backend, "one", { kind: "other", json: '"another"', expectedVersion: 0 });
    equal((await backend.documents.get(KIND, "one"))?.json, '"a note"', "the first");
    await backend.documents.remove({ kind: KIND, key: "one" });
    equal((await backend.documents.get("other", "one"))?.json, '"another"', "the second");
    equal((await backend.documents.list(KIND, {})).entries, [], "the list of the first kind");
  },

  "A put over another version than the one it expects changes nothing and tells what is there": async (stage) => {
    const { backend } = stage;
    const first = await put(backend, "one", { expectedVersion: 0, json: '"first"', at: 1 });
    for (const expectedVersion of [0, first.version - 1, first.version + 1]) {
      const late = await tryPut(backend, "one", { json: '"late"', at: 2, value: bytes("late"), expectedVersion });
      equal(late, { kind: "conflict", document: first }, `the put over ${expectedVersion}`);
    }
    const overNothing = await tryPut(backend, "none", { expectedVersion: first.version });
    equal(overNothing, { kind: "conflict", document: undefined }, "a put over nothing");
    equal(await backend.documents.get(KIND, "one"), first, "what is there");
    const second = await put(backend, "one", { expectedVersion: first.version, json: '"second"' });
    check(second.version > first.version, "the version grows");
    equal((await put(backend, "one")).json, "{}", "a put that expects nothing");
  },

  "Of many puts over the same version one wins": async ({ backend }) => {
    const { version } = await put(backend, "one");
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) => tryPut(backend, "one", { json: String(at), expectedVersion: version })),
    );
    const winners = outcomes.flatMap(({ kind }, at) => (kind === "put" ? [at] : []));
    equal(winners.length, 1, "puts that won");
    equal((await backend.documents.get(KIND, "one"))?.json, String(winners[0]), "what is there");
  },

  "A document that was removed and put again has a higher version than before": async (stage) => {
    const { backend, clock } = stage;
    const old = await put(backend, "one", { at: clock.now() + 5 });
    const conflict = await backend.documents.remove({ kind: KIND, key: "one", expectedVersion: old.version + 1 });
    equal(conflict, { kind: "conflict", document: old }, "a removal of another version");
    const removal = { kind: KIND, key: "one", expectedVersion: old.version };
    equal(await backend.documents.remove(removal), { kind: "removed" }, "the removal");
    equal(await backend.documents.remove(removal), { kind: "absent" }, "the removal again");
    equal(await keysOf(stage), [], "the list");
    await clock.advance(10);
    const made = await put(backend, "one", { expectedVersion: 0 });
    check(made.version > old.version, "the version has grown");
    const late = await tryPut(backend, "one", { expectedVersion: old.version });
    equal(late.kind, "conflict", "a put of somebody who holds the old one");
  },

  "What is no name, no instant or too large is refused": async ({ backend }) => {
    const { documents } = backend;
    for (const name of ["", "..", "a/b", "a b", "x".repeat(129), "a\0b", "__proto__", "ä"]) {
      await throws(() => tryPut(backend, name), "INVALID_VALUE", `the key ${JSON.stringify(name)}`);
      await throws(() => tryPut(backend, "one", { kind: name }), "INVALID_VALUE", `the kind ${JSON.stringify(name)}`);
      await throws(() => documents.get(KIND, name), "INVALID_VALUE", "reading such a key");
      await throws(() => documents.remove({ kind: KIND, key: name }), "INVALID_VALUE", "removing such a key");
      await throws(() => documents.list(name, {}), "INVALID_VALUE", "listing such a kind");
    }
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, 0.5, 8_640_000_000_000_001])
      await throws(() => tryPut(backend, "one", { at }), "INVALID_VALUE", `the instant ${at}`);
    const json = " ".repeat(LIMITS.documentBytes);
    await throws(() => tryPut(backend, "one", { json, value: bytes("x") }), "PAYLOAD_TOO_LARGE", "a byte too much");
    equal((await put(backend, "one", { json })).json.length, json.length, "as large as may be");
  },

  "Namespaces do not share documents": async (stage) => {
    const other = await stage.world("other");
    await put(stage.backend, "one", { at: stage.clock.now() });
    equal(await other.backend.documents.get(KIND, "one"), undefined, "the document in the other namespace");
    equal(await keysOf(other), [], "its list");
    await put(other.backend, "one", { expectedVersion: 0, json: '"theirs"' });
    equal((await stage.backend.documents.get(KIND, "one"))?.json, "{}", "the first one");
  },

  "A closed backend refuses documents": async ({ backend }) => {
    const { documents } = backend;
    await backend.close();
    await throws(() => tryPut(backend, "one"), "CLOSED", "a put");
    await throws(() => documents.get(KIND, "one"), "CLOSED", "a look");
    await throws(() => documents.list(KIND, {}), "CLOSED", "a list");
    await throws(() => documents.remove({ kind: KIND, key: "one" }), "CLOSED", "a removal");
  },
});

const listCases = cases("lists of documents", {
  "Documents are listed by when they are due, then by key, those that never are last": async (stage) => {
    const due: readonly (readonly [string, number | undefined])[] = [
      ["b", 500],
      ["never-b", undefined],
      ["a", 500],
      ["Z", 500],
      ["late", 9_000_000_000_000],
      ["never-a", undefined],
      ["before", -5],
      ["first", 0],
    ];
    for (const [key, at] of due) await put(stage.backend, key, { at });
    const sorted = ["before", "first", "Z", "a", "b", "late", "never-a", "never-b"];
    for (const limit of [1, 3, 8, 9]) equal(await keysOf(stage, limit), sorted, `in pages of ${limit}`);
    equal(await keysOf(stage, 2, 500), sorted.slice(0, 5), "up to an instant, which counts");
    equal(await keysOf(stage, 2, 499), sorted.slice(0, 2), "up to a moment before");
    equal((await stage.backend.documents.list(KIND, { limit: 8 })).cursor, undefined, "the cursor of a full last page");
  },

  "A document that is put again lies only where it belongs now": async (stage) => {
    await put(stage.backend, "moves", { at: 100 });
    await put(stage.backend, "stays", { at: 200 });
    await put(stage.backend, "moves", { at: 300 });
    equal(await keysOf(stage), ["stays", "moves"], "the list");
    await put(stage.backend, "stays");
    equal(await keysOf(stage), ["moves", "stays"], "the list when one is never due");
    equal(await keysOf(stage, 10, 1_000), ["moves"], "what is due by then");
  },

  "A cursor of the list of another kind is refused": async ({ backend }) => {
    for (const key of ["a", "b"]) await put(backend, key);
    const { cursor } = await backend.documents.list(KIND, { limit: 1 });
    check(cursor !== undefined, "the list has a second page");
    await throws(() => backend.documents.list("other", { cursor }), "INVALID_VALUE", "the cursor of another kind");
    await throws(() => backend.documents.list(KIND, { limit: 0 }), "INVALID_VALUE", "a page of nothing");
  },
});

const dueCases = cases("documents that are due", {
  "Whoever claims, or renews, tells of a document that is due, and goes on telling until it is put again": async (
    stage,
  ) => {
    const { backend, clock } = stage;
    const worker = await stage.session({ leaseMs: 3_600_000 });
    const document = await put(backend, "one", { at: clock.now() + 60_000 });
    await clock.advance(59_000);
    equal(await tellsOfDocuments(stage, () => worker.claim()), false, "told before it is due");
    await clock.advance(3_000);
    check(await tellsOfDocuments(stage, () => worker.claim()), "a claim tells of it");
    check(!(await tellsOfDocuments(stage, () => worker.claim())), "not again at once");
    for (let again = 0; again < 3; again += 1) {
      await clock.advance(300_000);
      check(await tellsOfDocuments(stage, () => worker.renew()), "a renewal tells of it again");
    }
    equal(await backend.documents.get(KIND, "one"), document, "the document itself stays as it is");
    await put(backend, "one", { expectedVersion: document.version });
    await clock.advance(300_000);
    check(!(await tellsOfDocuments(stage, () => worker.claim())), "nobody tells of it any more");
  },

  "Many documents that are due keep nobody from claiming": async (stage) => {
    const { backend, clock } = stage;
    await Promise.all(Array.from({ length: 600 }, (_, at) => put(backend, `d${at}`, { at: clock.now() - at })));
    await clock.advance(2_000);
    const id = await stage.start();
    const worker = await stage.session();
    equal((await worker.take()).item.runId, id, "the run of the claimed item");
  },
});

const peekCases = cases(
  "documents and peeks",
  {
    "An idle worker does not sleep over a document": async (stage) => {
      const { backend, clock } = stage;
      const worker = await stage.session({ leaseMs: 3_600_000 });
      const at = clock.now() + 60_000;
      await put(backend, "one", { at });
      const { ready, nextDueAt } = await worker.peek();
      const wakesAt = present(nextDueAt, "when to look again");
      equal([ready, wakesAt >= at && wakesAt <= at + 2_000], [false, true], "the look before");
      await clock.advance(wakesAt - clock.now());
      equal((await worker.peek()).ready, true, "the look when it is due");
      check(await tellsOfDocuments(stage, () => worker.claim()), "the claim that follows tells of it");
      equal((await worker.peek()).ready, false, "the look after that");
      await backend.documents.remove({ kind: KIND, key: "one" });
      equal(
        (await worker.peek()).nextDueAt === undefined || (await worker.peek()).ready === false,
        true,
        "once removed",
      );
    },
  },
  "peek",
);

const handleCases = cases(
  "handles on documents",
  {
    "Of puts through two handles at once one wins each version": async (stage) => {
      const second = await stage.reopen();
      let { version } = await put(stage.backend, "one");
      for (let round = 0; round < 10; round += 1) {
        const expectedVersion = version;
        const outcomes = await Promise.all(
          [stage.backend, second, stage.backend, second].map((backend) => tryPut(backend, "one", { expectedVersion })),
        );
        equal(outcomes.filter(({ kind }) => kind === "put").length, 1, `puts over version ${version} that won`);
        const now = present(await second.documents.get(KIND, "one"), "the document");
        check(now.version > version, "the version has grown");
        version = now.version;
      }
    },
  },
  "secondHandle",
);

export const documentCases = [...versionCases, ...listCases, ...dueCases, ...peekCases, ...handleCases];
