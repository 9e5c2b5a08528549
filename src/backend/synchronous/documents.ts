/**
 * Documents over entries: which version a put makes, or that it comes too late, is decided inside of the step that writes.
 * One that is due lies among the due entries too, so that no worker sleeps over it; whoever meets it there gives a hint and
 * puts it off for a while, and the version stays what it was.
 */

import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkName } from "../../core/names.ts";
import type { DocumentOperations, DocumentRecord, PutDocument, PutOutcome } from "../contract/documents.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { Engine } from "./engine.ts";
import { Facts } from "./entry-facts.ts";
import { decodeCursor, encodeCursor, pageLimit } from "./paging.ts";
import { DUE_ENTRIES, type Entry, type RowStore } from "./row-store.ts";

const PREFIX = "doc:";
/** Place of documents that are never due: the last instant that there is. */
const NEVER = 8_640_000_000_000_000;
/** Those who keep documents know when they are due, and mostly need no hint. */
const NOTICE_MS = 1_000;
const FIRST_AGAIN_MS = 5_000;
const LAST_AGAIN_MS = 300_000;

/** The kind of the entry that a document is. */
export function documentKind(kind: string): string {
  return PREFIX + kind;
}

export function isDocument({ kind }: Pick<Entry, "kind">): boolean {
  return kind.startsWith(PREFIX);
}

export function documentsOver({ write, read }: Pick<Engine, "write" | "read">): DocumentOperations {
  return {
    async get(kind, key) {
      checkAddress(kind, key);
      return await read((store) => find(store, kind, key));
    },
    async put(request) {
      const { kind, key } = request;
      checkAddress(kind, key);
      checkContent(request);
      return await write((step) => put(step, request), { kind: "document", of: kind, key });
    },
    async remove({ kind, key, expectedVersion }) {
      checkAddress(kind, key);
      return await write(
        ({ store }) => {
          const before = find(store, kind, key);
          if (before === undefined) return { kind: "absent" };
          if (expectedVersion !== undefined && expectedVersion !== before.version)
            return { kind: "conflict", document: before };
          store.removeEntry({ kind: documentKind(kind), key, runId: undefined });
          return { kind: "removed" };
        },
        { kind: "document", of: kind, key },
      );
    },
    async list(kind, page) {
      checkName(kind, "the kind of a document");
      return await read((store) => list(store, kind, page));
    },
  };
}

/** Tells that the document is due, and puts it off, so that it is told of again if nobody does anything about it. */
export function noticeDocument(step: AtomicStep, entry: Entry): void {
  const { now, store } = step;
  const due = recordOf(entry).at ?? now;
  const waitMs = Math.min(LAST_AGAIN_MS, Math.max(FIRST_AGAIN_MS, (now - due) / 2));
  const places = entry.places.map((place) => (place.list === DUE_ENTRIES ? { ...place, at: now + waitMs } : place));
  store.putEntry({ ...entry, places });
  step.noticedDocument();
}

function put(step: AtomicStep, { kind, key, json, value, at, expectedVersion }: PutDocument): PutOutcome {
  const { store, now } = step;
  const before = find(store, kind, key);
  if (expectedVersion !== undefined && expectedVersion !== (before?.version ?? 0))
    return { kind: "conflict", document: before };
  // Instants are higher than any count of changes, so that a document which is made again goes on above the one before.
  const version = Math.max(now, (before?.version ?? 0) + 1);
  const document: DocumentRecord = { kind, key, version, json, value, at, changedAt: now };
  store.putEntry({
    kind: documentKind(kind),
    key,
    runId: undefined,
    facts: JSON.stringify({ version, json, at, changedAt: now }),
    value,
    places: [
      { list: documentKind(kind), at: at ?? NEVER },
      ...(at === undefined ? [] : [{ list: DUE_ENTRIES, at: Math.max(at, now) + NOTICE_MS }]),
    ],
  });
  return { kind: "put", document };
}

function find(store: RowStore, kind: string, key: string): DocumentRecord | undefined {
  const entry = store.entry(documentKind(kind), key);
  return entry && recordOf(entry);
}

function recordOf(entry: Entry): DocumentRecord {
  const facts = new Facts(entry);
  return {
    kind: entry.kind.slice(PREFIX.length),
    key: entry.key,
    version: facts.number("version"),
    json: facts.text("json"),
    value: entry.value,
    at: facts.optionalNumber("at"),
    changedAt: facts.number("changedAt"),
  };
}

function list(
  store: RowStore,
  kind: string,
  { upTo, ...page }: PageRequest & { readonly upTo?: number | undefined },
): Page<DocumentRecord> {
  const name = documentKind(kind);
  const limit = pageLimit(page);
  const position = decodeCursor(name, page.cursor, ["number", "string"]);
  const after = position === undefined ? undefined : { at: position[0], key: position[1] };
  const found = store.entries(name, { after, upTo, limit: limit + 1 });
  const entries = found.slice(0, limit).map(recordOf);
  const last = entries.at(-1);
  if (found.length <= limit || last === undefined) return { entries };
  return { entries, cursor: encodeCursor(name, [last.at ?? NEVER, last.key]) };
}

function checkAddress(kind: string, key: string): void {
  checkName(kind, "the kind of a document");
  checkName(key, "the key of a document");
}

function checkContent({ key, json, value, at }: PutDocument): void {
  if (at !== undefined && !(Number.isSafeInteger(at) && Math.abs(at) <= NEVER))
    throw new MillraceError("INVALID_VALUE", `the instant at which a document is due is no instant: ${String(at)}`);
  const bytes = Buffer.byteLength(json) + (value?.byteLength ?? 0);
  if (bytes > LIMITS.documentBytes)
    throw new MillraceError(
      "PAYLOAD_TOO_LARGE",
      `the document ${key} has ${bytes} bytes, more than the ${LIMITS.documentBytes} that are kept`,
    );
}
