import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  abortFailure,
  describeFailure,
  ERRORS,
  type ErrorCode,
  engineFailure,
  failureRecord,
  isErrorCode,
  isMillraceError,
  MillraceError,
  NonRetryableError,
  RetryAfterError,
} from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { utf8Length } from "./text.ts";
import { encodeValue } from "./values.ts";

const codes = Object.keys(ERRORS) as ErrorCode[];

describe("the error table", () => {
  it("holds every code that the design names", () => {
    const named =
      "INVALID_WORKFLOW INVALID_INPUT INVALID_OUTPUT PAYLOAD_TOO_LARGE RUN_NOT_FOUND RUN_CLOSED RUN_STUCK STALE_LEASE CONTEXT_CONFLICT COMMIT_CONFLICT MULTIPLE_OUTPUTS RUN_FAILED RUN_CANCELLED VERSION_CONFLICT COMPENSATION_FAILED MISSING_DEPENDENCY STORE_FULL TOO_DEEP TOO_MANY_KEYS INVALID_VALUE ALREADY_COMPLETED NOT_STARTED CANCELLED TIMEOUT STALLED IDEMPOTENCY_CONFLICT UNKNOWN_WORKFLOW WAIT_NOT_FOUND BACKEND_UNAVAILABLE BACKEND_CORRUPT DECRYPT_FAILED";
    expect(named.split(" ").filter((code) => !isErrorCode(code))).toEqual([]);
  });

  it.each(codes)("%s has sentences, and statuses that programs understand", (code) => {
    const { summary, hint, exit, http } = ERRORS[code];
    expect(code).toMatch(/^[A-Z][A-Z_]*[A-Z]$/);
    expect(summary).toMatch(/^[A-Z].*\.$/);
    expect(hint).toMatch(/^[A-Z].*\.$/);
    expect(exit).toBeGreaterThan(0);
    expect(exit).toBeLessThan(64);
    expect(http).toBeGreaterThanOrEqual(400);
    expect(http).toBeLessThan(600);
  });

  it("does not take inherited names for codes", () => {
    expect(["constructor", "toString", "__proto__", ""].filter(isErrorCode)).toEqual([]);
  });
});

describe("MillraceError", () => {
  it("carries what is known and nothing else", () => {
    const cause = new Error("why");
    const error = new MillraceError("RUN_FAILED", "it failed", {
      cause,
      runId: "r",
      node: "n",
      itemId: "i",
      attempt: 2,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "MillraceError",
      code: "RUN_FAILED",
      runId: "r",
      node: "n",
      itemId: "i",
      attempt: 2,
      cause,
    });
    expect(error.hints).toEqual([ERRORS.RUN_FAILED.hint]);
    expect(Object.keys(new MillraceError("ERROR", "x")).sort()).toEqual(["code", "hints", "name"]);
    expect("cause" in new MillraceError("ERROR", "x")).toBe(false);
  });

  it("prefers the hints it is given", () => {
    expect(new MillraceError("ERROR", "x", { hints: ["Do this."] }).hints).toEqual(["Do this."]);
    expect(new MillraceError("ERROR", "x", { hints: [] }).hints).toEqual([ERRORS.ERROR.hint]);
  });

  it("becomes JSON without stack and cause", () => {
    const error = new MillraceError("ERROR", "x", { details: { a: 1 }, cause: new Error("secret"), runId: "r" });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: "ERROR",
      message: "x",
      hints: [ERRORS.ERROR.hint],
      runId: "r",
      details: { a: 1 },
    });
  });
});

describe("isMillraceError", () => {
  it("knows its own, also by code", () => {
    const error: unknown = new NonRetryableError("x");
    expect(isMillraceError(error)).toBe(true);
    expect(isMillraceError(error, "NON_RETRYABLE")).toBe(true);
    expect(isMillraceError(error, "TIMEOUT")).toBe(false);
  });

  it("takes nothing else, whatever is thrown", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const thrown of [
      undefined,
      null,
      "x",
      {},
      { code: "TIMEOUT" },
      Object.assign(new Error("x"), { code: "TIMEOUT" }),
      proxy,
    ]) {
      expect(isMillraceError(thrown)).toBe(false);
    }
  });
});

