import fc from "fast-check";
import { expect, test } from "vitest";
import {
  effectOf,
  LiveLines,
  perform,
  readChange,
  recorded,
  writeChange,
} from "../../../examples/custom-backend/row-changes.ts";
import { memoryRows, type RowStore } from "../../../src/backend.ts";

const KINDS = ["a", "a b"];
const KEYS = ["k", "b k", "c"];

/** A change to records of one or another run, or of none. */
const change = fc.record({
  what: fc.constantFrom("put", "put", "put", "remove", "removeRun", "checkpoint", "append", "removeCheckpoint"),
  kind: fc.constantFrom(...KINDS),
  key: fc.constantFrom(...KEYS),
  runId: fc.constantFrom(undefined, "one", "two"),
  at: fc.nat(3),
});
type Drawn = typeof change extends fc.Arbitrary<infer T> ? T : never;

function make(store: RowStore, { what, kind, key, runId, at }: Drawn): void {
  const value = new Uint8Array([at]);
  const id = runId ?? "none";
  const record = { id, version: at, status: "running", savedAt: at, bytes: 1 } as const;
  switch (what) {
    case "put":
      return store.putEntry({ kind, key, runId, facts: `{"at":${at}}`, value, places: [{ list: `of ${kind}`, at }] });
    case "remove":
      return store.removeEntry({ kind, key, runId });
    case "removeRun":
      return runId === undefined ? undefined : store.removeRun(runId);
    case "checkpoint":
      return store.putCheckpoint(record, value);
    case "append":
      return store.appendCheckpoint(record, value);
    default:
      return store.removeCheckpoint(id);
  }
}

function contentOf(store: RowStore): unknown {
  const entries = KINDS.flatMap((kind) => KEYS.map((key) => store.entry(kind, key)));
  const lists = KINDS.map((kind) => store.entries(`of ${kind}`, { limit: 100 }));
  const bodies = ["none", "one", "two"].map((id) => [store.checkpoint(id), store.checkpointBody(id)]);
  return [entries, lists, bodies];
}

test("the lines that still count give the same rows as all lines, and are no more than there are rows", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (drawn) => {
      const rows = memoryRows();
      const live = new LiveLines();
      const lines: string[] = [];
      const store = recorded(rows.store, (made) => {
        live.note(effectOf(made, rows.store), { at: lines.length, length: 1 });
        lines.push(writeChange(made));
      });
      for (const one of drawn) await rows.executor.write(() => make(store, one));
      const again = memoryRows();
      for (const { at } of live.places()) {
        const read = readChange(lines[at] ?? "");
        if (read !== undefined) await again.executor.write(() => perform(again.store, read));
      }
      expect(contentOf(again.store)).toEqual(contentOf(rows.store));
      const appended = drawn.filter(({ what }) => what === "append").length;
      expect(live.places().length).toBeLessThanOrEqual(KINDS.length * KEYS.length + 3 + appended);
    }),
    { numRuns: 500, seed: 1 },
  );
});
