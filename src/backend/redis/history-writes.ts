/** Writes of what is only added to a run: groups, arrivals, outputs, deltas, failures, metrics, logs, the audit trail; and its caches. */

import type { Changes } from "../remote/changes.ts";
import {
  writeArrival,
  writeAudit,
  writeDelta,
  writeFailureEntry,
  writeGroup,
  writeLog,
  writeMetric,
  writeOutput,
  writeProgress,
} from "./history-rows.ts";
import { arrivalsPrefix, branchPosition, keyText, numberText, OUTPUTS_PREFIX, RUN_FIELDS } from "./keys.ts";
import { bytesArgument, type Writing } from "./writing.ts";

export function writeBranches({ groups, arrivals, outputs }: Changes, { list, keys }: Writing): void {
  for (const group of groups) list.field(keys.run(group.runId), RUN_FIELDS.group(group.group), writeGroup(group));
  for (const arrival of arrivals) {
    const { runId, group, join, path, commit, index } = arrival;
    const member = arrivalsPrefix(group, join) + branchPosition(path, commit, index);
    list.place(keys.branches(runId), member, 0);
    list.field(keys.run(runId), RUN_FIELDS.branch(member), writeArrival(arrival));
  }
  for (const { runId, output } of outputs) {
    const member = OUTPUTS_PREFIX + branchPosition(output.path, output.commit, output.index);
    list.place(keys.branches(runId), member, 0);
    list.field(keys.run(runId), RUN_FIELDS.branch(member), writeOutput(output));
  }
}

export function writeContexts({ deltas, snapshots, progress }: Changes, { list, keys, rows }: Writing): void {
  for (const { runId, delta } of deltas) {
    list.field(keys.run(runId), RUN_FIELDS.delta(delta.sequence), writeDelta(delta));
  }
  for (const { runId, shape, sequence, bytes } of snapshots) {
    const field = RUN_FIELDS.snapshotSequence(shape);
    list.expectField(keys.run(runId), field, rows.snapshots.get(`${runId} ${field}`));
    list.field(keys.run(runId), field, numberText(sequence));
    list.field(keys.run(runId), RUN_FIELDS.snapshot(shape), bytesArgument(bytes));
  }
  for (const { runId, progress: said } of progress) {
    list.field(keys.run(runId), RUN_FIELDS.progress(said.item), writeProgress(said));
  }
}

export function writeHistory({ failures, metrics, logs, audit }: Changes, { list, keys }: Writing): void {
  for (const entry of failures) {
    list.appendFailure(keys.failuresOf(entry.runId), keyText(entry.runId), entry.at, writeFailureEntry(entry));
  }
  for (const entry of metrics) list.append(keys.metrics(entry.runId), writeMetric(entry));
  for (const { runId, item, attempt, line } of logs) list.append(keys.logs(runId), writeLog(item, attempt, line));
  for (const entry of audit) list.append(keys.audit(entry.runId), writeAudit(entry));
}
