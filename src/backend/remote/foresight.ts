/**
 * Which rows an operation will probably need, told from its request alone. A row too many costs a little, one too few a
 * round trip; neither is ever wrong.
 */

import { LIMITS } from "../../core/limits.ts";
import type { CommitAndClaim } from "../contract/claim.ts";
import type { ControlAction } from "../contract/control.ts";
import type { StartRun } from "../contract/run.ts";
import type { Renewal } from "../contract/session.ts";
import { CLAIM_OVERSCAN } from "../synchronous/claim.ts";
import { documentKind } from "../synchronous/documents.ts";
import type { Undertaking } from "../synchronous/engine.ts";
import { DUE_ENTRIES } from "../synchronous/row-store.ts";
import { type Want, wantKey } from "./wants.ts";

const DUE_MESSAGES: Want = {
  kind: "entries",
  list: DUE_ENTRIES,
  after: undefined,
  skip: true,
  limit: LIMITS.sweepRows,
};

export function wantsOf(undertaking: Undertaking | undefined): readonly Want[] {
  const wants = undertaking === undefined ? [] : foresee(undertaking);
  return [...new Map(wants.map((want) => [wantKey(want), want])).values()];
}

function foresee(undertaking: Undertaking): readonly Want[] {
  switch (undertaking.kind) {
    case "publish":
      return undertaking.definitions.flatMap(({ hash, name, version }): Want[] => [
        { kind: "definitionHash", name, version },
        { kind: "definition", hash },
      ]);
    case "startRuns":
      return undertaking.starts.flatMap(wantsOfStart);
    case "control":
      return undertaking.requests.flatMap(({ action }) => wantsOfControl(action));
    case "commitAndClaim":
      return wantsOfRequest(undertaking.request);
    case "sendEvents":
      return [];
    case "session":
      return [{ kind: "session", id: undertaking.id, hold: true }];
    case "renew":
      return wantsOfRenewal(undertaking.renewal);
    case "item":
      return wantsOfItem(undertaking.runId, undertaking.item, { run: false, item: true });
    case "checkpoint":
      return [{ kind: "checkpoint", id: undertaking.id }];
    case "document":
      return [{ kind: "entry", entryKind: documentKind(undertaking.of), key: undertaking.key }];
  }
}

function wantsOfStart({ id, workflow, idempotencyKey, definition }: StartRun): readonly Want[] {
  const wants: readonly Want[] = [
    { kind: "definition", hash: definition },
    { kind: "run", runId: id, hold: false },
  ];
  return idempotencyKey === undefined ? wants : [...wants, { kind: "runIdByKey", workflow, idempotencyKey }];
}

function wantsOfControl(action: ControlAction): readonly Want[] {
  const { runId } = action;
  const wants: readonly Want[] = [
    { kind: "run", runId, hold: true },
    { kind: "runDetails", runId },
  ];
  switch (action.kind) {
    case "resume":
      return [...wants, { kind: "aside", runId }];
    case "retryItem":
      return [...wants, { kind: "item", runId, item: action.item, hold: true }, { kind: "aside", runId }];
    case "setAttempts":
      return [...wants, { kind: "item", runId, item: action.item, hold: true }];
    case "completeWait":
      return [...wants, ...wantsOfItem(runId, action.item, { run: true, item: true })];
    case "cancel":
    case "pause":
    case "complete":
    case "fail":
    case "enqueue":
    case "merge":
    case "delete":
      return wants;
  }
}

function wantsOfRequest({ session, commits, claim }: CommitAndClaim): readonly Want[] {
  const own: readonly Want[] = [{ kind: "session", id: session, hold: true }];
  const items = commits.flatMap(({ runId, item }) => wantsOfItem(runId, item, { run: true, item: true }));
  const sweeps: readonly Want[] = [
    { kind: "expiredRuns", limit: LIMITS.sweepRows },
    { kind: "due", limit: LIMITS.sweepRows },
    DUE_MESSAGES,
  ];
  if (claim === undefined) return [...own, ...items, ...sweeps];
  const { queues, definitions, labels, stalledLimit } = claim;
  const selection = { queues, definitions, labels };
  const wanted = Math.max(0, Math.min(claim.limit, LIMITS.claimItems));
  const ready = (stalled: boolean, most: number): readonly Want[] =>
    most <= 0 ? [] : [{ kind: "ready", selection, stalled, limit: most + CLAIM_OVERSCAN }];
  return [
    ...own,
    ...items,
    ...sweeps,
    { kind: "expiredSessions" },
    ...ready(true, Math.min(stalledLimit, wanted)),
    ...ready(false, wanted),
  ];
}

function wantsOfRenewal({ session, held = [] }: Renewal): readonly Want[] {
  return [
    { kind: "session", id: session, hold: true },
    { kind: "expiredRuns", limit: LIMITS.sweepRows },
    DUE_MESSAGES,
    ...held.flatMap(({ runId, item }) => wantsOfItem(runId, item, { run: false, item: false })),
  ];
}

function wantsOfItem(
  runId: string,
  item: number,
  hold: { readonly run: boolean; readonly item: boolean },
): readonly Want[] {
  return [
    { kind: "run", runId, hold: hold.run },
    { kind: "item", runId, item, hold: hold.item },
  ];
}
