import { describe, expect, it } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { abort, hold, isTransition, next, nextAll } from "./transition.ts";

const invalid = expect.objectContaining({ code: "INVALID_VALUE" });

describe("next", () => {
  it("emits its value, and null where none is given", () => {
    expect(next({ a: 1 })).toEqual({ kind: "next", value: { a: 1 } });
    expect(next()).toEqual({ kind: "next", value: null });
  });

  it("keeps an undefined value, for the store to refuse, instead of turning it into null", () => {
    expect(next(undefined)).toStrictEqual({ kind: "next", value: undefined });
  });

  it("carries a delay in milliseconds and a priority", () => {
    expect(next(1, { delay: "1.5s", priority: -2 })).toEqual({ kind: "next", value: 1, delayMs: 1500, priority: -2 });
    expect(next(1, { delay: undefined, priority: undefined })).toStrictEqual({ kind: "next", value: 1 });
  });

  it("takes a delay that is over already for none", () => {
    expect(next(1, { delay: -5 })).toMatchObject({ delayMs: 0 });
  });

  it("refuses a delay or priority that is none", () => {
    expect(() => next(1, { delay: Number.NaN })).toThrow(invalid);
    expect(() => next(1, { priority: 0.5 })).toThrow(invalid);
  });

  it("is frozen, and so is a nextAll with its list", () => {
    expect(Object.isFrozen(next(1))).toBe(true);
    expect(Object.isFrozen(nextAll([1]).values)).toBe(true);
  });
});

describe("nextAll", () => {
  it("emits its values in order, as they were when it was called", () => {
    const values = [3, 1, 2];
    const emitted = nextAll(values);
    values.push(4);
    expect(emitted).toEqual({ kind: "nextAll", values: [3, 1, 2] });
  });

  it("may be empty, and takes options", () => {
    expect(nextAll([], { delay: 5 })).toEqual({ kind: "nextAll", values: [], delayMs: 5 });
  });

  it("refuses what is no array", () => {
    expect(() => Reflect.apply(nextAll, undefined, ["abc"])).toThrow(invalid);
  });
});

describe("abort", () => {
  it("carries a reason, a code and details", () => {
    expect(abort("empty order")).toEqual({ kind: "abort", code: "ABORTED", message: "empty order" });
    expect(abort("no", { code: "EMPTY", details: { n: 0 } })).toEqual({
      kind: "abort",
      code: "EMPTY",
      message: "no",
      details: { n: 0 },
    });
  });

  it("takes over the message, stack and code of an error", () => {
    const full = Object.assign(new Error("disk is full"), { code: "ENOSPC" });
    expect(abort(full)).toMatchObject({
      code: "ENOSPC",
      message: "disk is full",
      stack: expect.stringContaining("Error"),
    });
    expect(abort(new Error("plain"))).toMatchObject({ code: "ABORTED", message: "plain" });
    expect(abort(new MillraceError("STORE_FULL", "full", { details: { free: 0 } }))).toMatchObject({
      code: "STORE_FULL",
      details: { free: 0 },
    });
    expect(abort(full, { code: "MINE" }).code).toBe("MINE");
  });

  it("survives an error whose properties throw", () => {
    const hostile = new Error("x");
    Object.defineProperty(hostile, "code", {
      get: () => {
        throw new Error("no");
      },
    });
    expect(abort(hostile).code).toBe("ABORTED");
  });
});

describe("isTransition", () => {
  it("knows every transition", () => {
    for (const made of [next(1), next(), nextAll([]), hold(), abort("x"), next(1, { delay: 1, priority: 1 })]) {
      expect(isTransition(made)).toBe(true);
    }
  });

  it("refuses everything else", () => {
    const wrong = [
      undefined,
      null,
      1,
      "next",
      {},
      { kind: "next" },
      { kind: "nextAll", values: "ab" },
      { kind: "abort", code: 1, message: "x" },
      { kind: "next", value: 1, delayMs: Number.NaN },
      { kind: "next", value: 1, delayMs: -1 },
      { kind: "next", value: 1, priority: 0.5 },
      { kind: "jump", value: 1 },
    ];
    for (const value of wrong) expect(isTransition(value)).toBe(false);
  });
});
