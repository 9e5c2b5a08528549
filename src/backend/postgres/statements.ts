/**
 * Statements of one store: texts with the store's schema in place of `millrace`, and names under which connections prepare
 * them. Every statement names its tables with their schema, since behind a pooler of transactions nothing that is set on a
 * connection can be relied on; what a transaction needs is set by the transaction itself.
 */

import { digest } from "../../core/digest.ts";
import type { Parameter, Statement } from "./driver.ts";

/** How a transaction ends if its client stands still: whoever waits for its rows waits so long. */
const STANDSTILL_MS = 10_000;

/**
 * All statements find rows by keys or walk an index, so their plans are pinned to indexes, whatever the statistics say: a table
 * that was analysed while it was empty must not be read as a whole once it is full.
 */
const PLANS: readonly (readonly [name: string, value: string])[] = [
  ["enable_seqscan", "off"],
  ["enable_hashjoin", "off"],
  ["enable_mergejoin", "off"],
  ["jit", "off"],
  ["plan_cache_mode", "force_generic_plan"],
];

export interface StatementOptions {
  readonly schema: string;
  readonly prepared: boolean;
  readonly timeoutMs: number;
  /** Whether commits may be acknowledged before they are on disk. */
  readonly relaxed: boolean;
}

export class Statements {
  readonly schema: string;
  /** Begins a transaction that writes. */
  readonly begin: readonly [Statement, Statement];
  /** Begins a transaction that only reads, all of it as of one moment. */
  readonly beginRead: readonly [Statement, Statement];
  readonly #prepared: boolean;
  readonly #known = new Map<string, { readonly text: string; readonly name: string }>();

  constructor({ schema, prepared, timeoutMs, relaxed }: StatementOptions) {
    this.schema = schema;
    this.#prepared = prepared;
    const settings: readonly (readonly [name: string, value: string])[] = [
      ["statement_timeout", String(timeoutMs)],
      ["idle_in_transaction_session_timeout", String(Math.min(timeoutMs, STANDSTILL_MS))],
      ...PLANS,
    ];
    const writing = [...settings, ...(relaxed ? [["synchronous_commit", "off"] as const] : [])];
    this.begin = [{ text: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" }, this.of(setLocally(writing))];
    this.beginRead = [{ text: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" }, this.of(setLocally(settings))];
  }

  /** A statement that is used again and again, with other values. */
  of(text: string, values: readonly Parameter[] = []): Statement {
    const known = this.#known.get(text) ?? this.#learn(text);
    return this.#prepared ? { ...known, values } : { text: known.text, values };
  }

  /** A statement whose text is seldom the same twice, or that holds several. */
  once(text: string, values?: readonly Parameter[]): Statement {
    return { text: this.#inSchema(text), ...(values === undefined ? {} : { values }) };
  }

  #learn(text: string): { readonly text: string; readonly name: string } {
    const own = this.#inSchema(text);
    const fresh = { text: own, name: `millrace_${digest(own)}` };
    this.#known.set(text, fresh);
    return fresh;
  }

  #inSchema(text: string): string {
    return text.replaceAll(/\bmillrace\./g, `"${this.schema}".`);
  }
}

export const COMMIT: Statement = { text: "COMMIT" };
export const ROLLBACK: Statement = { text: "ROLLBACK" };

/** For the transaction alone. */
function setLocally(settings: readonly (readonly [name: string, value: string])[]): string {
  return `SELECT ${settings.map(([name, value]) => `set_config('${name}', '${value}', true)`).join(", ")}`;
}
