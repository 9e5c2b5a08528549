/**
 * The rows of a run as lines of JSON, one for each row, `[kind, …]`. Bytes of values are JSON text anyway and stand there
 * as a string; other bytes as `{"base64": …}`. Details of failures are a user's value and stand there as text of their
 * own. The run's id is said once. Invariant: a row comes back as it was written, whatever its user put into it.
 */

import { Buffer } from "node:buffer";
import type { AuditEntry } from "../backend/contract/control.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LogEntry,
  MetricEntry,
  OutputRecord,
} from "../backend/contract/records.ts";
import type { RunDetails, RunFailure, RunState } from "../backend/contract/run.ts";
import type { MemoRow } from "../backend/contract/transfer.ts";
import type { Arrival, BranchGroup, ItemPayload, WorkItem } from "../backend/contract/work-item.ts";
import type { RunImage } from "../backend/memory/run-image.ts";
import type { FailureRecord } from "../core/errors.ts";
import { decodeValue, encodeValue } from "../core/values.ts";

type StoredBytes = string | { readonly base64: string };
type StoredFailure<T extends FailureRecord = FailureRecord> = Omit<T, "details"> & { readonly details?: string };
type Stored<T, K extends PropertyKey = never> = Omit<T, K | "runId">;

/** One row. What has a codec of its own stands behind the rest. */
export type Line =
  | readonly ["definition", DefinitionRecord]
  | readonly ["run", RunState]
  | readonly ["details", StoredDetails, StoredBytes, StoredBytes | null, StoredFailure<RunFailure> | null]
  | readonly ["item", Stored<WorkItem, "failure">, StoredFailure | null]
  | readonly ["payload", number, StoredBytes | null, StoredBytes | null]
  | readonly ["memo", number, string, StoredBytes]
  | readonly ["group", Stored<BranchGroup>]
  | readonly ["arrival", Stored<Arrival, "value">, StoredBytes]
  | readonly ["output", Stored<OutputRecord, "value">, StoredBytes]
  | readonly ["delta", Stored<DeltaRecord, "delta">, StoredBytes]
  | readonly ["failure", Stored<FailureEntry, "failure">, StoredFailure]
  | readonly ["metric", Stored<MetricEntry, "value">, number | string]
  | readonly ["log", Stored<LogEntry>]
  | readonly ["audit", Stored<AuditEntry>]
  | readonly ["entry", Stored<RunImage["entries"][number], "value">, StoredBytes | null];

type StoredDetails = Stored<RunDetails, "input" | "output" | "failure">;

/** Gives the lines of the rows that are new, in an order in which `ImageBuilder` takes them. */
export function writeLines(image: RunImage, isNew: (row: object) => boolean, write: (line: Line) => void): void {
  const { definition, state, details } = image;
  if (isNew(definition)) write(["definition", definition]);
  if (isNew(state)) write(["run", state]);
  if (isNew(details)) write(detailsLine(details));
  for (const { item, payload } of image.items) {
    if (isNew(item)) write(itemLine(item));
    if (isNew(payload)) write(payloadLine(item.item, payload));
  }
  for (const row of image.memos) if (isNew(row.value)) write(["memo", row.item, row.name, stored(row.value)]);
  for (const row of image.groups) if (isNew(row)) write(["group", withoutRun(row)]);
  for (const row of image.arrivals) if (isNew(row)) write(arrivalLine(row));
  for (const row of image.outputs) if (isNew(row)) write(outputLine(row));
  for (const row of image.deltas) if (isNew(row)) write(deltaLine(row));
  for (const row of image.failures) if (isNew(row)) write(failureLine(row));
  for (const row of image.metrics) if (isNew(row)) write(metricLine(row));
  for (const row of image.logs) if (isNew(row)) write(["log", withoutRun(row)]);
  for (const row of image.audit) if (isNew(row)) write(["audit", withoutRun(row)]);
  for (const row of image.entries) if (isNew(row)) write(entryLine(row));
}

