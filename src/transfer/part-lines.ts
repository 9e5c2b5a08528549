/**
 * Parts of runs as lines of a file, each a list of JSON values that begins with its kind. Bytes stand as base64; nothing of a row
 * is left out but what its place says. Invariant: what is written here is read back equal by `part-reader.ts`.
 */

import type { RunDetails, RunFailure } from "../backend/contract/run.ts";
import type { RunHead, RunPart } from "../backend/contract/transfer.ts";
import { digest } from "../core/digest.ts";
import type { FailureRecord } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeValue } from "../core/values.ts";
import { writtenNumber } from "./run-shapes.ts";

/** The version of the form. */
export const TRANSFER_FORMAT = 1;
export const TRANSFER_NAME = "millrace-runs";

/** Characters of the longest line that is read. Far more than any row has. */
export const LINE_BYTES = 268_435_456;

/** Bytes of a checkpoint in one line. */
const CHUNK_BYTES = 1_048_576;

type Line = readonly [kind: string, ...rest: unknown[]];

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes lines, and keeps the digest of those since the last `begin`. */
export class LineWriter {
  readonly #definitions = new Set<string>();
  #digest = "";
  #lines = 0;

  /** The first line of a file. */
  header(exportedAt: number): string {
    return written([TRANSFER_NAME, TRANSFER_FORMAT, { exportedAt: new Date(exportedAt).toISOString() }]);
  }

  /** The lines of a part, with the definition before the first run that has it. */
  *part(part: RunPart): Generator<string, void> {
    const { head, rows, number, last } = part;
    if (number === 0 && head !== undefined) {
      const { definition } = head;
      if (!this.#definitions.has(definition.hash)) yield written(["definition", definition, digest(definition.json)]);
      this.#definitions.add(definition.hash);
      this.#begin();
      yield this.#add(["run", head.state, detailsOf(head)]);
    }
    for (const { item, payload } of rows.items) yield this.#add(["item", ofRun(withFailure(item)), payload]);
    for (const row of rows.memos) yield this.#add(["memo", row]);
    for (const row of rows.groups) yield this.#add(["group", { ...ofRun(row), arrived: Object.entries(row.arrived) }]);
    for (const row of rows.arrivals) yield this.#add(["arrival", ofRun(row)]);
    for (const row of rows.outputs) yield this.#add(["output", row]);
    for (const row of rows.deltas) yield this.#add(["delta", row]);
    for (const row of rows.failures) yield this.#add(["failure", { ...ofRun(row), failure: failureOf(row.failure) }]);
    for (const row of rows.metrics) yield this.#add(["metric", { ...ofRun(row), value: writtenNumber(row.value) }]);
    for (const row of rows.logs) yield this.#add(["log", ofRun(row)]);
    for (const row of rows.audit) yield this.#add(["audit", ofRun(row)]);
    if (last) yield this.#end();
  }

  /** Takes back the run that has begun. */
  nothing(): string {
    return written(["nothing"]);
  }

  *checkpoint(id: string, status: string, body: Uint8Array): Generator<string, void> {
    this.#begin();
    yield this.#add(["checkpoint", { id, status, bytes: body.byteLength }]);
    for (let at = 0; at < body.byteLength; at += CHUNK_BYTES) {
      yield this.#add(["bytes", body.subarray(at, at + CHUNK_BYTES)]);
    }
    yield this.#end();
  }

  /** The last line of a file. */
  footer(runs: number, checkpoints: number): string {
    return written(["done", { runs, checkpoints }]);
  }

  #begin(): void {
    this.#digest = "";
    this.#lines = 0;
  }

  #add(line: Line): string {
    const text = written(line);
    this.#digest = digestAfter(this.#digest, text);
    this.#lines += 1;
    return text;
  }

  #end(): string {
    return written(["end", { lines: this.#lines, digest: this.#digest }]);
  }
}

/** The digest of lines up to one of them. */
export function digestAfter(before: string, line: string): string {
  return digest(`${before}${line}`);
}

function written(line: Line): string {
  const limits = { maxBytes: LINE_BYTES, maxDepth: LIMITS.envelopeDepth, maxKeys: Number.POSITIVE_INFINITY };
  return decoder.decode(encodeValue(line, { what: `a row of kind ${line[0]}`, ...limits }));
}

function ofRun<T extends { readonly runId: string }>({ runId: _, ...row }: T): Omit<T, "runId"> {
  return row;
}

function detailsOf({ details }: RunHead): unknown {
  const { failure, tags, ...rest }: RunDetails = details;
  return { ...rest, tags: Object.entries(tags), ...(failure === undefined ? {} : { failure: failureOf(failure) }) };
}

function withFailure<T extends { readonly failure: FailureRecord | undefined }>(item: T): T {
  return item.failure === undefined ? item : { ...item, failure: failureOf(item.failure) };
}

/** Details that cannot be stored never keep a failure from being moved. */
function failureOf({ code, message, stack, details, node, item, attempt }: RunFailure): RunFailure {
  return {
    code,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(details === undefined ? {} : { details: storable(details) }),
    ...(node === undefined ? {} : { node }),
    ...(item === undefined ? {} : { item }),
    ...(attempt === undefined ? {} : { attempt }),
  };
}

function storable(details: unknown): unknown {
  try {
    encodeValue(details, { what: "details of a failure" });
    return details;
  } catch {
    return { leftOut: "they could not be stored" };
  }
}
