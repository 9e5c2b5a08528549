/**
 * Reads the lines of a file back into parts of runs and checkpoints. Everything is checked before it is handed on: each
 * value by its shape, each run as a whole before its last part, and that nothing was changed or lost on the way. What is
 * wrong is told with the number of its line.
 */

import { Buffer } from "node:buffer";
import type { DefinitionRecord } from "../backend/contract/records.ts";
import type { RunHead, RunPart, RunRows } from "../backend/contract/transfer.ts";
import { digest } from "../core/digest.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { anything, bytes, count, Misshapen, record, text, tuple } from "../core/shapes.ts";
import type { RunStatus } from "../core/status.ts";
import { parseJson } from "../core/values.ts";
import { type FileLine, invalidLine } from "./file-lines.ts";
import { digestAfter, LINE_BYTES, TRANSFER_FORMAT, TRANSFER_NAME } from "./part-lines.ts";
import {
  arrivalShape,
  auditShape,
  definitionShape,
  deltaShape,
  detailsShape,
  failureShape,
  groupShape,
  itemShape,
  logShape,
  memoShape,
  metricShape,
  outputShape,
  payloadShape,
  runStatus,
  stateShape,
} from "./run-shapes.ts";
import { RunTally } from "./run-tally.ts";

/** What a file holds. `line` is where it began. */
export type FileEntry =
  | { readonly kind: "part"; readonly part: RunPart; readonly line: number }
  /** What was read of the run counts for nothing. */
  | { readonly kind: "nothing"; readonly runId: string }
  | { readonly kind: "checkpoint"; readonly id: string; readonly status: RunStatus; readonly body: Uint8Array };

/** The parts and checkpoints of a file. Throws `INVALID_VALUE`, `BACKEND_TOO_NEW`. */
export async function* readFileEntries(lines: AsyncIterable<FileLine>): AsyncGenerator<FileEntry, void> {
  const reader = new EntryReader();
  let last = 0;
  for await (const line of lines) {
    last = line.number;
    yield* reader.take(line);
  }
  reader.end(last + 1);
}

/** How much of a file has been read to its end. */
interface Ended {
  runs: number;
  checkpoints: number;
}

class EntryReader {
  readonly #definitions = new Map<string, DefinitionRecord>();
  #state: "header" | "between" | "done" = "header";
  #open: RunReader | CheckpointReader | undefined;
  #digest = "";
  #lines = 0;
  readonly #ended: Ended = { runs: 0, checkpoints: 0 };

  take({ number, text: line }: FileLine): readonly FileEntry[] {
    try {
      return this.#take(line, number);
    } catch (error) {
      if (error instanceof Misshapen) throw invalidLine(number, error.message, error);
      throw error;
    }
  }

  /** After the last line. */
  end(line: number): void {
    if (this.#state === "done") return;
    const where = this.#open === undefined ? "" : ` in the middle of ${this.#open.name}`;
    throw invalidLine(line, this.#state === "header" ? "the file is empty" : `the file ends before its end${where}`);
  }

  #take(line: string, number: number): readonly FileEntry[] {
    if (this.#state === "done") throw new Misshapen("the file goes on after its end");
    const [kind, rest] = parseLine(line, number);
    if (this.#state === "header") {
      checkHeader(kind, rest);
      this.#state = "between";
      return [];
    }
    if (kind === "end") return this.#end(rest);
    if (kind === "nothing") return this.#nothing();
    if (this.#open === undefined && !this.#begin(kind, rest, number)) return [];
    this.#digest = digestAfter(this.#digest, line);
    this.#lines += 1;
    return this.#open?.take(kind, rest, line.length) ?? [];
  }

  #nothing(): readonly FileEntry[] {
    const open = this.#open;
    if (!(open instanceof RunReader)) throw new Misshapen("no run has begun that could count for nothing");
    this.#open = undefined;
    return [{ kind: "nothing", runId: open.runId }];
  }

  /** Whether the line is one of a run or a checkpoint. */
  #begin(kind: string, rest: readonly unknown[], number: number): boolean {
    if (kind === "definition") {
      const [definition, told] = tuple<[DefinitionRecord, string]>(definitionShape, text)(rest, kind);
      if (digest(definition.json) !== told) throw new Misshapen("the definition is not as it was written");
      this.#definitions.set(definition.hash, definition);
      return false;
    }
    if (kind === "done") {
      const [told] = tuple<[Ended]>(record<Ended>({ runs: count, checkpoints: count }))(rest, kind);
      const { runs, checkpoints } = this.#ended;
      if (told.runs !== runs || told.checkpoints !== checkpoints) {
        throw new Misshapen(`the file had ${told.runs} runs and ${told.checkpoints} checkpoints; some are missing`);
      }
      this.#state = "done";
      return false;
    }
    if (kind !== "run" && kind !== "checkpoint")
      throw new Misshapen(`a line of the kind ${shown(kind)} has no place here`);
    this.#open = kind === "run" ? new RunReader(this.#definitions, number) : new CheckpointReader();
    this.#digest = "";
    this.#lines = 0;
    return true;
  }

  #end(rest: readonly unknown[]): readonly FileEntry[] {
    const [told] = tuple<[{ lines: number; digest: string }]>(record({ lines: count, digest: text }))(rest, "end");
    const open = this.#open;
    if (open === undefined) throw new Misshapen("nothing has begun that could end");
    if (told.lines !== this.#lines || told.digest !== this.#digest) {
      throw new Misshapen(`${open.name} is not as it was written: lines of it were changed or lost`);
    }
    this.#open = undefined;
    this.#ended[open instanceof RunReader ? "runs" : "checkpoints"] += 1;
    return open.end();
  }
}

