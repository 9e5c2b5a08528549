/**
 * What data that comes from elsewhere, a file or a document, must look like, as functions that give it back with its type or say what is wrong and where. They
 * trust nothing: a property that nobody asked for is refused like one that is missing.
 */

/** Throws `Misshapen` for what does not fit. `at` names the place. */
export type Shape<T> = (value: unknown, at: string) => T;

/** What is wrong with a value, in words that follow the name of its place. */
export class Misshapen extends Error {
  override readonly name = "Misshapen";
}

export const text: Shape<string> = (value, at) => {
  if (typeof value !== "string") throw new Misshapen(`${at} must be text`);
  return value;
};

export const number: Shape<number> = (value, at) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new Misshapen(`${at} must be a number`);
  return value;
};

/** A whole number from 0. */
export const count: Shape<number> = (value, at) => {
  const given = number(value, at);
  if (!Number.isSafeInteger(given) || given < 0) throw new Misshapen(`${at} must be a whole number from 0`);
  return given;
};

export const flag: Shape<boolean> = (value, at) => {
  if (typeof value !== "boolean") throw new Misshapen(`${at} must be true or false`);
  return value;
};

export const bytes: Shape<Uint8Array> = (value, at) => {
  if (!(value instanceof Uint8Array)) throw new Misshapen(`${at} must be bytes`);
  return value;
};

export const anything: Shape<unknown> = (value) => value;

export function oneOf<T extends string>(choices: readonly T[]): Shape<T> {
  return (value, at) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Misshapen(`${at} must be one of ${choices.join(", ")}`);
    return found;
  };
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, at) => (value === undefined ? undefined : shape(value, at));
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new Misshapen(`${at} must be a list`);
    return value.map((entry, index) => shape(entry, `${at}[${index}]`));
  };
}

/** A list of exactly these. */
export function tuple<T extends readonly unknown[]>(...shapes: { readonly [K in keyof T]: Shape<T[K]> }): Shape<T> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length !== shapes.length) {
      throw new Misshapen(`${at} must be a list of ${shapes.length}`);
    }
    const read = shapes.map((shape, index) => shape(value[index], `${at}[${index}]`));
    // Each place has been read by the shape of its type.
    return read as unknown[] as T & unknown[];
  };
}

/** Names and what they stand for, as a list of pairs: any text may be a name. */
export function named<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  const pairs = listOf(tuple<readonly [string, T]>(text, shape));
  return (value, at) => {
    const entries = pairs(value, at);
    if (new Set(entries.map(([name]) => name)).size < entries.length) throw new Misshapen(`${at} has a name twice`);
    return Object.fromEntries(entries);
  };
}

/** An object with these properties and no others. */
export function record<T extends object>(shapes: { readonly [K in keyof Required<T>]: Shape<T[K]> }): Shape<T> {
  const known: readonly [string, Shape<unknown>][] = Object.entries(shapes);
  return (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) {
      throw new Misshapen(`${at} must be an object`);
    }
    const given = new Map<string, unknown>(Object.entries(value));
    const read = known.map(([name, shape]) => [name, shape(given.get(name), `${at}.${name}`)] as const);
    for (const name of given.keys()) {
      if (!Object.hasOwn(shapes, name)) throw new Misshapen(`${at} has the unknown property ${JSON.stringify(name)}`);
    }
    const present = read.filter(([, part]) => part !== undefined);
    // Each property has been read by the shape of its type.
    return Object.fromEntries(present) as T;
  };
}
