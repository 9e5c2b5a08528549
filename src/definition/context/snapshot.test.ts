// That a snapshot comes back equal is a law of `fold.test.ts`; here is what it does with what is no snapshot of its own.

import { expect, test } from "vitest";
import { applyDelta } from "./delta.ts";
import { context, field } from "./field.ts";
import { shapeOf } from "./shape.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { type ContextState, initialState } from "./state.ts";

const shape = shapeOf(
  context({ log: field.eventLog<unknown>(), total: field.counter(), words: field.register<unknown>(null) }),
);
const changed = shapeOf(
  context({ log: field.eventLog<unknown>(), total: field.counter(1), words: field.register<unknown>(null) }),
);
const stamp = { item: "i", epoch: 1, at: 1 };

function stateOf(...events: unknown[]): ContextState {
  return applyDelta(
    shape,
    initialState(shape),
    [
      ["log", "append", events],
      ["total", "add", 0.1],
    ],
    stamp,
  );
}

test("a snapshot of another shape is ignored", () => {
  expect(decodeSnapshot(changed, encodeSnapshot(shape, stateOf("a")))).toBeUndefined();
  expect(decodeSnapshot(shapeOf(undefined), encodeSnapshot(shape, stateOf()))).toBeUndefined();
});

test("a snapshot cut or changed anywhere is corruption, or of another shape, but never another state", () => {
  const bytes = encodeSnapshot(shape, stateOf({ text: "line\nfeed\u2028" }, "\ud800", -0));
  const whole = encodeSnapshot(shape, decodeSnapshot(shape, bytes) ?? initialState(shape));
  expect(whole).toEqual(bytes);
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeSnapshot(shape, bytes.subarray(0, length))).toThrow(
      expect.objectContaining({ code: "BACKEND_CORRUPT" }),
    );
  }
  expect(() => decodeSnapshot(shape, new Uint8Array([...bytes, ...bytes]))).toThrow(
    expect.objectContaining({ code: "BACKEND_CORRUPT" }),
  );
  for (const text of ["\n", "{}\n", "null\n", "[]\n", '{"format":1,"shape":"x"}\n', "x\n"]) {
    expect(() => decodeSnapshot(shape, new TextEncoder().encode(text))).toThrow(
      expect.objectContaining({ code: "BACKEND_CORRUPT" }),
    );
  }
});

test("a context larger than one payload, with more keys than one payload may have, fits into a snapshot", () => {
  const wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`key ${at}`, "some text of some length"]));
  const state = stateOf(...Array.from({ length: 120 }, () => wide));
  const bytes = encodeSnapshot(shape, state);
  expect(bytes.length).toBeGreaterThan(2_000_000);
  expect(encodeSnapshot(shape, decodeSnapshot(shape, bytes) ?? initialState(shape)).length).toBe(bytes.length);
});
