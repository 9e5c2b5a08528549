/**
 * What one step writes, gathered by key: whatever it does to one key becomes one command, or a few of bounded length. Only
 * commands that may be done twice are made here. Beside them stand what must be unchanged for them to be done at all.
 */

import type { Argument } from "./driver.ts";

/** Arguments of one command, and fields of one check, at most. */
const MOST_ARGUMENTS = 900;

export class WriteList {
  readonly #before: (readonly Argument[])[] = [];
  readonly #hashes = new Map<string, Map<string, Argument | undefined>>();
  readonly #kept = new Map<string, Map<string, Argument>>();
  readonly #indexes = new Map<string, Map<string, number | undefined>>();
  readonly #members = new Map<string, Set<string>>();
  readonly #values = new Map<string, string | undefined>();
  readonly #unlinked = new Set<string>();
  readonly #persisted = new Set<string>();
  readonly #sessions = new Set<string>();
  readonly #checks = new Map<string, Map<string, string>>();
  readonly #otherChecks: (readonly Argument[])[] = [];
  readonly #lists = new Map<string, { readonly fresh: boolean; readonly rows: Argument[] }>();
  readonly #failures = new Map<string, Argument[]>();

  /** Whether nothing is written: what is checked may be checked all the same. */
  get isEmpty(): boolean {
    return [
      this.#before,
      this.#unlinked,
      this.#persisted,
      this.#hashes,
      this.#kept,
      this.#indexes,
      this.#members,
      this.#values,
      this.#sessions,
      this.#lists,
      this.#failures,
    ].every((part) => (Array.isArray(part) ? part.length === 0 : part.size === 0));
  }

  // what is written

