/**
 * Whether a failed attempt is made again, and after how long. Pure arithmetic: a retry itself is a commit, and its
 * ready time a row of the backend. Refuses policies that make no sense when they are read, so that deciding never fails.
 */

import { type Duration, toMilliseconds } from "./duration.ts";
import { ERRORS, isErrorCode } from "./error-table.ts";
import type { AttemptFailure, FailureRecord } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { MillraceError } from "./millrace-error.ts";
import type { Random } from "./ports-contract.ts";

/** How the back-off grows with the n-th failure: not at all, initial × n, or initial × factor^(n−1). */
type RetryStrategy = "fixed" | "linear" | "exponential";

/** What chance does to a back-off: nothing, anything from zero to it, or up to a fixed time more. */
type RetryJitter = "none" | "full" | { readonly fixed: Duration };

/** Decides by the failure. Must be quick and pure; one that throws counts as no. `attempt` is the one that failed, from 1. */
type RetryPredicate = (failure: FailureRecord, attempt: number) => boolean;

/**
 * When to try again. What is left out is as in `DEFAULT_RETRY`.
 *
 * `retryOn` lists what is retried: `"generic"` (errors thrown by the node's own code, and those of the engine that pass
 * with time), `"timeout"`, `"cancelled"`, `"all"`, or error codes. A code by its name beats everything: only so are
 * `abort` and `NonRetryableError` retried. `"all"` is everything but those two and `DEADLINE`.
 */
export interface RetryPolicy {
  /** Attempts in all, the first included; at least 1. */
  readonly maxAttempts?: number | undefined;
  readonly initialBackoff?: Duration | undefined;
  /** Left out: that of the default, or `initialBackoff` where that is longer. */
  readonly maxBackoff?: Duration | undefined;
  readonly strategy?: RetryStrategy | undefined;
  /** For `exponential`; at least 1. */
  readonly factor?: number | undefined;
  /** Applied after the cap. */
  readonly jitter?: RetryJitter | undefined;
  readonly retryOn?: readonly string[] | RetryPredicate | undefined;
}

/** A policy with nothing left open, in milliseconds. */
export interface ResolvedRetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly strategy: RetryStrategy;
  readonly factor: number;
  readonly jitter: "none" | "full" | { readonly fixedMs: number };
  readonly retryOn: readonly string[] | RetryPredicate;
}

/** What to do after a failure. Where there is no retry, why not. */
export type RetryDecision =
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly reason: "attempts used up" | "not retried" };

/** What workers do unless told otherwise: 5 attempts, after 1 s, 2 s, 4 s and 8 s, on `generic` and `timeout`. */
export const DEFAULT_RETRY: ResolvedRetryPolicy = Object.freeze({
  maxAttempts: 5,
  initialBackoffMs: 1_000,
  maxBackoffMs: 10_000,
  strategy: "exponential",
  factor: 2,
  jitter: "none",
  retryOn: Object.freeze(["generic", "timeout"]),
});

/** One attempt and no more. What `retry: false` stands for, and the default of runs in one process. */
export const NO_RETRY: ResolvedRetryPolicy = Object.freeze({ ...DEFAULT_RETRY, maxAttempts: 1 });

/**
 * The policy in full: `fallback` if there is none, one attempt if it is `false`. A policy that is given stands for
 * itself: what it leaves out comes from `DEFAULT_RETRY`, never from `fallback`. Throws `INVALID_VALUE`.
 */
export function resolveRetry(
  policy: RetryPolicy | false | undefined,
  fallback: ResolvedRetryPolicy,
): ResolvedRetryPolicy {
  if (policy === undefined) {
    return fallback;
  }
  if (policy === false) {
    return NO_RETRY;
  }
  if (typeof policy !== "object" || policy === null) {
    throw invalid("retry", "must be a policy, or false", policy);
  }
  const initialBackoffMs =
    policy.initialBackoff === undefined
      ? DEFAULT_RETRY.initialBackoffMs
      : toMilliseconds(policy.initialBackoff, "retry.initialBackoff");
  return {
    maxAttempts: resolveAttempts(policy.maxAttempts),
    initialBackoffMs,
    maxBackoffMs:
      policy.maxBackoff === undefined
        ? Math.max(DEFAULT_RETRY.maxBackoffMs, initialBackoffMs)
        : toMilliseconds(policy.maxBackoff, "retry.maxBackoff"),
    strategy: resolveStrategy(policy.strategy),
    factor: resolveFactor(policy.factor),
    jitter: resolveJitter(policy.jitter),
    retryOn: resolveRetryOn(policy.retryOn),
  };
}

/**
 * Whether to try again after `failedAttempts` failures, the present one included, and after how long. A
 * `RetryAfterError` names the delay itself, whatever `retryOn` and the cap say. `now` serves only to turn its instant
 * into a delay. Never throws.
 */
