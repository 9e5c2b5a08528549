/**
 * The one class of error that leaves the engine. It carries a stable code from the error table and what is known of
 * where it happened. It decides nothing: what a code means is in the table. Invariant: `hints` is never empty.
 */

import { ERRORS, type ErrorCode } from "./error-table.ts";

/** Shared by every copy of this package in a process, so that errors are recognised across copies. */
const BRAND: unique symbol = Symbol.for("millrace.error");

/** Where it happened and what helps. Everything is optional; what is unknown is left out. */
export interface MillraceErrorOptions {
  /** How to recover, most specific first. Absent: the hint of the code. */
  readonly hints?: readonly string[] | undefined;
  readonly cause?: unknown;
  readonly runId?: string | undefined;
  readonly node?: string | undefined;
  readonly itemId?: string | undefined;
  readonly attempt?: number | undefined;
  /** JSON values that belong to the error, such as the problems of a definition. */
  readonly details?: unknown;
}

/** An error as JSON, for output and for the wire: no stack, no cause. */
export interface ErrorJson {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hints: readonly string[];
  readonly runId?: string;
  readonly node?: string;
  readonly itemId?: string;
  readonly attempt?: number;
  readonly details?: unknown;
}

/** Every error of the engine: a stable `code`, hints on how to recover, and the run, node, item and attempt where known. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly hints: readonly string[];
  declare readonly runId?: string;
  declare readonly node?: string;
  declare readonly itemId?: string;
  declare readonly attempt?: number;
  declare readonly details?: unknown;

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "MillraceError";
    this.code = code;
    const hints = options.hints ?? [];
    this.hints = Object.freeze(hints.length > 0 ? [...hints] : [ERRORS[code].hint]);
    if (options.runId !== undefined) this.runId = options.runId;
    if (options.node !== undefined) this.node = options.node;
    if (options.itemId !== undefined) this.itemId = options.itemId;
    if (options.attempt !== undefined) this.attempt = options.attempt;
    if (options.details !== undefined) this.details = options.details;
  }

  get [BRAND](): true {
    return true;
  }

  toJSON(): ErrorJson {
    return {
      code: this.code,
      message: this.message,
      hints: this.hints,
      ...(this.runId === undefined ? {} : { runId: this.runId }),
      ...(this.node === undefined ? {} : { node: this.node }),
      ...(this.itemId === undefined ? {} : { itemId: this.itemId }),
      ...(this.attempt === undefined ? {} : { attempt: this.attempt }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/**
 * Whether something thrown is an error of the engine, of the given code if one is given. Also true for errors of
 * another copy of this package in the same process. Never throws.
 */
export function isMillraceError<C extends ErrorCode = ErrorCode>(
  thrown: unknown,
  code?: C,
): thrown is MillraceError & { readonly code: C } {
  try {
    if (!(thrown instanceof Error) || !(BRAND in thrown)) {
      return false;
    }
    return code === undefined || ("code" in thrown && thrown.code === code);
  } catch {
    return false; // a hostile proxy
  }
}
