/** Writes what a step adds to contexts and to what happened. All of it is only ever appended, but for folded contexts. */

import type { Changes } from "../remote/changes.ts";
import { toStoredFailure } from "../sql/stored-failure.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { Statement } from "./driver.ts";
import { knownRun } from "./run-writing.ts";
import type { Statements } from "./statements.ts";
import type { StepRows } from "./step-rows.ts";
import { insertion, lastOfEach } from "./writing.ts";

const INSERT_DELTAS = insertion("delta", [
  ["run", "bigint"],
  ["sequence", "integer"],
  ["maker", "integer"],
  ["epoch", "integer"],
  ["at", "double precision"],
  ["body", "bytea"],
]);
const PUT_SNAPSHOTS = insertion(
  "snapshot",
  [
    ["run", "bigint"],
    ["shape", "text"],
    ["sequence", "integer"],
    ["body", "bytea"],
  ],
  // Nobody holds the run for it: an older one does not replace a newer one.
  {
    conflict: `ON CONFLICT (run, shape) DO UPDATE SET sequence = excluded.sequence, body = excluded.body
      WHERE snapshot.sequence < excluded.sequence`,
  },
);
const INSERT_FAILURES = insertion(
  "failure",
  [
    ["run", "bigint"],
    ["item", "integer"],
    ["node", "text"],
    ["attempt", "integer"],
    ["epoch", "integer"],
    ["failure", "text"],
    ["outcome", "text"],
    ["worker", "text"],
    ["at", "double precision"],
  ],
  { hasNamespace: true },
);
const INSERT_METRICS = insertion("metric", [
  ["run", "bigint"],
  ["item", "integer"],
  ["node", "text"],
  ["name", "text"],
  ["value", "double precision"],
  ["at", "double precision"],
]);
const INSERT_LOGS = insertion("log", [
  ["run", "bigint"],
  ["item", "integer"],
  ["attempt", "integer"],
  ["at", "double precision"],
  ["level", "text"],
  ["message", "text"],
  ["data", "text"],
]);
const INSERT_AUDIT = insertion(
  "audit",
  [
    ["run", "text"],
    ["at", "double precision"],
    ["action", "text"],
    ["actor", "text"],
    ["detail", "text"],
    ["item", "integer"],
  ],
  { hasNamespace: true },
);

export function writeContexts(statements: Statements, ns: number, changes: Changes, known: StepRows): Statement[] {
  const deltas = changes.deltas.map(({ runId, delta: { sequence, item, epoch, at, delta } }) => {
    return [knownRun(known, runId).id, sequence, makerOf(runId, item), epoch, at, delta];
  });
  const snapshots = lastOfEach(changes.snapshots, ({ runId, shape }) => JSON.stringify([runId, shape])).map(
    ({ runId, shape, sequence, bytes }) => [knownRun(known, runId).id, toStoredText(shape), sequence, bytes],
  );
  return [...INSERT_DELTAS.of(statements, ns, deltas), ...PUT_SNAPSHOTS.of(statements, ns, snapshots)];
}

export function writeHistory(statements: Statements, ns: number, changes: Changes, known: StepRows): Statement[] {
  const run = (runId: string): number => knownRun(known, runId).id;
  const failures = changes.failures.map(({ runId, item, node, attempt, epoch, failure, outcome, workerId, at }) => {
    const stored = toStoredFailure(failure);
    return [run(runId), item, toStoredText(node), attempt, epoch, stored, outcome, toStoredText(workerId), at];
  });
  const metrics = changes.metrics.map(({ runId, item, node, name, value, at }) => {
    return [run(runId), item, toStoredText(node), toStoredText(name), value, at];
  });
  const logs = changes.logs.map(({ runId, item, attempt, line: { at, level, message, data } }) => {
    return [run(runId), item, attempt, at, level, toStoredText(message), storedOrNothing(data)];
  });
  const audit = changes.audit.map(({ runId, at, action, actor, detail, item }) => {
    return [toStoredText(runId), at, action, storedOrNothing(actor), toStoredText(detail), item ?? null];
  });
  return [
    ...INSERT_FAILURES.of(statements, ns, failures),
    ...INSERT_METRICS.of(statements, ns, metrics),
    ...INSERT_LOGS.of(statements, ns, logs),
    ...INSERT_AUDIT.of(statements, ns, audit),
  ];
}

/** The item's number out of its public id; nothing where the run itself made the delta. */
function makerOf(runId: string, item: string): number | null {
  return item === runId ? null : Number(item.slice(runId.length + 1));
}

function storedOrNothing(text: string | undefined): string | null {
  return text === undefined ? null : toStoredText(text);
}
