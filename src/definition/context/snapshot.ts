/**
 * Snapshots: a folded context as bytes, so that reading a long run need not begin at its first delta. A snapshot is a
 * cache and nothing else: it is made for one shape, and one of another shape is ignored. Lines of JSON, one for each
 * record of a field, after a first line that says which are whose; so no part of it is ever as large as the whole.
 */

import { Buffer } from "node:buffer";
import { LIMITS } from "../../core/limits.ts";
import { MillraceError } from "../../core/millrace-error.ts";
import { decodeValue, encodeValue } from "../../core/values.ts";
import type { ContextShape } from "./shape.ts";
import type { ContextState } from "./state.ts";

const FORMAT = 1;
const LINE_FEED = 0x0a;

/** What a snapshot is of came in through limits; what it is made of has none. */
const NO_LIMITS = {
  maxBytes: Number.MAX_SAFE_INTEGER,
  maxKeys: Number.MAX_SAFE_INTEGER,
  maxDepth: LIMITS.envelopeDepth,
};

/** The state as bytes, for this shape only. */
export function encodeSnapshot(shape: ContextShape, state: ContextState): Uint8Array {
  const records = shape.behaviours.map((behaviour, number) =>
    behaviour.encode(state.fields[number] ?? behaviour.initial),
  );
  const header = { format: FORMAT, shape: shape.hash, records: records.map(({ length }) => length) };
  const lines: Uint8Array[] = [];
  for (const record of [header, ...records.flat()]) {
    lines.push(encodeValue(record, { what: "a context snapshot", ...NO_LIMITS }), Uint8Array.of(LINE_FEED));
  }
  return new Uint8Array(Buffer.concat(lines));
}

/**
 * The state that was encoded, equal in everything that can be read of it; `undefined` if the snapshot is of another
 * shape or format. Throws `BACKEND_CORRUPT` for bytes that are no snapshot.
 */
export function decodeSnapshot(shape: ContextShape, bytes: Uint8Array): ContextState | undefined {
  const lines = linesOf(bytes);
  const header = lines.next().value;
  if (!isHeader(header)) {
    throw corrupt("its first line is not a header");
  }
  if (header.format !== FORMAT || header.shape !== shape.hash) {
    return undefined;
  }
  const fields = shape.behaviours.map((behaviour, number) => {
    const records = takeRecords(lines, header.records[number]);
    const target = { name: shape.fields[number]?.name ?? "", item: "a snapshot", epoch: 0, at: 0 };
    return behaviour.apply(behaviour.initial, "restore", records, target);
  });
  if (lines.next().done !== true) {
    throw corrupt("it goes on after its last record");
  }
  return { fields };
}

interface Header {
  readonly format: number;
  readonly shape: string;
  readonly records: readonly unknown[];
}

function isHeader(value: unknown): value is Header {
  return (
    typeof value === "object" &&
    value !== null &&
    "format" in value &&
    typeof value.format === "number" &&
    "shape" in value &&
    typeof value.shape === "string" &&
    "records" in value &&
    Array.isArray(value.records)
  );
}

function* linesOf(bytes: Uint8Array): Generator<unknown, void> {
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end === -1) {
      throw corrupt("its last line has no end");
    }
    yield decodeValue(bytes.subarray(start, end), { what: "a context snapshot" });
    start = end + 1;
  }
}

function takeRecords(lines: Iterator<unknown, void>, count: unknown): readonly unknown[] {
  const records: unknown[] = [];
  while (typeof count === "number" && records.length < count) {
    const { value, done } = lines.next();
    if (done === true) {
      throw corrupt("it ends before its last record");
    }
    records.push(value);
  }
  return records;
}

function corrupt(problem: string): MillraceError {
  return new MillraceError("BACKEND_CORRUPT", `a context snapshot cannot be read: ${problem}`);
}
