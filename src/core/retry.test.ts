import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { abortFailure, describeFailure, engineFailure, NonRetryableError, RetryAfterError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { seededRandom } from "./ports.ts";
import { backoffMs, DEFAULT_RETRY, decideRetry, NO_RETRY, type RetryPolicy, resolveRetry } from "./retry.ts";

const random = seededRandom(1);
const thrown = describeFailure(new Error("no"));

/** What a caller without types could pass. */
function untyped(policy: unknown): RetryPolicy {
  return policy as RetryPolicy;
}

function delays(policy: RetryPolicy, count: number): number[] {
  const resolved = resolveRetry(policy, NO_RETRY);
  return Array.from({ length: count }, (_, at) => backoffMs(resolved, at + 1, random));
}

function retries(retryOn: RetryPolicy["retryOn"], failure = thrown): boolean {
  return decideRetry(resolveRetry({ retryOn }, NO_RETRY), failure, 1, random, 0).retry;
}

describe("resolveRetry", () => {
  it("gives the fallback where there is no policy, and one attempt for false", () => {
    expect(resolveRetry(undefined, DEFAULT_RETRY)).toBe(DEFAULT_RETRY);
    expect(resolveRetry(undefined, NO_RETRY).maxAttempts).toBe(1);
    expect(resolveRetry(false, DEFAULT_RETRY).maxAttempts).toBe(1);
  });

  it("fills what is left out from the default, whatever the fallback is", () => {
    expect(resolveRetry({ maxAttempts: 3, initialBackoff: "50ms", strategy: "linear" }, NO_RETRY)).toEqual({
      ...DEFAULT_RETRY,
      maxAttempts: 3,
      initialBackoffMs: 50,
      strategy: "linear",
    });
    expect(resolveRetry({}, NO_RETRY)).toEqual(DEFAULT_RETRY);
  });

  it("does not cap a long initial back-off by a default nobody wrote", () => {
    expect(resolveRetry({ initialBackoff: "1m" }, NO_RETRY).maxBackoffMs).toBe(60_000);
  });

  it.each([
    { maxAttempts: 0 },
    { maxAttempts: 1.5 },
    { maxAttempts: Number.NaN },
    { maxAttempts: Number.POSITIVE_INFINITY },
    { maxAttempts: "3" },
    { initialBackoff: -1 },
    { initialBackoff: "soon" },
    { maxBackoff: Number.NaN },
    { strategy: "random" },
    { factor: 0.5 },
    { factor: Number.POSITIVE_INFINITY },
    { factor: "2" },
    { jitter: "some" },
    { jitter: null },
    { jitter: { fixed: -1 } },
    { jitter: {} },
    { retryOn: "all" },
    { retryOn: [""] },
    { retryOn: [1] },
    { retryOn: Array.from({ length: 1_000 }, () => "X") },
    null,
    true,
    3,
  ])("refuses %j", (policy) => {
    expect(() => resolveRetry(untyped(policy), NO_RETRY)).toThrow(
      expect.objectContaining({ code: "INVALID_VALUE", message: expect.stringMatching(/^retry/) }),
    );
  });
});

describe("backoffMs", () => {
  it("stays, grows by n, or grows by the factor", () => {
    const base = { initialBackoff: 100, maxBackoff: "1h" } as const;
    expect(delays({ ...base, strategy: "fixed" }, 4)).toEqual([100, 100, 100, 100]);
    expect(delays({ ...base, strategy: "linear" }, 4)).toEqual([100, 200, 300, 400]);
    expect(delays({ ...base, strategy: "exponential" }, 4)).toEqual([100, 200, 400, 800]);
    expect(delays({ ...base, strategy: "exponential", factor: 3 }, 4)).toEqual([100, 300, 900, 2_700]);
  });

  it("caps, and then adds jitter", () => {
    expect(delays({ initialBackoff: 100, maxBackoff: 250, strategy: "linear" }, 4)).toEqual([100, 200, 250, 250]);
    const late = { next: () => 0.999_999 };
    const fixed = resolveRetry({ initialBackoff: 100, maxBackoff: 250, jitter: { fixed: 100 } }, NO_RETRY);
    expect(backoffMs(fixed, 9, late)).toBe(350);
    const full = resolveRetry({ initialBackoff: 100, maxBackoff: 250, jitter: "full" }, NO_RETRY);
    expect(backoffMs(full, 9, late)).toBe(250);
    expect(backoffMs(full, 9, { next: () => 0 })).toBe(0);
  });

  it("gives 1, 2, 4 and 8 seconds by default", () => {
    expect([1, 2, 3, 4, 5].map((n) => backoffMs(DEFAULT_RETRY, n, random))).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000,
    ]);
  });

  it("is a whole number within the cap and the jitter, for every policy and any number of failures", () => {
    const policies = fc.record({
      initialBackoff: fc.nat(1e9),
      maxBackoff: fc.nat(1e9),
      strategy: fc.constantFrom("fixed", "linear", "exponential"),
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      jitter: fc.oneof(fc.constantFrom("none", "full"), fc.record({ fixed: fc.nat(1e6) })),
    });
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: LIMITS.retryAttempts }), fc.integer(), (policy, n, seed) => {
        const resolved = resolveRetry(policy, NO_RETRY);
        const extra = typeof resolved.jitter === "object" ? resolved.jitter.fixedMs : 0;
        const delay = backoffMs(resolved, n, seededRandom(seed));
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(resolved.maxBackoffMs + extra);
      }),
    );
  });

  it("never shrinks from one failure to the next without jitter", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.constantFrom("fixed", "linear", "exponential"), (initialBackoff, strategy) => {
        const seen = delays({ initialBackoff, strategy, maxBackoff: "1d" }, 50);
        expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe("decideRetry", () => {
  it("stops when the attempts are used up, the first included", () => {
    const policy = resolveRetry({ maxAttempts: 3, initialBackoff: 10, strategy: "fixed" }, NO_RETRY);
    expect(decideRetry(policy, thrown, 1, random, 0)).toEqual({ retry: true, delayMs: 10 });
    expect(decideRetry(policy, thrown, 2, random, 0)).toEqual({ retry: true, delayMs: 10 });
    expect(decideRetry(policy, thrown, 3, random, 0)).toEqual({ retry: false, reason: "attempts used up" });
    expect(decideRetry(NO_RETRY, thrown, 1, random, 0).retry).toBe(false);
  });

  it("retries by default what passes with time: thrown errors and timeouts", () => {
    const on = (failure: typeof thrown) => decideRetry(DEFAULT_RETRY, failure, 1, random, 0).retry;
    expect(on(thrown)).toBe(true);
    expect(on(describeFailure(Object.assign(new Error("x"), { code: "ECONNRESET" })))).toBe(true);
    expect(on(engineFailure("TIMEOUT", "too slow"))).toBe(true);
    expect(on(engineFailure("BACKEND_UNAVAILABLE", "away"))).toBe(true);
    for (const code of [
      "CANCELLED",
      "INVALID_INPUT",
      "INVALID_OUTPUT",
      "PAYLOAD_TOO_LARGE",
      "STALLED",
      "DEADLINE",
    ] as const) {
      expect(on(engineFailure(code, "x"))).toBe(false);
    }
    expect(on(abortFailure("no"))).toBe(false);
    expect(on(abortFailure("no", { code: "ECONNRESET" }))).toBe(false);
    expect(on(describeFailure(new NonRetryableError("no")))).toBe(false);
  });

  it("retries the classes it is told, and no others", () => {
    expect(retries(["timeout"])).toBe(false);
    expect(retries(["timeout"], engineFailure("TIMEOUT", "x"))).toBe(true);
    expect(retries(["generic"], engineFailure("TIMEOUT", "x"))).toBe(false);
    expect(retries(["cancelled"], engineFailure("CANCELLED", "x"))).toBe(true);
    expect(retries([])).toBe(false);
  });

  it("retries a code that is named, whatever it is", () => {
    expect(retries(["INVALID_OUTPUT"], engineFailure("INVALID_OUTPUT", "x"))).toBe(true);
    expect(retries(["STALLED"], engineFailure("STALLED", "x"))).toBe(true);
    expect(retries(["OUT_OF_STOCK"], abortFailure("x", { code: "OUT_OF_STOCK" }))).toBe(true);
    expect(retries(["NON_RETRYABLE"], describeFailure(new NonRetryableError("x")))).toBe(true);
    expect(retries(["ERROR"])).toBe(true);
  });

  it("takes all for everything but what said that another attempt is pointless", () => {
    expect(retries(["all"], engineFailure("INVALID_OUTPUT", "x"))).toBe(true);
    expect(retries(["all"], engineFailure("CANCELLED", "x"))).toBe(true);
    expect(retries(["all"], abortFailure("x"))).toBe(false);
    expect(retries(["all"], describeFailure(new NonRetryableError("x")))).toBe(false);
    expect(retries(["all"], engineFailure("DEADLINE", "x"))).toBe(false);
  });

  it("does not take the name of a class for a code", () => {
    expect(retries(["generic", "all"], abortFailure("x", { code: "generic" }))).toBe(false);
    expect(retries(["all"], abortFailure("x", { code: "all" }))).toBe(false);
  });

  it("asks a predicate, which sees the record and the attempt alone, and takes its failure for a no", () => {
    const seen: unknown[] = [];
    expect(
      retries(
        (failure, attempt) => {
          seen.push(failure, attempt);
          return true;
        },
        abortFailure("x", { code: "Y" }),
      ),
    ).toBe(true);
    expect(seen).toEqual([{ code: "Y", message: "x" }, 1]);
    expect(
      retries(() => {
        throw new Error("bug");
      }),
    ).toBe(false);
    const late: unknown = () => Promise.resolve(true);
    expect(retries(untyped({ retryOn: late }).retryOn)).toBe(false);
  });

  it("lets RetryAfterError name the delay, beyond the cap and whatever is retried", () => {
    const policy = resolveRetry({ maxAttempts: 2, retryOn: [] }, NO_RETRY);
    const later = describeFailure(new RetryAfterError("busy", "1h"));
    expect(decideRetry(policy, later, 1, random, 0)).toEqual({ retry: true, delayMs: 3_600_000 });
    expect(decideRetry(policy, later, 2, random, 0).retry).toBe(false);
    const at = describeFailure(new RetryAfterError("busy", new Date(5_000)));
    expect(decideRetry(policy, at, 1, random, 2_000)).toEqual({ retry: true, delayMs: 3_000 });
    expect(decideRetry(policy, at, 1, random, 9_000)).toEqual({ retry: true, delayMs: 0 });
  });
});
