import { expect, test } from "vitest";
import type { Entry } from "../synchronous/row-store.ts";
import { createMemoryStore } from "./memory-store.ts";

const entry: Entry = {
  kind: "wait",
  key: "k",
  runId: undefined,
  facts: "{}",
  value: undefined,
  places: [{ list: "waits", at: 5 }],
};

test("an entry that is put again lies in its lists once, and one that is removed in none", async () => {
  const { store, executor } = createMemoryStore();
  const listed = () => store.entries("waits", { limit: 10 }).map(({ facts }) => facts);
  await executor.write(() => store.putEntry(entry));
  await executor.write(() => store.putEntry({ ...entry, facts: '{"again":true}' }));
  expect(listed()).toEqual(['{"again":true}']);
  await executor.write(() => store.removeEntry(entry));
  expect(listed()).toEqual([]);
});

test("a step that fails leaves the lists as they were", async () => {
  const { store, executor } = createMemoryStore();
  await executor.write(() => store.putEntry(entry));
  const failing = executor.write(() => {
    store.putEntry({ ...entry, places: [{ list: "waits", at: 7 }] });
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(store.entries("waits", { upTo: 5, limit: 10 })).toEqual([entry]);
  expect(store.entries("waits", { limit: 10 })).toEqual([entry]);
});
