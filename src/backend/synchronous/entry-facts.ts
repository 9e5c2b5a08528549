/** Reads what an entry says. Throws `BACKEND_CORRUPT` for what is not there or is something else: only the engine writes entries. */

import { MillraceError } from "../../core/errors.ts";
import type { Entry } from "./row-store.ts";

export class Facts {
  readonly #entry: Pick<Entry, "kind" | "key">;
  readonly #facts: Readonly<Record<string, unknown>>;

  constructor(entry: Pick<Entry, "kind" | "key" | "facts">) {
    this.#entry = entry;
    const facts: unknown = parse(entry.facts);
    if (!isRecord(facts)) throw this.#damaged("facts");
    this.#facts = facts;
  }

  text(name: string): string {
    const value = this.#facts[name];
    if (typeof value !== "string") throw this.#damaged(name);
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#facts[name] === undefined ? undefined : this.text(name);
  }

  number(name: string): number {
    const value = this.#facts[name];
    if (typeof value !== "number") throw this.#damaged(name);
    return value;
  }

  optionalNumber(name: string): number | undefined {
    return this.#facts[name] === undefined ? undefined : this.number(name);
  }

  /** Facts within these, if there are any of the name. */
  part(name: string): Facts | undefined {
    const value = this.#facts[name];
    if (value === undefined) return undefined;
    return new Facts({ ...this.#entry, facts: JSON.stringify(value) });
  }

  /** One of the words. */
  word<W extends string>(name: string, words: readonly W[]): W {
    const found = words.find((word) => word === this.#facts[name]);
    if (found === undefined) throw this.#damaged(name);
    return found;
  }

  flag(name: string): boolean {
    return this.#facts[name] === true;
  }

  list(name: string): readonly unknown[] {
    const value = this.#facts[name];
    if (!Array.isArray(value)) throw this.#damaged(name);
    return value;
  }

  #damaged(name: string): MillraceError {
    const { kind, key } = this.#entry;
    return new MillraceError("BACKEND_CORRUPT", `"${name}" of the ${kind} ${key} in the store is not readable`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
