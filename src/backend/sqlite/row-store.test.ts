import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bytes,
  DETAILS,
  failure,
  hostileText,
  RUN,
  runDetails,
  runState,
  twoStores,
  workItem,
} from "../../../test/support/sqlite-rows.ts";
import type { BranchGroup } from "../contract/work-item.ts";
import type { StoredSession } from "../synchronous/row-store.ts";

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

test("a run comes back from the file as it was, however hostile", async () => {
  await fc.assert(
    fc.asyncProperty(runState, runDetails, runState, async (state, details, later) => {
      const { writer, reader, forget } = await twoStores();
      writer.insertRun(state, details);
      expect(reader.runRecord(state.id)).toEqual({ ...state, ...details });
      const { id, definition, completion, priority, createdAt } = state;
      const changed = { ...later, id, definition, completion, priority, createdAt };
      writer.putRun(changed);
      forget();
      expect(reader.runState(id)).toEqual(changed);
      if (details.idempotencyKey !== undefined)
        expect(reader.runIdByKey(details.workflow, details.idempotencyKey)).toBe(id);
      expect(reader.runs({ tags: details.tags, workflow: details.workflow, search: id }, {}).entries).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
});

test("an item and its payload come back from the file as they were, however hostile", async () => {
  const payload = fc.record({ input: optional(bytes), failure: optional(bytes) });
  await fc.assert(
    fc.asyncProperty(workItem("run-1"), workItem("run-1"), payload, async (item, later, content) => {
      const { writer, reader, forget } = await twoStores();
      writer.insertRun(RUN, DETAILS);
      writer.insertItem(item, content, { kind: "none" }, "d");
      expect(reader.item("run-1", item.item)).toEqual(item);
      expect(reader.payload("run-1", item.item)).toEqual(content);
      const {
        node,
        kind,
        from,
        priority,
        queue,
        labels,
        keys,
        group,
        joins,
        index,
        path,
        createdAt,
        timeoutMs,
        deadlineMs,
      } = item;
      const staying = {
        node,
        kind,
        from,
        priority,
        queue,
        labels,
        keys,
        group,
        joins,
        index,
        path,
        createdAt,
        timeoutMs,
        deadlineMs,
      };
      const changed = { ...later, item: item.item, ...staying };
      writer.putItem(changed, { kind: "aside" });
      forget();
      expect(reader.item("run-1", item.item)).toEqual(changed);
      expect(reader.aside("run-1")).toEqual([changed]);
      expect(writer.item("run-1", item.item)).toEqual(changed);
    }),
    { numRuns: 100 },
  );
});

test("sessions, groups, history and contexts come back from the file as they were", async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, hostileText, bytes, failure, async (a, b, value, why) => {
      const { writer, reader } = await twoStores();
      writer.insertRun(RUN, DETAILS);
      const group: BranchGroup = {
        runId: "run-1",
        group: 0,
        fanOut: a,
        parent: undefined,
        index: 1,
        path: "",
        depth: 1,
        open: 2,
        joins: [{ node: b, queue: a, labels: [b], keys: [a], priority: 1.5, timeoutMs: 5, deadlineMs: 9 }],
        arrived: { [b]: 2 },
        done: false,
      };
      writer.putGroup(group);
      expect(reader.group("run-1", 0)).toEqual(group);
      writer.putGroup({ ...group, open: 0, done: true });
      expect(reader.group("run-1", 0)).toEqual({ ...group, open: 0, done: true });
      const arrival = { runId: "run-1", group: 0, join: b, from: 3, node: a, path: "0001", commit: 2, index: 1, value };
      writer.insertArrival(arrival);
      expect(reader.arrivals("run-1", 0, b, {}).entries).toEqual([arrival]);
      const entry = {
        runId: "run-1",
        item: 1,
        node: a,
        attempt: 1,
        epoch: 1,
        failure: why,
        outcome: "retried",
        workerId: b,
        at: 5,
      } as const;
      writer.insertFailure(entry);
      expect(reader.failures({}, {}).entries).toEqual([entry]);
      const line = { at: 1, level: "warn", message: a, data: JSON.stringify(b) } as const;
      writer.insertLog("run-1", 1, 1, line);
      expect(reader.logs({ runId: "run-1" }, {}).entries).toEqual([{ runId: "run-1", item: 1, attempt: 1, ...line }]);
      const audit = { runId: a, at: 1, action: "cancel", actor: b, detail: "{}", item: undefined } as const;
      writer.insertAudit(audit);
      expect(reader.audit(a, {}).entries).toEqual([audit]);
      const definition = { hash: a, name: b, version: a, json: JSON.stringify(b), publishedAt: 4 };
      writer.putDefinition(definition);
      expect([reader.definition(a), reader.definitionHash(b, a)]).toEqual([definition, a]);
      const session: StoredSession = {
        id: a,
        workerId: b,
        leaseMs: 1,
        queues: [a],
        labels: [b],
        definitions: [a],
        host: b,
        pid: 1,
        startedAt: 1,
        heartbeatAt: 2,
        until: 3,
        stoppedAt: undefined,
        swept: false,
        health: { status: "retrying", attempt: 1, maxAttempts: 2, items: [a], completed: 1, errors: 2 },
        lastRequest: 4,
        lastDigest: b,
        lastAnswer: a,
      };
      writer.putSession(session);
      expect([reader.session(a), ...reader.sessions()]).toEqual([session, session]);
      writer.insertMemo("run-1", 0, a, value);
      writer.putSnapshot("run-1", a, 3, value);
      expect(reader.snapshot("run-1", a, 3)).toEqual({ sequence: 3, bytes: value });
    }),
    { numRuns: 60 },
  );
});

test("a checkpoint comes back from the file as it was, and a later one takes its place", async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, bytes, bytes, async (id, body, later) => {
      const { writer, reader } = await twoStores();
      const record = { id, version: 1, status: "running", savedAt: 5, bytes: body.length } as const;
      writer.putCheckpoint(record, body);
      expect([reader.checkpoint(id), reader.checkpointBody(id)]).toEqual([record, body]);
      const next = { ...record, version: 2, status: "failed", savedAt: 7, bytes: later.length } as const;
      writer.putCheckpoint(next, later);
      expect([reader.checkpoint(id), reader.checkpointBody(id)]).toEqual([next, later]);
      expect(reader.checkpoints({ status: ["failed"] }, {}).entries).toEqual([next]);
      expect(reader.checkpoints({ status: ["running"] }, {}).entries).toEqual([]);
      expect([reader.oldCheckpoints(8, ["failed"], 5), reader.oldCheckpoints(7, ["failed"], 5)]).toEqual([[id], []]);
      writer.removeCheckpoint(id);
      expect([reader.checkpoint(id), reader.checkpointBody(id)]).toEqual([undefined, undefined]);
    }),
    { numRuns: 30 },
  );
});
