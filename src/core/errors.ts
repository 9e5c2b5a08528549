/**
 * Errors as the rest of the engine uses them: the class and the table, the two errors that users throw to steer
 * retries, and the one function that turns anything thrown into a record that can be stored. That function never
 * throws, whatever it is given, because the path of a failure must always commit.
 */

import { inspect, types } from "node:util";
import { type Duration, toDelayMilliseconds } from "./duration.ts";
import { type ErrorCode, isErrorCode } from "./error-table.ts";
import { toInstant } from "./instant.ts";
import { LIMITS } from "./limits.ts";
import { isMillraceError, MillraceError, type MillraceErrorOptions } from "./millrace-error.ts";
import { cleanText } from "./text.ts";
import { decodeValue, encodeValue } from "./values.ts";

export { ERRORS, type ErrorCode, type ErrorEntry, isErrorCode } from "./error-table.ts";
export { type ErrorJson, isMillraceError, MillraceError, type MillraceErrorOptions } from "./millrace-error.ts";

/** A failure as it is stored. `code` is one of the engine's, one given to `abort`, or one of a platform's error. */
export interface FailureRecord {
  readonly code: string;
  readonly message: string;
  readonly stack?: string;
  readonly details?: unknown;
}

/** A failure of an attempt, as `decideRetry` wants it: the record, and what the one who failed said about retrying. */
export interface AttemptFailure extends FailureRecord {
  /** `final`: not again, unless a policy names the code. `afterMs`, `at`: again, then. Absent: as the policy says. */
  readonly verdict?: "final" | { readonly afterMs: number } | { readonly at: number };
}

/** Thrown in a node: this attempt failed and another would fail too. Not retried, unless the policy names `NON_RETRYABLE`. */
export class NonRetryableError extends MillraceError {
  constructor(message: string, options: MillraceErrorOptions = {}) {
    super("NON_RETRYABLE", message, options);
    this.name = "NonRetryableError";
  }
}

/**
 * Thrown in a node: try again after a delay, or at an instant. Takes the place of the policy's back-off, its cap and
 * its `retryOn`, but not of its number of attempts. Throws `INVALID_VALUE` if `delay` is neither.
 */
export class RetryAfterError extends MillraceError {
  readonly verdict: { readonly afterMs: number } | { readonly at: number };

  constructor(message: string, delay: Duration | Date, options: MillraceErrorOptions = {}) {
    super("RETRY_AFTER", message, options);
    this.name = "RetryAfterError";
    this.verdict =
      delay instanceof Date
        ? { at: toInstant(delay, "the instant of a RetryAfterError") }
        : { afterMs: toDelayMilliseconds(delay, "the delay of a RetryAfterError") };
  }
}

/**
 * Whatever was thrown, as a failure: its code, and its text without control characters, cut to `LIMITS.errorTextBytes`
 * with a marker. Codes of foreign errors (`ECONNRESET`) are kept; `AbortError` becomes `CANCELLED` and `TimeoutError`
 * becomes `TIMEOUT`; all else is `ERROR`. Never throws.
 */
export function describeFailure(thrown: unknown): AttemptFailure {
  try {
    return isError(thrown) ? describeError(thrown) : describeOther(thrown);
  } catch {
    return { code: "ERROR", message: "Something was thrown that cannot be read" };
  }
}

/** A failure that `abort` stands for: the given code, or `ABORTED`; final. Never throws. */
export function abortFailure(
  reason: string,
  options: { code?: string | undefined; details?: unknown } = {},
): AttemptFailure {
  const code = options.code === undefined ? "ABORTED" : cleanText(String(options.code), LIMITS.nameLength) || "ABORTED";
  return {
    code,
    message: cleanText(String(reason), LIMITS.errorTextBytes),
    ...describeDetails(options.details),
    verdict: "final",
  };
}

/** A failure that the engine itself found, such as a timeout or a stall. */
export function engineFailure(code: ErrorCode, message: string, details?: unknown): AttemptFailure {
  return { code, message: cleanText(message, LIMITS.errorTextBytes), ...describeDetails(details) };
}

/** The part of a failure that is stored: all but the verdict. */
export function failureRecord({ code, message, stack, details }: AttemptFailure): FailureRecord {
  return { code, message, ...(stack === undefined ? {} : { stack }), ...(details === undefined ? {} : { details }) };
}

/** Also true for an error of another realm (a vm context). */
function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