export function decideRetry(
  policy: ResolvedRetryPolicy,
  failure: AttemptFailure,
  failedAttempts: number,
  random: Random,
  now: number,
): RetryDecision {
  if (failedAttempts >= policy.maxAttempts) {
    return { retry: false, reason: "attempts used up" };
  }
  if (typeof failure.verdict === "object") {
    const delayMs = "at" in failure.verdict ? failure.verdict.at - now : failure.verdict.afterMs;
    return { retry: true, delayMs: Math.min(Math.max(0, Math.round(delayMs)), LIMITS.durationMs) };
  }
  if (!isRetried(policy.retryOn, failure, failedAttempts)) {
    return { retry: false, reason: "not retried" };
  }
  return { retry: true, delayMs: backoffMs(policy, failedAttempts, random) };
}

/** The delay after the n-th failure (from 1), in whole milliseconds: grown, capped, then jittered. */
export function backoffMs(policy: ResolvedRetryPolicy, failures: number, random: Random): number {
  const capped = Math.min(grow(policy, failures), policy.maxBackoffMs);
  return Math.round(addJitter(policy.jitter, capped, random));
}

function grow(policy: ResolvedRetryPolicy, failures: number): number {
  if (policy.initialBackoffMs === 0) {
    return 0; // times an infinite factor would be NaN
  }
  switch (policy.strategy) {
    case "fixed":
      return policy.initialBackoffMs;
    case "linear":
      return policy.initialBackoffMs * failures;
    case "exponential":
      return policy.initialBackoffMs * policy.factor ** (failures - 1);
  }
}

function addJitter(jitter: ResolvedRetryPolicy["jitter"], delayMs: number, random: Random): number {
  switch (jitter) {
    case "none":
      return delayMs;
    case "full":
      return delayMs * random.next();
    default:
      return delayMs + jitter.fixedMs * random.next();
  }
}

function isRetried(retryOn: ResolvedRetryPolicy["retryOn"], failure: AttemptFailure, attempt: number): boolean {
  if (typeof retryOn === "function") {
    try {
      const { verdict: _, ...record } = failure;
      return retryOn(record, attempt) === true;
    } catch {
      return false;
    }
  }
  if (retryOn.includes(failure.code) && !CLASSES.has(failure.code)) {
    return true;
  }
  if (failure.verdict === "final" || failure.code === "DEADLINE") {
    return false;
  }
  return retryOn.includes("all") || retryOn.includes(classOf(failure.code));
}

const CLASSES: ReadonlySet<string> = new Set(["all", "generic", "timeout", "cancelled"]);

function classOf(code: string): "generic" | "timeout" | "cancelled" | "other" {
  if (code === "TIMEOUT") {
    return "timeout";
  }
  if (code === "CANCELLED") {
    return "cancelled";
  }
  return !isErrorCode(code) || ERRORS[code].retried ? "generic" : "other";
}

function resolveAttempts(maxAttempts: number | undefined): number {
  const attempts = maxAttempts ?? DEFAULT_RETRY.maxAttempts;
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > LIMITS.retryAttempts) {
    throw invalid("retry.maxAttempts", `must be a whole number from 1 to ${LIMITS.retryAttempts}`, attempts);
  }
  return attempts;
}

function resolveStrategy(strategy: RetryStrategy | undefined): RetryStrategy {
  const known = strategy ?? DEFAULT_RETRY.strategy;
  if (known !== "fixed" && known !== "linear" && known !== "exponential") {
    throw invalid("retry.strategy", 'must be "fixed", "linear" or "exponential"', known);
  }
  return known;
}

function resolveFactor(factor: number | undefined): number {
  const known = factor ?? DEFAULT_RETRY.factor;
  if (typeof known !== "number" || !Number.isFinite(known) || known < 1) {
    throw invalid("retry.factor", "must be a finite number of at least 1", known);
  }
  return known;
}

function resolveJitter(jitter: RetryJitter | undefined): ResolvedRetryPolicy["jitter"] {
  if (jitter === undefined || jitter === "none" || jitter === "full") {
    return jitter ?? DEFAULT_RETRY.jitter;
  }
  if (typeof jitter !== "object" || jitter === null) {
    throw invalid("retry.jitter", 'must be "none", "full" or { fixed: duration }', jitter);
  }
  return { fixedMs: toMilliseconds(jitter.fixed, "retry.jitter.fixed") };
}

function resolveRetryOn(retryOn: RetryPolicy["retryOn"]): ResolvedRetryPolicy["retryOn"] {
  if (retryOn === undefined) {
    return DEFAULT_RETRY.retryOn;
  }
  if (typeof retryOn === "function") {
    return retryOn;
  }
  const wellFormed =
    Array.isArray(retryOn) && retryOn.every((code: unknown) => typeof code === "string" && code !== "");
  if (!wellFormed || retryOn.length > LIMITS.retryCodes) {
    throw invalid(
      "retry.retryOn",
      `must be a predicate, or a list of at most ${LIMITS.retryCodes} codes or classes`,
      retryOn,
    );
  }
  return Object.freeze([...retryOn]);
}

function invalid(what: string, problem: string, value: unknown): MillraceError {
  const shown =
    typeof value === "string"
      ? JSON.stringify(value.slice(0, 40))
      : typeof value === "number"
        ? `${value}`
        : typeof value;
  return new MillraceError("INVALID_VALUE", `${what} ${problem}; it is ${shown}`);
}
