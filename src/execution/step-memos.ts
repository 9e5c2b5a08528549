/**
 * `step(name, fn)`: work inside of a body that is done once for all attempts of an item. A result counts from the moment
 * the store has it; until then it may be computed again. It keeps no errors: a step that throws is tried again by the
 * next attempt. Invariant: what a step gives is what the store gives back, on the first attempt too.
 */

import { describeFailure, MillraceError } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import type { Random } from "../core/ports.ts";
import { decideRetry, NO_RETRY, type ResolvedRetryPolicy, resolveRetry } from "../core/retry.ts";
import { decodeValue, encodeValue } from "../core/values.ts";
import type { StepOptions } from "../definition/attempt.ts";

/** Keeps one result; false if the lease on the item is lost. */
export type PutMemo = (name: string, value: Uint8Array) => Promise<boolean>;

/** What retries of a step take. */
export interface StepRetries {
  readonly random: Random;
  now(): number;
  /** Rejects when the attempt is over. */
  sleep(ms: number): Promise<void>;
}

/** Stands for a step that gives nothing: `undefined` is no value that could be stored otherwise. */
const NOTHING = new Uint8Array(0);

/** The steps of one item on this worker, over all executions of its attempt. */
export class StepMemos {
  readonly #node: string;
  readonly #put: PutMemo;
  readonly #known: Map<string, Uint8Array>;
  readonly #used = new Set<string>();
  readonly #retries: StepRetries;

  constructor(node: string, known: ReadonlyMap<string, Uint8Array>, put: PutMemo, retries: StepRetries) {
    this.#node = node;
    this.#put = put;
    this.#retries = retries;
    this.#known = new Map(known);
  }

  /** Names may be used again: the body runs anew. */
  restart(): void {
    this.#used.clear();
  }

  /**
   * The kept result of `name`, or that of `fn`, kept from now on. `checkOpen` throws once the execution is over. Throws
   * `INVALID_VALUE` for a name used twice, for a result that cannot be stored and for a policy that is none, `STALE_LEASE` if
   * the item was lost.
   */
  async run<T>(name: string, fn: () => T | Promise<T>, checkOpen: () => void, { retry }: StepOptions = {}): Promise<T> {
    checkOpen();
    checkName(name, `the name of a step of node "${this.#node}"`);
    const policy = resolveRetry(retry, NO_RETRY);
    if (this.#used.has(name)) {
      throw new MillraceError("INVALID_VALUE", `node "${this.#node}" has two steps named "${name}" in one attempt`, {
        hints: ["Give each step a name of its own; in a loop, add the index or an id."],
      });
    }
    this.#used.add(name);
    const known = this.#known.get(name);
    if (known !== undefined) return this.#decoded<T>(name, known);
    const result = await this.#patiently(fn, policy, checkOpen);
    const bytes = result === undefined ? NOTHING : encodeValue(result, { what: `the result of step "${name}"` });
    checkOpen();
    if (!(await this.#put(name, bytes))) {
      throw new MillraceError(
        "STALE_LEASE",
        `the result of step "${name}" was not kept: the item went to another worker`,
      );
    }
    this.#known.set(name, bytes);
    return this.#decoded<T>(name, bytes);
  }

  /** Calls it again as the policy says. Throws what it threw last. */
  async #patiently<T>(fn: () => T | Promise<T>, policy: ResolvedRetryPolicy, checkOpen: () => void): Promise<T> {
    const { random } = this.#retries;
    for (let failures = 1; ; failures += 1) {
      try {
        return await fn();
      } catch (thrown) {
        const decision = decideRetry(policy, describeFailure(thrown), failures, random, this.#retries.now());
        if (!decision.retry) throw thrown;
        await this.#retries.sleep(decision.delayMs);
        checkOpen();
      }
    }
  }

  /** The one place where a stored result is believed to have the type that its step gave it. */
  #decoded<T>(name: string, bytes: Uint8Array): T {
    return (bytes.length === 0 ? undefined : decodeValue(bytes, { what: `the result of step "${name}"` })) as T;
  }
}
