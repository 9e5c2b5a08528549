/**
 * A backend out of several partitions, each of which is one by itself. What belongs to a run goes to the partition of the run,
 * what belongs to a session to all, and lists are put together from all. Where one call is about several partitions, what
 * is atomic is what happens in each; calls that were cut off are completed when they are made again.
 */

import type { ControlOutcome, ControlRequest } from "../../contract/control.ts";
import type { BackendOperations } from "../../contract/operations.ts";
import type { StartOutcome, StartRun } from "../../contract/run.ts";
import type { EventOutcome, SentEvent } from "../../contract/wait.ts";
import { hubIdOf } from "../../synchronous/event-hub.ts";
import { createGate } from "../../synchronous/operations.ts";
import { checkRequest } from "../../synchronous/request-checks.ts";
import { keyText } from "../keys.ts";
import { inTurn } from "./in-turn.ts";
import { KeyRecords } from "./key-records.ts";
import { startKeyed } from "./keyed-starts.ts";
import { LetterCarrier } from "./letter-carrier.ts";
import { mergedReads } from "./merged-reads.ts";
import { operationsAt, operationsOf, type Partitioned, type PartitionedOptions } from "./partitioned.ts";
import { importOver } from "./partitioned-imports.ts";
import { commitAndClaimOver, type RequestPorts } from "./partitioned-requests.ts";
import { cleanUpOver, purgeOver } from "./retention.ts";

/** Keyed starts that are underway at once. */
const STARTS_AT_ONCE = 32;

export function partitionedOperations(options: PartitionedOptions): BackendOperations {
  const { location, namespace, capabilities, renewalUrl, map } = options;
  const gate = createGate();
  const operations = options.parts.map((part) => part.operations);
  const carrier = new LetterCarrier(
    map,
    options.parts.map(({ post }) => post),
  );
  const all = { ...options, gate, operations, carrier, records: new KeyRecords(map) };
  return {
    kind: "redis",
    location,
    namespace,
    capabilities,
    ...(renewalUrl === undefined ? {} : { renewalUrl }),
    ...runOperations(all),
    ...sessionOperations(all),
    ...sharedOperations(all),
  };
}

type RunOperations = Pick<
  BackendOperations,
  "startRuns" | "control" | "sendEvents" | "putMemo" | "putProgress" | "putSnapshot" | "purge" | "transfer"
>;

function runOperations(all: Partitioned): RunOperations {
  const { gate } = all;
  const of = (name: string): BackendOperations => operationsOf(all, name);
  return {
    startRuns: (starts) => gate.pass(() => startAll(starts, all)),
    control: (requests) => gate.pass(() => controlAll(requests, all)),
    sendEvents: (events) => gate.pass(() => sendAll(events, all)),
    putMemo: (memo) => gate.pass(() => of(memo.runId).putMemo(memo)),
    putProgress: (progress) => gate.pass(() => of(progress.runId).putProgress(progress)),
    putSnapshot: (snapshot) => gate.pass(() => of(snapshot.runId).putSnapshot(snapshot)),
    purge: (request) => gate.pass(() => purgeOver(request, all)),
    transfer: {
      export: (runId, cursor) => gate.pass(() => of(runId).transfer.export(runId, cursor)),
      import: (request) => gate.pass(() => importOver(request, of(request.part.runId), all)),
      remove: (request) =>
        gate.pass(async () => {
          const outcome = await of(request.runId).transfer.remove(request);
          await all.records.forgetFreed(all.map.of(request.runId));
          return outcome;
        }),
    },
  };
}

async function startAll(starts: readonly StartRun[], all: Partitioned): Promise<readonly StartOutcome[]> {
  const ports = {
    records: all.records,
    shelf: all.shelf,
    of: (runId: string) => operationsOf(all, runId),
  };
  const outcomes: StartOutcome[] = [];
  const plain = starts.flatMap((start, place) => (start.idempotencyKey === undefined ? { start, place } : []));
  const keyed = starts.flatMap((start, place) => {
    const { idempotencyKey } = start;
    return idempotencyKey === undefined ? [] : { start: { ...start, idempotencyKey }, place };
  });
  // Those without a key go together, those with one each on its own; of one key or id, in their order.
  await grouped(
    plain,
    ({ start }) => all.map.numberOf(start.id),
    async (number, group) => {
      const found = await all.operations[number]?.startRuns(group.map(({ start }) => start));
      for (const [at, { place }] of group.entries()) {
        const outcome = found?.[at];
        if (outcome !== undefined) outcomes[place] = outcome;
      }
    },
  );
  await inTurn(
    keyed,
    ({ start }) => JSON.stringify([start.workflow, start.idempotencyKey]),
    STARTS_AT_ONCE,
    async ({ start, place }) => {
      outcomes[place] = await startKeyed(start, ports);
    },
  );
  return outcomes;
}

async function controlAll(requests: readonly ControlRequest[], all: Partitioned): Promise<readonly ControlOutcome[]> {
  const outcomes: ControlOutcome[] = [];
  const placed = requests.map((request, place) => ({ request, place }));
  await grouped(
    placed,
    ({ request }) => all.map.numberOf(request.action.runId),
    async (number, group) => {
      const found = await all.operations[number]?.control(group.map(({ request }) => request));
      for (const [at, { place }] of group.entries()) {
        const outcome = found?.[at];
        if (outcome !== undefined) outcomes[place] = outcome;
      }
      const isRemoved = group.some(({ request }) => request.action.kind === "delete");
      if (isRemoved) await all.records.forgetFreed(all.map.at(number));
    },
  );
  return outcomes;
}