/** Puts a run together from its lines. A later line of the run, an item, a payload, a group or an entry takes the place of the older one. */
export class ImageBuilder {
  #definition: DefinitionRecord | undefined;
  #state: RunState | undefined;
  #details: RunDetails | undefined;
  #runId = "";
  readonly #groups = new Map<number, BranchGroup>();
  /** Some of these may be over by now: nothing tells of an entry that is gone. */
  readonly #entries = new Map<string, RunImage["entries"][number]>();
  readonly #rows = {
    items: [] as RunImage["items"][number][],
    memos: [] as MemoRow[],
    arrivals: [] as Arrival[],
    outputs: [] as OutputRecord[],
    deltas: [] as DeltaRecord[],
    failures: [] as FailureEntry[],
    metrics: [] as MetricEntry[],
    logs: [] as LogEntry[],
    audit: [] as AuditEntry[],
  };

  add(line: Line): void {
    const rows = this.#rows;
    const runId = this.#runId;
    switch (line[0]) {
      case "definition":
        this.#definition = line[1];
        return;
      case "run":
        this.#state = line[1];
        this.#runId = line[1].id;
        return;
      case "details":
        this.#details = readDetails(line);
        return;
      case "item":
        this.#putItem({ ...line[1], runId, failure: readFailure(line[2]) });
        return;
      case "payload":
        this.#putPayload(line[1], { input: readOrNone(line[2]), failure: readOrNone(line[3]) });
        return;
      case "memo":
        rows.memos.push({ item: line[1], name: line[2], value: read(line[3]) });
        return;
      case "group":
        this.#groups.set(line[1].group, { ...line[1], runId });
        return;
      case "arrival":
        rows.arrivals.push({ ...line[1], runId, value: read(line[2]) });
        return;
      case "output":
        rows.outputs.push({ ...line[1], value: read(line[2]) });
        return;
      case "delta":
        rows.deltas.push({ ...line[1], delta: read(line[2]) });
        return;
      case "failure":
        rows.failures.push({ ...line[1], runId, failure: readFailure(line[2]) });
        return;
      case "metric":
        rows.metrics.push({ ...line[1], runId, value: Number(line[2]) });
        return;
      case "log":
        rows.logs.push({ ...line[1], runId });
        return;
      case "audit":
        rows.audit.push({ ...line[1], runId });
        return;
      case "entry":
        this.#entries.set(JSON.stringify([line[1].kind, line[1].key]), {
          ...line[1],
          runId,
          value: readOrNone(line[2]),
        });
        return;
    }
  }

  /** `undefined` while a part is missing without which it is no run. */
  build(): RunImage | undefined {
    const [definition, state, details] = [this.#definition, this.#state, this.#details];
    if (definition === undefined || state === undefined || details === undefined) return undefined;
    const groups = [...this.#groups.values()];
    return { definition, state, details, ...this.#rows, groups, entries: [...this.#entries.values()] };
  }

  #putItem(item: WorkItem): void {
    const { items } = this.#rows;
    items[item.item] = { item, payload: items[item.item]?.payload ?? NOTHING };
  }

  #putPayload(number: number, payload: ItemPayload): void {
    const owner = this.#rows.items[number];
    if (owner !== undefined) this.#rows.items[number] = { item: owner.item, payload };
  }
}

const NOTHING: ItemPayload = { input: undefined, failure: undefined };

type LineOf<K extends Line[0]> = Extract<Line, readonly [K, ...unknown[]]>;

function detailsLine({ input, output, failure, ...rest }: RunDetails): LineOf<"details"> {
  return ["details", rest, stored(input), storedOrNull(output), failure === undefined ? null : storedFailure(failure)];
}

function readDetails([, rest, input, output, failure]: LineOf<"details">): RunDetails {
  return { ...rest, input: read(input), output: readOrNone(output), failure: readFailure(failure) };
}

function itemLine(item: WorkItem): LineOf<"item"> {
  const { failure, ...rest } = withoutRun(item);
  return ["item", rest, failure === undefined ? null : storedFailure(failure)];
}

function payloadLine(number: number, { input, failure }: ItemPayload): LineOf<"payload"> {
  return ["payload", number, storedOrNull(input), storedOrNull(failure)];
}

function arrivalLine(row: Arrival): LineOf<"arrival"> {
  const { value, ...rest } = withoutRun(row);
  return ["arrival", rest, stored(value)];
}

function outputLine({ value, ...rest }: OutputRecord): LineOf<"output"> {
  return ["output", rest, stored(value)];
}

function deltaLine({ delta, ...rest }: DeltaRecord): LineOf<"delta"> {
  return ["delta", rest, stored(delta)];
}

function failureLine(row: FailureEntry): LineOf<"failure"> {
  const { failure, ...rest } = withoutRun(row);
  return ["failure", rest, storedFailure(failure)];
}

function entryLine({ value, runId: _, ...rest }: RunImage["entries"][number]): LineOf<"entry"> {
  return ["entry", rest, storedOrNull(value)];
}

/** JSON has no word for some numbers, and none for the sign of zero. */
function metricLine(row: MetricEntry): LineOf<"metric"> {
  const { value, ...rest } = withoutRun(row);
  const plain = Number.isFinite(value) && !Object.is(value, -0);
  return ["metric", rest, plain ? value : Object.is(value, -0) ? "-0" : String(value)];
}

function withoutRun<T extends { readonly runId: string }>({ runId: _, ...rest }: T): Omit<T, "runId"> {
  return rest;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function stored(bytes: Uint8Array): StoredBytes {
  try {
    return decoder.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64") };
  }
}

function storedOrNull(bytes: Uint8Array | undefined): StoredBytes | null {
  return bytes === undefined ? null : stored(bytes);
}

function read(bytes: StoredBytes): Uint8Array {
  return typeof bytes === "string" ? encoder.encode(bytes) : new Uint8Array(Buffer.from(bytes.base64, "base64"));
}

function readOrNone(bytes: StoredBytes | null): Uint8Array | undefined {
  return bytes === null ? undefined : read(bytes);
}

function storedFailure<T extends FailureRecord>({ details, ...rest }: T): StoredFailure<T> {
  return details === undefined ? rest : { ...rest, details: detailsText(details) };
}

/** Details that cannot be stored never keep a failure from being saved. */
function detailsText(details: unknown): string {
  try {
    return decoder.decode(encodeValue(details, { what: "details of a failure" }));
  } catch {
    return JSON.stringify({ leftOut: "they could not be stored" });
  }
}

function readFailure<T extends StoredFailure>(failure: T): T;
function readFailure<T extends StoredFailure>(failure: T | null): T | undefined;
function readFailure(failure: StoredFailure | null): FailureRecord | undefined {
  if (failure?.details === undefined) return failure ?? undefined;
  const { details, ...rest } = failure;
  return { ...rest, details: decodeValue(encoder.encode(details), { what: "details of a failure" }) };
}