/** Gathers the rows of one run into parts. */
class RunReader {
  readonly #definitions: ReadonlyMap<string, DefinitionRecord>;
  readonly #line: number;
  #head: RunHead | undefined;
  #tally: RunTally | undefined;
  #rows = newRows();
  #number = 0;
  #count = 0;
  #bytes = 0;

  constructor(definitions: ReadonlyMap<string, DefinitionRecord>, line: number) {
    this.#definitions = definitions;
    this.#line = line;
  }

  get name(): string {
    return `run ${this.runId}`;
  }

  get runId(): string {
    return this.#head?.state.id ?? "";
  }

  take(kind: string, rest: readonly unknown[], size: number): readonly FileEntry[] {
    if (this.#head === undefined) {
      this.#begin(rest);
      return [];
    }
    // Before the row, so that a full part is never the last one of its run without the run's end being known.
    const full = this.#count >= LIMITS.transferRows || (this.#count > 0 && this.#bytes + size > LIMITS.transferBytes);
    const parts = full ? [this.#part(false)] : [];
    this.#count += 1;
    this.#bytes += size;
    this.#add(kind, rest, this.#head.state.id);
    return parts;
  }

  end(): readonly FileEntry[] {
    if (this.#tally === undefined) throw new Misshapen("a run without a line of its own");
    this.#within(() => this.#tally?.finish());
    return [this.#part(true)];
  }

  #begin(rest: readonly unknown[]): void {
    const [state, details] = tuple<[RunHead["state"], RunHead["details"]]>(stateShape, detailsShape)(rest, "run");
    const definition = this.#definitions.get(state.definition);
    if (definition === undefined) throw new Misshapen(`run ${state.id} has a definition that does not stand before it`);
    if ((state.finishedAt === undefined) !== (state.status === "paused"))
      throw new Misshapen(`run ${state.id} is ${state.status}, which does not fit its end`);
    this.#head = { state, details, definition };
    this.#tally = new RunTally(state);
  }

  #add(kind: string, rest: readonly unknown[], runId: string): void {
    const [rows, tally] = [this.#rows, this.#tally];
    if (tally === undefined) return;
    const one = <T>(shape: (value: unknown, at: string) => T): T => tuple<[T]>(shape)(rest, kind)[0];
    this.#within(() => {
      switch (kind) {
        case "item": {
          const [item, payload] = tuple<[ReturnType<typeof itemShape>, ReturnType<typeof payloadShape>]>(
            itemShape,
            payloadShape,
          )(rest, kind);
          tally.item(item);
          return rows.items.push({ item: { ...item, runId }, payload });
        }
        case "memo": {
          const row = one(memoShape);
          tally.about(row.item);
          return rows.memos.push(row);
        }
        case "group": {
          const row = one(groupShape);
          tally.group(row);
          return rows.groups.push({ ...row, runId });
        }
        case "arrival": {
          const row = one(arrivalShape);
          tally.arrival(row);
          return rows.arrivals.push({ ...row, runId });
        }
        case "output": {
          tally.output();
          return rows.outputs.push(one(outputShape));
        }
        case "delta": {
          const row = one(deltaShape);
          tally.delta(row.sequence);
          return rows.deltas.push(row);
        }
        case "failure":
          return rows.failures.push({ ...one(failureShape), runId });
        case "metric":
          return rows.metrics.push({ ...one(metricShape), runId });
        case "log":
          return rows.logs.push({ ...one(logShape), runId });
        case "audit":
          return rows.audit.push({ ...one(auditShape), runId });
        default:
          throw new Misshapen(`a line of the kind ${shown(kind)} has no place in a run`);
      }
    });
  }