  field(key: string, field: string, value: Argument | undefined): void {
    partOf(this.#hashes, key).set(field, value);
  }

  /** Stays as it is if it is there. */
  fieldOnce(key: string, field: string, value: Argument): void {
    const fields = partOf(this.#kept, key);
    if (!fields.has(field)) fields.set(field, value);
  }

  place(key: string, member: string, at: number): void {
    partOf(this.#indexes, key).set(member, Number.isNaN(at) ? 0 : at);
  }

  /** Out of an index, unless it is put there in the same step. */
  displace(key: string, member: string): void {
    const members = partOf(this.#indexes, key);
    if (members.get(member) === undefined) members.set(member, undefined);
  }

  member(key: string, member: string): void {
    const members = this.#members.get(key) ?? new Set();
    this.#members.set(key, members.add(member));
  }

  value(key: string, value: string | undefined): void {
    this.#values.set(key, value);
  }

  /** Happens before everything else of the step. */
  unlink(key: string): void {
    this.#unlinked.add(key);
  }

  /** What was written ahead of the step stays. */
  persist(key: string): void {
    this.#persisted.add(key);
  }

  /** Takes the failures of a run out of the list of all. Before everything else, too. */
  forgetFailures(key: string, run: string): void {
    this.#before.push(["@failures", key, run]);
  }

  /** Its place among those that have items is worked out anew, once all is written. */
  session(session: string): void {
    this.#sessions.add(session);
  }

  append(key: string, row: Argument): void {
    const list = this.#lists.get(key) ?? { fresh: this.#unlinked.has(key), rows: [] };
    this.#lists.set(key, list);
    list.rows.push(row);
  }

  appendFailure(key: string, run: string, at: number, row: string): void {
    const known = this.#failures.get(key) ?? [run];
    this.#failures.set(key, known);
    known.push(scoreText(at), row);
  }

  // what must be unchanged

  /** `version` undefined: there must be none. */
  expectVersion(key: string, field: string, version: string | undefined): void {
    partOf(this.#checks, key).set(field, version === undefined ? "" : `=${version}`);
  }

  /** What stands after the version of a run, unless more than that is expected of it. */
  expectStanding(key: string, field: string, standing: string): void {
    const fields = partOf(this.#checks, key);
    if (!fields.has(field)) fields.set(field, `~${standing}`);
  }

  expectField(key: string, field: string, value: string | undefined): void {
    partOf(this.#checks, key).set(field, exactly(value));
  }

  expectValue(key: string, value: string | undefined): void {
    this.#otherChecks.push(["G", key, exactly(value)]);
  }

  expectCount(key: string, count: number): void {
    this.#otherChecks.push(["Z", key, String(count)]);
  }

  expectRange(key: string, range: readonly Argument[], members: readonly string[]): void {
    this.#otherChecks.push(["L", key, ...range, String(members.length), ...members]);
  }

  /** All of it, as the script takes it. */
  arguments(now: number, nextDue: boolean, reserved: readonly string[]): readonly Argument[] {
    const checks = [...this.#hashChecks(), ...this.#otherChecks];
    const commands = [...this.#commands()];
    const types = [...this.#types()];
    const lists = [
      ...[...this.#lists].map(([key, { fresh, rows }]) => [key, fresh ? "0" : "+", String(rows.length), ...rows]),
      ...[...this.#failures].map(([key, [run = "", ...rows]]) => ["F", key, run, String(rows.length / 2), ...rows]),
    ];
    return [
      String(now),
      nextDue ? "1" : "0",
      String(reserved.length),
      ...reserved,
      String(types.length),
      ...types.flat(),
      String(checks.length),
      ...checks.flat(),
      String(commands.length),
      ...commands.flatMap((command) => [String(command.length), ...command]),
      String(lists.length),
      ...lists.flat(),
    ];
  }

  *#hashChecks(): Generator<readonly Argument[], undefined> {
    for (const [key, fields] of this.#checks) {
      for (const part of parts([...fields], MOST_ARGUMENTS / 2)) {
        yield ["H", key, String(part.length), ...part.flat()];
      }
    }
  }

  /** Keys that no check reads. */
  *#types(): Generator<readonly [string, string], undefined> {
    for (const key of new Set([...this.#hashes.keys(), ...this.#kept.keys(), ...this.#lists.keys()])) {
      if (!this.#checks.has(key)) yield [key, "hash"];
    }
    for (const key of this.#failures.keys()) yield [key, "hash"];
    for (const key of this.#indexes.keys()) yield [key, "zset"];
    for (const key of this.#members.keys()) yield [key, "set"];
    for (const key of this.#values.keys()) yield [key, "string"];
  }

  *#commands(): Generator<readonly Argument[], undefined> {
    yield* this.#before;
    for (const part of parts([...this.#unlinked], MOST_ARGUMENTS)) yield ["UNLINK", ...part];
    for (const [key, fields] of this.#hashes) yield* hashCommands(key, fields);
    for (const [key, fields] of this.#kept) {
      for (const [field, value] of fields) yield ["HSETNX", key, field, value];
    }
    for (const [key, members] of this.#indexes) yield* indexCommands(key, members);
    for (const [key, members] of this.#members) {
      for (const part of parts([...members], MOST_ARGUMENTS)) yield ["SADD", key, ...part];
    }
    for (const [key, value] of this.#values) yield value === undefined ? ["DEL", key] : ["SET", key, value];
    for (const key of this.#persisted) yield ["PERSIST", key];
    for (const session of this.#sessions) yield ["@session", session];
  }
}

function* hashCommands(
  key: string,
  fields: ReadonlyMap<string, Argument | undefined>,
): Generator<readonly Argument[], undefined> {
  const put: Argument[][] = [];
  const gone: string[] = [];
  for (const [field, value] of fields) {
    if (value === undefined) gone.push(field);
    else put.push([field, value]);
  }
  for (const part of parts(put, MOST_ARGUMENTS / 2)) yield ["HSET", key, ...part.flat()];
  for (const part of parts(gone, MOST_ARGUMENTS)) yield ["HDEL", key, ...part];
}

function* indexCommands(
  key: string,
  members: ReadonlyMap<string, number | undefined>,
): Generator<readonly Argument[], undefined> {
  const put: string[][] = [];
  const gone: string[] = [];
  for (const [member, at] of members) {
    if (at === undefined) gone.push(member);
    else put.push([scoreText(at), member]);
  }
  for (const part of parts(gone, MOST_ARGUMENTS)) yield ["ZREM", key, ...part];
  for (const part of parts(put, MOST_ARGUMENTS / 2)) yield ["ZADD", key, ...part.flat()];
}

/** What an index orders by, as Redis reads it. */
export function scoreText(at: number): string {
  if (at === Number.POSITIVE_INFINITY) return "inf";
  return at === Number.NEGATIVE_INFINITY ? "-inf" : String(at);
}

function exactly(value: string | undefined): string {
  return value === undefined ? "" : `.${value}`;
}

function partOf<V>(parts: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = parts.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, V>();
  parts.set(key, made);
  return made;
}

function* parts<T>(list: readonly T[], length: number): Generator<readonly T[], undefined> {
  for (let at = 0; at < list.length; at += length) yield list.slice(at, at + length);
}
