/**
 * Checkpoints over rows: which version a save makes, or that it comes too late; and which are old enough to go. Decided
 * inside of the step that writes, so that nothing can come in between.
 */

import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkName } from "../../core/names.ts";
import type {
  AppendCheckpoint,
  CheckpointOperations,
  CheckpointRecord,
  SaveCheckpoint,
  SaveOutcome,
} from "../contract/checkpoints.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { Engine } from "./engine.ts";
import { pageLimit } from "./paging.ts";

export function checkpointsOver({ write, read }: Pick<Engine, "write" | "read">): CheckpointOperations {
  return {
    async save(request) {
      checkName(request.id, "the id of a checkpoint");
      return await write((step) => save(step, request), { kind: "checkpoint", id: request.id });
    },
    async append(request) {
      checkName(request.id, "the id of a checkpoint");
      return await write((step) => append(step, request), { kind: "checkpoint", id: request.id });
    },
    load: (id) =>
      read((store) => {
        const record = store.checkpoint(id);
        const body = record === undefined ? undefined : store.checkpointBody(id);
        return record === undefined || body === undefined ? undefined : { record, body };
      }),
    delete: (id) =>
      write(
        ({ store }) => {
          const exists = store.checkpoint(id) !== undefined;
          if (exists) store.removeCheckpoint(id);
          return exists;
        },
        { kind: "checkpoint", id },
      ),
    list: (filter, page) => read((store) => store.checkpoints(filter, { ...page, limit: pageLimit(page) })),
    cleanup: ({ olderThanMs, statuses, limit }) =>
      write(({ store, now }) => {
        const most = Math.min(limit, LIMITS.cleanupCheckpoints);
        const old = most < 1 ? [] : store.oldCheckpoints(now - olderThanMs, statuses, most);
        for (const id of old) store.removeCheckpoint(id);
        return old.length;
      }),
  };
}

function save({ store, now }: AtomicStep, { id, status, body, expectedVersion }: SaveCheckpoint): SaveOutcome {
  const version = store.checkpoint(id)?.version ?? 0;
  if (expectedVersion !== undefined && expectedVersion !== version) return { kind: "conflict", version };
  const record: CheckpointRecord = { id, version: version + 1, status, savedAt: now, bytes: body.byteLength };
  checkSize(record);
  store.putCheckpoint(record, body);
  return { kind: "saved", record };
}

function append(step: AtomicStep, request: AppendCheckpoint): SaveOutcome {
  const { id, status, body, expectedVersion } = request;
  const before = step.store.checkpoint(id);
  if (before === undefined) return save(step, request);
  const { version } = before;
  if (expectedVersion !== version) return { kind: "conflict", version };
  const record = { id, version: version + 1, status, savedAt: step.now, bytes: before.bytes + body.byteLength };
  checkSize(record);
  step.store.appendCheckpoint(record, body);
  return { kind: "saved", record };
}

function checkSize({ id, bytes }: CheckpointRecord): void {
  if (bytes <= LIMITS.checkpointBytes) return;
  throw new MillraceError(
    "PAYLOAD_TOO_LARGE",
    `the checkpoint ${id} has ${bytes} bytes, more than the ${LIMITS.checkpointBytes} that are kept`,
    { hints: ["Keep large data elsewhere and pass references, or run the workflow on a store of runs."] },
  );
}