describe("describeFailure", () => {
  it("keeps code, message, stack and details of an error of the engine", () => {
    const failure = describeFailure(new MillraceError("INVALID_OUTPUT", "bad", { details: { path: ["a"] } }));
    expect(failure).toMatchObject({ code: "INVALID_OUTPUT", message: "bad", details: { path: ["a"] } });
    expect(failure.stack).toContain("errors.test.ts");
    expect(failure.verdict).toBeUndefined();
  });

  it("keeps codes of the platform, but lets no foreign error pose as one of the engine", () => {
    const coded = (code: unknown) => describeFailure(Object.assign(new Error("x"), { code })).code;
    expect(coded("ECONNRESET")).toBe("ECONNRESET");
    expect(coded("ERR_INVALID_ARG_TYPE")).toBe("ERR_INVALID_ARG_TYPE");
    for (const code of ["TIMEOUT", "DEADLINE", "", 42, null, "a b", "x\u0000", "é", "x".repeat(200), {}]) {
      expect(coded(code)).toBe("ERROR");
    }
  });

  it("understands the platform's abort and timeout", () => {
    expect(describeFailure(AbortSignal.abort().reason).code).toBe("CANCELLED");
    expect(describeFailure(new DOMException("late", "TimeoutError")).code).toBe("TIMEOUT");
  });

  it("carries the verdicts of NonRetryableError and RetryAfterError", () => {
    expect(describeFailure(new NonRetryableError("no"))).toMatchObject({ code: "NON_RETRYABLE", verdict: "final" });
    expect(describeFailure(new RetryAfterError("later", "2s"))).toMatchObject({
      code: "RETRY_AFTER",
      verdict: { afterMs: 2_000 },
    });
    expect(describeFailure(new RetryAfterError("later", -1)).verdict).toEqual({ afterMs: 0 });
    expect(describeFailure(new RetryAfterError("later", new Date(7))).verdict).toEqual({ at: 7 });
    expect(() => new RetryAfterError("later", Number.NaN)).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
  });

  it("tells the causes and the gathered errors in the stack", () => {
    const error = new Error("outer", { cause: new AggregateError([new Error("left"), "right"], "inner") });
    const { stack } = describeFailure(error);
    expect(stack).toMatch(/outer[\s\S]*Caused by: .*inner[\s\S]*Among: .*left[\s\S]*Among: 'right'/);
  });

  it("survives a cause that is its own cause", () => {
    const error = new Error("loop");
    error.cause = error;
    expect(describeFailure(error).message).toBe("loop");
  });

  it("cuts a stack of 50 MB at 8 KiB with a marker, quickly", () => {
    const error = new Error("big");
    error.stack = "s".repeat(50_000_000);
    error.message = "m".repeat(50_000_000);
    const started = performance.now();
    const { stack = "", message } = describeFailure(error);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(utf8Length(stack)).toBeLessThanOrEqual(LIMITS.errorTextBytes);
    expect(utf8Length(message)).toBeLessThanOrEqual(LIMITS.errorTextBytes);
    expect(stack).toContain("[cut: ");
  });

  it("cleans NUL bytes, escapes and lone surrogates out of the text", () => {
    const failure = describeFailure(new Error("a\u0000b\u001b[2J\ud800\u202e"));
    expect(failure.message).toBe("a�b�[2J��");
    for (const harmful of ["\u0000", "\u001b", "\u202e"]) {
      expect(failure.stack).not.toContain(harmful);
    }
  });

  it("replaces details that cannot be stored by the reason", () => {
    const failure = describeFailure(new MillraceError("ERROR", "x", { details: { at: new Date() } }));
    expect(failure.details).toEqual({ leftOut: expect.stringContaining("$.at is an instance of Date") });
  });

  it.each<[string, unknown, string]>([
    ["a string", "plain", "plain"],
    ["an object with a message", { message: "said" }, "said"],
    ["an error of another realm", runInNewContext('new TypeError("far")'), "far"],
    ["undefined", undefined, "undefined was thrown, which is not an Error"],
    ["null", null, "null was thrown, which is not an Error"],
    ["a number", 42, "42 was thrown, which is not an Error"],
    ["a symbol", Symbol("s"), "Symbol(s) was thrown, which is not an Error"],
    ["a BigInt", 5n, "5n was thrown, which is not an Error"],
    ["an object", { a: 1 }, "{ a: 1 } was thrown, which is not an Error"],
    ["an error without message", new RangeError(), "RangeError"],
  ])("describes %s", (_, thrown, message) => {
    expect(describeFailure(thrown)).toMatchObject({ code: "ERROR", message });
  });

  it("survives things that fight back", () => {
    const boom = () => {
      throw new Error("boom");
    };
    const traps = new Proxy({}, { get: () => boom, has: boom, getPrototypeOf: boom, ownKeys: boom });
    const furious = new Proxy(new Error("x"), { get: boom, has: boom, getPrototypeOf: boom });
    const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
    revoke();
    const getters = Object.defineProperties(new Error("x"), {
      message: { get: boom },
      name: { get: boom },
      stack: { get: boom },
      code: { get: boom },
      cause: { get: boom },
    });
    const odd = Object.assign(new Error("x"), { message: 5, stack: {}, name: Symbol("n") });
    for (const thrown of [
      traps,
      furious,
      proxy,
      getters,
      odd,
      { toString: boom, message: 5 },
      Object.create(null),
      boom,
    ]) {
      const failure = describeFailure(thrown);
      expect(failure.code).toBe("ERROR");
      expect(failure.message).not.toBe("");
    }
  });

  it("gives a record that can always be stored, for anything thrown", () => {
    const thrown = fc.oneof(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withSparseArray: true,
      }),
      fc.string({ unit: "binary" }).map((message) => new Error(message)),
      fc
        .tuple(fc.string({ unit: "binary" }), fc.anything())
        .map(([m, details]) => new MillraceError("ERROR", m, { details })),
      fc.tuple(fc.string(), fc.anything()).map(([message, cause]) => new Error(message, { cause })),
    );
    fc.assert(
      fc.property(thrown, (anything) => {
        const record = failureRecord(describeFailure(anything));
        expect(() => encodeValue(record, { what: "failure" })).not.toThrow();
        expect(`${record.message}${record.stack}`).not.toContain("\u0000");
      }),
    );
  });
});

describe("abortFailure and engineFailure", () => {
  it("abort is final, with its own code or ABORTED", () => {
    expect(abortFailure("no")).toEqual({ code: "ABORTED", message: "no", verdict: "final" });
    expect(abortFailure("no", { code: "OUT_OF_STOCK", details: { left: 0 } })).toEqual({
      code: "OUT_OF_STOCK",
      message: "no",
      details: { left: 0 },
      verdict: "final",
    });
    expect(abortFailure("a\u0000", { code: "\u0000x" })).toMatchObject({ code: "�x", message: "a�" });
    expect(abortFailure("a", { code: "" }).code).toBe("ABORTED");
  });

  it("the record leaves the verdict out", () => {
    expect(failureRecord(abortFailure("no"))).toEqual({ code: "ABORTED", message: "no" });
  });

  it("the engine's own failures need no stack", () => {
    expect(engineFailure("STALLED", "three times", { stalls: 3 })).toEqual({
      code: "STALLED",
      message: "three times",
      details: { stalls: 3 },
    });
  });
});
