/**
 * Puts runs into a store, part by part. A run that fits into one part is inserted as it is; a larger one is staged, out of
 * everybody's sight and reach, and appears with its last part. Whoever imports a run anew begins with its first part; what
 * an import before left behind is removed then. Invariant: what cannot be told to be the next part changes nothing.
 */

import { MillraceError } from "../../core/errors.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { RunState } from "../contract/run.ts";
import type { ImportOutcome, ImportPart, RunHead, RunPart, TransferOperations } from "../contract/transfer.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { RowStore } from "./row-store.ts";
import { headOf, identityOf, markOf } from "./run-capture.ts";
import { insertRows } from "./run-image.ts";
import { isStaged, staged, visible } from "./staged-runs.ts";

/** What came of a part; `cleared`: what was in its way was removed, and it is to be tried again in a step of its own. */
export function importPart(step: AtomicStep, request: ImportPart): ImportOutcome | { readonly kind: "cleared" } {
  const { store } = step;
  const { part } = request;
  const there = store.runState(part.runId);
  if (there !== undefined && !isStaged(there)) return compare(store, there, part);
  if (part.number > 0) return there === undefined ? SUPERSEDED : goOn(step, there, request);
  if (there !== undefined && there.affinity === importerOf(request) && there.commits === 1) return TAKEN;
  if (there === undefined) return begin(step, request);
  store.removeRun(part.runId);
  step.touched(part.runId);
  return { kind: "cleared" };
}

/** Throws `INVALID_VALUE` for what cannot be a part of a run, whatever the store holds. */
export function checkPart({ import: importer, part }: ImportPart): void {
  const { runId, number, head, rows, last } = part;
  check(typeof importer === "string" && importer !== "", "an import has a name");
  check(Number.isSafeInteger(number) && number >= 0, "the parts of a run are numbered from 0");
  check((head !== undefined) === (number === 0 || last), "the first and the last part of a run have its head");
  if (head !== undefined) checkHead(head, runId);
  const { items, groups, arrivals, failures, metrics, logs, audit } = rows;
  const owners = [...items.map(({ item }) => item), ...groups, ...arrivals, ...failures, ...metrics, ...logs, ...audit];
  check(
    owners.every((row) => row.runId === runId),
    "the rows of a part are all of its run",
  );
  const dense = items.every(({ item }, at) => item.item === (items[0]?.item.item ?? 0) + at);
  check(dense, "items come in the order of their numbers, without a gap");
}

/** Removes the run, if it is in the state of the mark. */
export function removeMarked(
  step: AtomicStep,
  { runId, mark, actor }: Parameters<TransferOperations["remove"]>[0],
): Awaited<ReturnType<TransferOperations["remove"]>> {
  const run = visible(step.run(runId));
  if (run === undefined) return "absent";
  if (markOf(run) !== mark) return "changed";
  step.store.removeRun(runId);
  step.touched(runId);
  const detail = JSON.stringify({ moved: true });
  step.store.insertAudit({ runId, at: step.now, action: "delete", actor, detail, item: undefined });
  return "removed";
}

const SUPERSEDED = { kind: "superseded" } as const;
const TAKEN = { kind: "taken" } as const;

function begin(step: AtomicStep, request: ImportPart): ImportOutcome {
  const { store, now } = step;
  const { rows, last, head } = request.part;
  if (head === undefined) return SUPERSEDED;
  const { state, details, definition } = head;
  const { workflow, idempotencyKey } = details;
  const holder = idempotencyKey === undefined ? undefined : store.runIdByKey(workflow, idempotencyKey);
  if (holder !== undefined) return { kind: "conflict", by: "idempotencyKey", runId: holder };
  check((rows.items[0]?.item.item ?? 0) === 0, "the items of a run are numbered from 0");
  if (last) check(rows.items.length === state.items, `a run of ${state.items} items has as many`);
  publish(store, definition);
  const whole = { ...state, affinity: undefined };
  const run = last ? whole : staged(whole, importerOf(request), 1);
  store.insertRun(run, details);
  step.touched(run.id);
  insertRows(store, run, rows, now);
  return last ? { kind: "imported" } : TAKEN;
}

function goOn(step: AtomicStep, there: RunState, request: ImportPart): ImportOutcome {
  const { store, now } = step;
  const { number, rows, last, head } = request.part;
  if (there.affinity !== importerOf(request)) return SUPERSEDED;
  if (there.commits === number + 1) return TAKEN;
  if (there.commits !== number) return SUPERSEDED;
  checkItems(store, there, request.part);
  if (!last || head === undefined) {
    insertRows(store, there, rows, now);
    store.putRun({ ...there, commits: number + 1 });
    return TAKEN;
  }
  const whole = { ...head.state, affinity: undefined };
  const expected = staged(whole, importerOf(request), number);
  check(markOf(expected) === markOf(there), "the last part of a run tells the same of it as the first");
  insertRows(store, there, rows, now);
  store.putRun(whole);
  step.touched(there.id);
  return { kind: "imported" };
}

/** The items of the part follow those that are there; with its last part the run has all of them. */
function checkItems(store: RowStore, run: RunState, { rows, last }: RunPart): void {
  const first = rows.items[0]?.item.item;
  if (first !== undefined) {
    const follows =
      store.item(run.id, first) === undefined && (first === 0 || store.item(run.id, first - 1) !== undefined);
    check(follows, `item ${first} does not follow those before it`);
  }
  if (!last) return;
  const missing = run.items - 1;
  const isThere = rows.items.some(({ item }) => item.item === missing) || store.item(run.id, missing) !== undefined;
  check(isThere && (rows.items.at(-1)?.item.item ?? 0) < run.items, `a run of ${run.items} items has as many`);
}

/** The same run, exported again, has an equal head; so a last part that is sent again finds what it made. */
function compare(store: RowStore, there: RunState, { runId, head }: RunPart): ImportOutcome {
  if (head === undefined) return SUPERSEDED;
  if (identityOf(headOf(store, there)) === identityOf(head)) return { kind: "existing" };
  return { kind: "conflict", by: "id", runId };
}

/** Stores the definition under its hash, and leaves it to what its name and version stood for to go on doing so. */
function publish(store: RowStore, definition: RunHead["definition"]): void {
  if (store.definition(definition.hash) !== undefined) return;
  const before = store.definitionHash(definition.name, definition.version);
  const standing = before === undefined ? undefined : store.definition(before);
  store.putDefinition(definition);
  if (standing !== undefined) store.putDefinition(standing);
}

/** No session has such a name: those of workers are names, without blanks. */
function importerOf({ import: importer }: ImportPart): string {
  return `import ${importer}`;
}

function checkHead({ state, details, definition }: RunHead, runId: string): void {
  check(state.id === runId, "the head of a part is that of its run");
  check(state.definition === definition.hash, "a run comes with its own definition");
  check(state.status === "paused" || isTerminalRun(state.status), "a run that is moved is paused or has ended");
  check(isTerminalRun(state.status) === (state.finishedAt !== undefined), "a run that has ended says when");
  check(Number.isSafeInteger(state.generation) && state.generation >= 0, "generations are counted from 0");
  check(Number.isSafeInteger(state.items) && state.items > 0, "a run has at least one item");
  check(details.input instanceof Uint8Array, "a run has an input");
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new MillraceError("INVALID_VALUE", message);
}