async function sendAll(events: readonly SentEvent[], all: Partitioned): Promise<readonly EventOutcome[]> {
  const outcomes: EventOutcome[] = [];
  const placed = events.map((event, place) => ({ event, place, hub: hubIdOf(event) }));
  await inTurn(
    placed,
    ({ hub }) => String(all.map.numberOf(hub)),
    STARTS_AT_ONCE,
    async ({ event, place, hub }) => {
      outcomes[place] = await sendOne(event, hub, all);
    },
  );
  return outcomes;
}

/** Waits of other partitions are told of it by letter, and one that was over by then has not had it. */
async function sendOne(event: SentEvent, hub: string, all: Partitioned): Promise<EventOutcome> {
  const before = all.carrier.returnedTo(hub);
  const [outcome = { kind: "buffered" }] = await operationsOf(all, hub).sendEvents([event]);
  await all.carrier.settled();
  if (outcome.kind !== "delivered") return outcome;
  const waits = outcome.waits - Math.max(0, all.carrier.returnedTo(hub) - before);
  return waits > 0 ? { kind: "delivered", waits } : { kind: "buffered" };
}

/** Groups at once, each in the order of its entries. */
async function grouped<T>(
  entries: readonly T[],
  numberOf: (entry: T) => number,
  work: (number: number, group: readonly T[]) => Promise<void>,
): Promise<void> {
  const groups = Map.groupBy(entries, numberOf);
  await Promise.all([...groups].map(([number, group]) => work(number, group)));
}

type SessionOperations = Pick<BackendOperations, "openSession" | "commitAndClaim" | "peek" | "renew" | "closeSession">;

function sessionOperations(all: Partitioned): SessionOperations {
  const { gate, map, operations, carrier } = all;
  return {
    openSession: (session) =>
      gate.pass(async () => {
        const opened = await Promise.all(operations.map((part) => part.openSession(session)));
        return opened[map.numberOf(session.id)] ?? operationsOf(all, session.id).openSession(session);
      }),
    commitAndClaim: (request) =>
      gate.pass(async () => {
        checkRequest(request);
        const lettersIn = (partition: number): void => carrier.collect(partition);
        const lettersArrived = (): Promise<void> => carrier.settled();
        const settle: RequestPorts["settle"] = async (number, items) => await all.parts[number]?.settle(items);
        return await commitAndClaimOver(request, { map, parts: operations, settle, lettersIn, lettersArrived });
      }),
    peek: (claim) =>
      gate.pass(async () => {
        const looks = await Promise.all(operations.map((part) => part.peek?.(claim)));
        const found = looks.filter((look) => look !== undefined);
        const times = found.flatMap(({ nextDueAt }) => nextDueAt ?? []);
        return {
          now: found[0]?.now ?? 0,
          ready: found.some(({ ready }) => ready),
          nextDueAt: times.length === 0 ? undefined : Math.min(...times),
        };
      }),
    renew: (renewal) =>
      gate.pass(async () => {
        const { held = [], session } = renewal;
        const answers = await Promise.all(
          operations.map((part, number) =>
            part.renew({ ...renewal, held: held.filter(({ runId }) => map.numberOf(runId) === number) }),
          ),
        );
        const own = answers[map.numberOf(session)];
        const renewed = answers.flatMap((answer) => (answer.kind === "gone" ? [] : answer));
        if (own?.kind !== "renewed" || renewed.length < answers.length) return { kind: "gone" };
        // Each partition tells of its own in their order.
        const told = answers.map((answer) => (answer.kind === "renewed" ? [...answer.revoked] : []));
        const revoked = held.flatMap(({ runId, item }) => {
          const queue = told[map.numberOf(runId)];
          const [next] = queue ?? [];
          return next?.runId === runId && next.item === item ? (queue?.shift() ?? []) : [];
        });
        return { ...own, until: Math.min(...renewed.map(({ until }) => until)), revoked };
      }),
    closeSession: (session) =>
      gate.pass(async () => {
        await Promise.all(operations.map((part) => part.closeSession(session)));
        const { connection, keys } = map.of(session);
        await connection.call(keys.requests, ["HDEL", keys.requests, keyText(session)]);
      }),
  };
}

type SharedOperations = Pick<
  BackendOperations,
  "publish" | "read" | "checkpoints" | "documents" | "advise" | "subscribe" | "now" | "close"
>;

/** Definitions and documents are those of the first partition. */
function sharedOperations(all: Partitioned): SharedOperations {
  const { gate, operations, reads, carrier, wakeups, close } = all;
  const first = operationsAt(all, 0);
  const merged = mergedReads(reads, gate);
  return {
    publish: (definitions, options) => gate.pass(() => first.publish(definitions, options)),
    read: merged.read,
    checkpoints: {
      save: (request) => gate.pass(() => operationsOf(all, request.id).checkpoints.save(request)),
      append: (request) => gate.pass(() => operationsOf(all, request.id).checkpoints.append(request)),
      load: (id) => gate.pass(() => operationsOf(all, id).checkpoints.load(id)),
      delete: (id) => gate.pass(() => operationsOf(all, id).checkpoints.delete(id)),
      list: merged.listCheckpoints,
      cleanup: (request) => gate.pass(() => cleanUpOver(request, all)),
    },
    documents: {
      get: (kind, key) => gate.pass(() => first.documents.get(kind, key)),
      put: (request) => gate.pass(() => first.documents.put(request)),
      remove: (request) => gate.pass(() => first.documents.remove(request)),
      list: (kind, page) => gate.pass(() => first.documents.list(kind, page)),
    },
    advise: () => gate.pass(async () => (await first.advise?.()) ?? []),
    subscribe: wakeups.subscribe,
    now: () => gate.pass(() => first.now()),
    close: () =>
      gate.close(async () => {
        await carrier.settled();
        await Promise.all(operations.map((part) => part.close()));
        await close();
      }),
  };
}
