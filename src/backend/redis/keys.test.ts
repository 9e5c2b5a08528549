import fc from "fast-check";
import { expect, test } from "vitest";
import {
  branchPosition,
  entryMember,
  fromEntryMember,
  fromItemMember,
  fromKeyText,
  fromNumberText,
  itemMember,
  keyText,
  numberText,
  partitionKeys,
} from "./keys.ts";

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("\0", "\ud800", "\udc00", "\u0001", " ", '"', "\\", "a", "{", "}", "💧", "\n") }),
);
const plain = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });

/** As an index of Redis does: by bytes. */
function inIndex(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

test("every text has a key text of its own, without spaces, and comes back from it", () => {
  fc.assert(
    fc.property(hostile, hostile, (a, b) => {
      expect(fromKeyText(keyText(a))).toBe(a);
      expect(keyText(a)).not.toMatch(/\s/);
      expect(keyText(a).isWellFormed()).toBe(true);
      expect(keyText(a) === keyText(b)).toBe(a === b);
    }),
  );
});

test("numbers sort as text as they do as numbers", () => {
  fc.assert(
    fc.property(whole, whole, (a, b) => {
      expect(fromNumberText(numberText(a))).toBe(a);
      expect(Math.sign(inIndex(numberText(a), numberText(b)))).toBe(Math.sign(a - b));
    }),
  );
});

test("items sort by run, then number", () => {
  fc.assert(
    fc.property(plain, whole, plain, whole, (runA, itemA, runB, itemB) => {
      const order = runA === runB ? itemA - itemB : runA < runB ? -1 : 1;
      expect(Math.sign(inIndex(itemMember(runA, itemA), itemMember(runB, itemB)))).toBe(Math.sign(order));
    }),
  );
});

test("items and entries come back from their members, whatever their names are", () => {
  fc.assert(
    fc.property(hostile, whole, plain, (text, number, key) => {
      expect(fromItemMember(itemMember(text, number))).toEqual({ runId: text, item: number });
      expect(fromEntryMember(entryMember(text, key))).toEqual({ kind: text, key });
    }),
  );
});

test("branches sort by path, then commit, then index", () => {
  const paths = fc.stringMatching(/^([0-9a-z]{4}){0,3}$/);
  fc.assert(
    fc.property(paths, whole, whole, paths, whole, whole, (pathA, commitA, indexA, pathB, commitB, indexB) => {
      const byPath = pathA === pathB ? 0 : pathA < pathB ? -1 : 1;
      const order = byPath || commitA - commitB || indexA - indexB;
      const [a, b] = [branchPosition(pathA, commitA, indexA), branchPosition(pathB, commitB, indexB)];
      expect(Math.sign(inIndex(a, b))).toBe(Math.sign(order));
    }),
  );
});

test("all keys of a partition have one hash tag, which no name in them can end", () => {
  const keys = partitionKeys("mr", "orders", 3);
  const names = ["}", "{x}", "a} {b"];
  const all = names.flatMap((name) => [
    keys.run(name),
    keys.itemsOf(name),
    keys.byTag(name, name),
    keys.byKey(name, name),
    keys.checkpointBody(name, name),
  ]);
  for (const key of [...all, keys.due, keys.lanes]) expect(key.slice(0, key.indexOf("}") + 1)).toBe("{mr:orders:3}");
});
