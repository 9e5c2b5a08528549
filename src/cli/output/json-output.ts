/**
 * What `--json` writes: one JSON document on standard output, a row per line, so that it can be parsed as a whole, read
 * line by line, and written without holding a long list in memory. Byte arrays read as `{"$bytes": "<base64>"}`, as they
 * do everywhere in Millrace. Hidden characters are escaped, never dropped: the value stays what it is.
 */

import { Buffer } from "node:buffer";
import { plainJson } from "./plain-text.ts";
import type { Output } from "./terminal.ts";

const LIKE_BYTES = /^\$+bytes$/;

/** One value in one line. */
export function jsonLine(value: unknown): string {
  return plainJson(JSON.stringify(withBytes(value)));
}

/** One value over several lines, for people who read JSON. */
export function jsonBlock(value: unknown): string {
  return plainJson(JSON.stringify(withBytes(value), undefined, 2));
}

/** A document `{"<name>":[…]}` of rows that come one by one. */
export interface RowsDocument {
  row(value: unknown): void;
  /** Ends it; `rest` are further properties beside the rows. */
  end(rest?: Readonly<Record<string, unknown>>): void;
}

/** Begins a document of rows on the given output. */
export function rowsDocument(output: Output, name: string): RowsDocument {
  let pending: string | undefined;
  let rows = 0;
  const flush = (comma: boolean): void => {
    if (pending !== undefined) output.line(comma ? `${pending},` : pending);
  };
  return {
    row(value) {
      if (rows === 0) output.line(`{${JSON.stringify(name)}:[`);
      flush(true);
      pending = jsonLine(value);
      rows += 1;
    },
    end(rest = {}) {
      flush(false);
      const more = Object.entries(rest)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => `,${JSON.stringify(key)}:${jsonLine(value)}`)
        .join("");
      output.line(rows === 0 ? `{${JSON.stringify(name)}:[]${more}}` : `]${more}}`);
    },
  };
}

/** Values of the engine hold no dates, maps or getters; only bytes have no form in JSON. */
function withBytes(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(withBytes);
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  const [only] = entries;
  // What only looks like bytes is set apart by one more dollar sign, as it is in the store.
  if (entries.length === 1 && only !== undefined && LIKE_BYTES.test(only[0]))
    return { [`$${only[0]}`]: withBytes(only[1]) };
  return Object.fromEntries(entries.map(([key, held]) => [key, withBytes(held)]));
}
