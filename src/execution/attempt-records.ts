/**
 * What one execution of a body notes beside its transition: log lines and measurements. They travel with the commit, so
 * both are bounded; log lines over a bound or over the rate are counted, and measurements over it refused. A logger never throws.
 */

import type { Commit, LogLine } from "../backend/contract/commit.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import type { Logger } from "../core/ports.ts";
import { cleanText, utf8Length } from "../core/text.ts";
import { encodeValue } from "../core/values.ts";

/** Log lines and measurements of one execution. */
export class AttemptRecords {
  readonly #where: Readonly<Record<string, unknown>>;
  readonly #forward: Logger;
  readonly #now: () => number;
  #lines: LogLine[] = [];
  #bytesLeft: number = LIMITS.attemptLogBytes;
  #dropped = 0;
  readonly #rate = new LineRate();
  #metrics: { name: string; value: number }[] = [];
  #logger: Logger | undefined;

  /** `where` is added to every line that is passed on to `forward`. */
  constructor(where: Readonly<Record<string, unknown>>, forward: Logger, now: () => number) {
    this.#where = where;
    this.#forward = forward;
    this.#now = now;
  }

  get logger(): Logger {
    this.#logger ??= {
      debug: (message, data) => this.#log("debug", message, data),
      info: (message, data) => this.#log("info", message, data),
      warn: (message, data) => this.#log("warn", message, data),
      error: (message, data) => this.#log("error", message, data),
    };
    return this.#logger;
  }

  /** Throws `INVALID_VALUE` for a bad name or number, and for too many measurements. */
  measure(name: string, value: number): void {
    checkName(name, "the name of a metric");
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new MillraceError("INVALID_VALUE", `metric "${name}" must be a finite number`);
    }
    if (this.#metrics.length >= LIMITS.attemptMetrics) {
      throw new MillraceError("INVALID_VALUE", `an attempt may record at most ${LIMITS.attemptMetrics} metrics`);
    }
    this.#metrics.push({ name, value });
  }

  metrics(): Commit["metrics"] {
    return this.#metrics;
  }

  logs(): Commit["logs"] {
    if (this.#dropped === 0) return this.#lines;
    const lines = this.#dropped === 1 ? "1 line was dropped" : `${this.#dropped} lines were dropped`;
    const message = `[${lines}: ${BOUNDS}]`;
    return [...this.#lines, { at: this.#now(), level: "warn", message }];
  }

  /** Forgets everything: the execution leaves no trace. */
  clear(): void {
    this.#lines = [];
    this.#metrics = [];
    this.#dropped = 0;
    this.#bytesLeft = LIMITS.attemptLogBytes;
  }

  #log(level: LogLine["level"], message: unknown, data: Readonly<Record<string, unknown>> | undefined): void {
    try {
      const line = logLine(this.#now(), level, message, data);
      this.#keep(line);
      this.#pass(line, data);
    } catch {
      this.#dropped += 1;
    }
  }

  #pass({ level, message }: LogLine, data: Readonly<Record<string, unknown>> | undefined): void {
    try {
      this.#forward[level](message, { ...data, ...this.#where });
    } catch {
      // The line is kept all the same.
    }
  }

  #keep(line: LogLine): void {
    const size = utf8Length(line.message) + utf8Length(line.data ?? "");
    const hasRoom = this.#lines.length < LIMITS.attemptLogLines && size <= this.#bytesLeft;
    if (!hasRoom || !this.#rate.allows(line.at)) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#bytesLeft -= size;
  }
}

const BOUNDS =
  `an attempt keeps ${LIMITS.attemptLogLines} lines of ${LIMITS.attemptLogBytes / 1_024} KiB together, ` +
  `and ${LIMITS.attemptLogLinesPerSecond} of one second`;

/** A bucket that fills again with time. A clock that goes back fills nothing. */
class LineRate {
  #left: number = LIMITS.attemptLogLinesPerSecond;
  #at = Number.NEGATIVE_INFINITY;

  allows(now: number): boolean {
    const most = LIMITS.attemptLogLinesPerSecond;
    const passedMs = Math.max(0, now - this.#at);
    this.#left = Math.min(most, this.#left + (passedMs * most) / 1_000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

function logLine(
  at: number,
  level: LogLine["level"],
  message: unknown,
  data: Readonly<Record<string, unknown>> | undefined,
): LogLine {
  const text = cleanText(String(message), LIMITS.errorTextBytes);
  const json = data === undefined ? undefined : jsonOf(data);
  return { at, level, message: text, ...(json === undefined ? {} : { data: json }) };
}

function jsonOf(data: unknown): string {
  try {
    return new TextDecoder().decode(encodeValue(data, { what: "log data", maxBytes: LIMITS.errorDetailsBytes }));
  } catch (refusal) {
    const reason = refusal instanceof Error ? refusal.message : "it cannot be read";
    return JSON.stringify({ leftOut: cleanText(reason, LIMITS.tagLength) });
  }
}