function describeError(error: Error): AttemptFailure {
  const own = isMillraceError(error);
  return {
    code: own ? error.code : foreignCode(error),
    message: messageOf(error),
    ...describeStack(error),
    ...(own ? describeDetails(error.details) : {}),
    ...(own ? describeVerdict(error) : {}),
  };
}

function describeOther(thrown: unknown): AttemptFailure {
  if (typeof thrown === "string") {
    return { code: "ERROR", message: cleanText(thrown, LIMITS.errorTextBytes) };
  }
  const message: unknown =
    typeof thrown === "object" && thrown !== null ? attempt(() => Reflect.get(thrown, "message")) : undefined;
  const text = typeof message === "string" ? message : `${inspect(thrown, BRIEF)} was thrown, which is not an Error`;
  return { code: "ERROR", message: cleanText(text, LIMITS.errorTextBytes) };
}

/** Shows a value without running code of it. */
const BRIEF = {
  depth: 2,
  customInspect: false,
  getters: false,
  showProxy: true,
  maxArrayLength: 20,
  maxStringLength: 1_000,
  breakLength: Number.POSITIVE_INFINITY,
} as const;

function describeVerdict(error: MillraceError): Pick<AttemptFailure, "verdict"> {
  if (error.code === "NON_RETRYABLE") {
    return { verdict: "final" };
  }
  const verdict: unknown = error.code === "RETRY_AFTER" ? attempt(() => Reflect.get(error, "verdict")) : undefined;
  if (typeof verdict !== "object" || verdict === null) {
    return {};
  }
  if ("afterMs" in verdict && typeof verdict.afterMs === "number") {
    return { verdict: { afterMs: verdict.afterMs } };
  }
  return "at" in verdict && typeof verdict.at === "number" ? { verdict: { at: verdict.at } } : {};
}

/** The code of an error of the platform or a library, unless it poses as one of the engine. */
function foreignCode(error: Error): string {
  const name: unknown = attempt(() => error.name);
  if (name === "AbortError") {
    return "CANCELLED";
  }
  if (name === "TimeoutError") {
    return "TIMEOUT";
  }
  const code: unknown = attempt(() => Reflect.get(error, "code"));
  return typeof code === "string" && /^[A-Za-z][\w.-]{0,127}$/.test(code) && !isErrorCode(code) ? code : "ERROR";
}

function messageOf(error: Error): string {
  const message: unknown = attempt(() => error.message);
  const name: unknown = attempt(() => error.name);
  const text = typeof message === "string" && message !== "" ? message : typeof name === "string" ? name : "Error";
  return cleanText(text, LIMITS.errorTextBytes);
}

/** The stack, followed by those of the causes and of the errors that an AggregateError gathers. */
function describeStack(error: Error): Pick<FailureRecord, "stack"> {
  const parts: string[] = [];
  const seen = new Set<unknown>();
  const queue: { title: string; error: unknown }[] = [{ title: "", error }];
  for (let next = queue.shift(); next !== undefined && seen.size <= LIMITS.errorCauses; next = queue.shift()) {
    const current = next.error;
    if (current === undefined || current === null || seen.has(current)) {
      continue;
    }
    seen.add(current);
    if (!isError(current)) {
      parts.push(`${next.title}${inspect(current, BRIEF)}`);
      continue;
    }
    const stack: unknown = attempt(() => current.stack);
    if (typeof stack === "string") {
      // Only the head can survive the cut; nothing longer is carried along.
      parts.push(next.title + stack.slice(0, LIMITS.errorTextBytes + 1));
    }
    queue.push({ title: "Caused by: ", error: attempt(() => current.cause) });
    const gathered: unknown = attempt(() => (current instanceof AggregateError ? current.errors : undefined));
    if (Array.isArray(gathered)) {
      queue.push(...gathered.slice(0, LIMITS.errorCauses).map((one: unknown) => ({ title: "Among: ", error: one })));
    }
  }
  return parts.length === 0 ? {} : { stack: cleanText(parts.join("\n"), LIMITS.errorTextBytes) };
}

/** Details as they were at this moment; where they cannot be stored, a note that says why takes their place. */
function describeDetails(details: unknown): Pick<FailureRecord, "details"> {
  if (details === undefined) {
    return {};
  }
  try {
    return { details: decodeValue(encodeValue(details, { what: "details", maxBytes: LIMITS.errorDetailsBytes })) };
  } catch (refusal) {
    const reason = refusal instanceof Error ? refusal.message : "they cannot be read";
    return { details: { leftOut: cleanText(reason, LIMITS.tagLength) } };
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