  /** What does not add up is told with the name of the run. */
  #within(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      throw error instanceof Misshapen ? new Misshapen(`${this.name}: ${error.message}`) : error;
    }
  }

  #part(last: boolean): FileEntry {
    const head = this.#number === 0 || last ? this.#head : undefined;
    const part = { runId: this.runId, number: this.#number, head, rows: this.#rows, last };
    this.#rows = newRows();
    this.#number += 1;
    this.#count = 0;
    this.#bytes = 0;
    return { kind: "part", part, line: this.#line };
  }
}

interface ToldCheckpoint {
  readonly id: string;
  readonly status: RunStatus;
  readonly bytes: number;
}

const TOLD_CHECKPOINT = record<ToldCheckpoint>({ id: text, status: runStatus, bytes: count });

/** Gathers the bytes of one checkpoint. */
class CheckpointReader {
  #told: ToldCheckpoint | undefined;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  get name(): string {
    return `checkpoint ${this.#told?.id ?? ""}`;
  }

  take(kind: string, rest: readonly unknown[]): readonly FileEntry[] {
    if (this.#told === undefined) {
      this.#told = tuple<[ToldCheckpoint]>(TOLD_CHECKPOINT)(rest, kind)[0];
      return [];
    }
    if (kind !== "bytes") throw new Misshapen(`a line of the kind ${shown(kind)} has no place in a checkpoint`);
    const [chunk] = tuple<[Uint8Array]>(bytes)(rest, kind);
    this.#size += chunk.byteLength;
    if (this.#size > Math.min(this.#told.bytes, LIMITS.checkpointBytes))
      throw new Misshapen(`${this.name} is too large`);
    this.#chunks.push(chunk);
    return [];
  }

  end(): readonly FileEntry[] {
    const told = this.#told;
    if (told === undefined || told.bytes !== this.#size) throw new Misshapen(`${this.name} is not whole`);
    return [
      { kind: "checkpoint", id: told.id, status: told.status, body: new Uint8Array(Buffer.concat(this.#chunks)) },
    ];
  }
}

function parseLine(line: string, number: number): readonly [kind: string, rest: readonly unknown[]] {
  const limits = { maxBytes: LINE_BYTES, maxDepth: LIMITS.envelopeDepth, maxKeys: Number.MAX_SAFE_INTEGER };
  let parsed: unknown;
  try {
    parsed = parseJson(line, { what: `line ${number}`, ...limits });
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    throw invalidLine(number, error.message.replace(/^line \d+: /, ""), error);
  }
  const [kind, ...rest]: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
  if (typeof kind !== "string") throw new Misshapen("it is not a line of exported runs");
  return [kind, rest];
}

function checkHeader(kind: string, rest: readonly unknown[]): void {
  if (kind !== TRANSFER_NAME) throw new Misshapen("it is not a file of exported runs");
  const [format] = tuple<[number, unknown]>(count, anything)(rest, "the header");
  if (format === TRANSFER_FORMAT) return;
  throw new MillraceError(
    "BACKEND_TOO_NEW",
    `the file has the format ${format}; this release of millrace knows ${TRANSFER_FORMAT}`,
    { hints: ["Upgrade the millrace package of this program to at least the release that wrote the file."] },
  );
}

function shown(kind: string): string {
  return JSON.stringify(kind.slice(0, 40));
}

function newRows() {
  return {
    items: [] as RunRows["items"][number][],
    memos: [] as RunRows["memos"][number][],
    groups: [] as RunRows["groups"][number][],
    arrivals: [] as RunRows["arrivals"][number][],
    outputs: [] as RunRows["outputs"][number][],
    deltas: [] as RunRows["deltas"][number][],
    failures: [] as RunRows["failures"][number][],
    metrics: [] as RunRows["metrics"][number][],
    logs: [] as RunRows["logs"][number][],
    audit: [] as RunRows["audit"][number][],
  } satisfies RunRows;
}
