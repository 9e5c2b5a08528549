/**
 * Waits from outside: listing those that can be answered, and answering them. An answer is checked by the node's schema
 * where its code is at hand; where it is not, the worker that goes on with the item checks it. Invariant: an answer that is
 * refused leaves its wait as it was.
 */

import type { Page, PageRequest } from "../backend/contract/run.ts";
import type { WaitFilter } from "../backend/contract/wait.ts";
import { canonicalJson } from "../core/digest.ts";
import { MillraceError } from "../core/errors.ts";
import { checkValue } from "../core/values.ts";
import { parseWith } from "../definition/schema.ts";
import { allPages } from "../stores/all-pages.ts";
import { type ControlOptions, control, requireRunState } from "../stores/run-control.ts";
import { formatWaitId, parseWaitId, type WaitAddress } from "../stores/wait-id.ts";
import { toWaitInfo, type WaitInfo } from "../stores/wait-info.ts";
import { mapPage } from "../stores/work-item-info.ts";
import type { ControlResult } from "./control.ts";
import type { Orchestration } from "./orchestration.ts";

/** Which waits to list, and how many. */
export interface ListWaitsOptions extends PageRequest {
  readonly runId?: string | undefined;
  readonly kind?: WaitInfo["kind"] | undefined;
}

/** Waits of open runs that can be answered, longest first, by page. Throws `RUN_NOT_FOUND` where a run is named. */
export async function listWaits(
  { operations }: Orchestration,
  { limit, cursor, runId, kind }: ListWaitsOptions,
): Promise<Page<WaitInfo>> {
  if (runId !== undefined) await requireRunState(operations, runId);
  const filter: WaitFilter = { runId, kind };
  return mapPage(await operations.read.waits(filter, { limit, cursor }), toWaitInfo);
}

/**
 * Ends a wait with its answer; the same one again changes nothing. Throws `WAIT_NOT_FOUND`, `RUN_NOT_FOUND`, `RUN_CLOSED`,
 * `INVALID_INPUT` for an answer that does not fit, `ILLEGAL_TRANSITION` where there was another.
 */
export async function completeWait(
  orchestration: Orchestration,
  waitId: string,
  payload: unknown,
  options: ControlOptions = {},
): Promise<ControlResult> {
  const address = parseWaitId(waitId);
  const what = `the answer to wait ${waitId}`;
  checkValue(payload, { what, code: "INVALID_INPUT" });
  await checkAnswer(orchestration, address, payload);
  // Equal answers have equal bytes, so that one which comes again is told from another.
  const bytes = new TextEncoder().encode(canonicalJson(payload));
  const { run, changed } = await control(
    orchestration.operations,
    { kind: "completeWait", ...address, payload: bytes },
    options,
  );
  return { runId: run.id, status: run.status, changed };
}

/** The one wait of a node in a run. Throws `WAIT_NOT_FOUND`, `RUN_NOT_FOUND`, and `INVALID_VALUE` if there are several. */
export async function waitAt({ operations }: Orchestration, runId: string, node: string): Promise<string> {
  const { status } = await requireRunState(operations, runId);
  const found: string[] = [];
  for await (const wait of allPages((page) => operations.read.waits({ runId }, page))) {
    if (wait.node === node) found.push(formatWaitId(wait));
  }
  const [first, second] = found;
  if (first === undefined) {
    throw new MillraceError("WAIT_NOT_FOUND", `nothing of run ${runId}, which is ${status}, waits at node "${node}"`, {
      ...{ runId, node },
      hints: [
        "Wait until the run has come there: watch(runId) or status() tell; listWaits shows what can be answered.",
      ],
    });
  }
  if (second === undefined) return first;
  throw new MillraceError("INVALID_VALUE", `${found.length} items of run ${runId} wait at node "${node}"`, {
    ...{ runId, node },
    hints: [`Name the wait: completeWait("${first}", …).`],
  });
}

async function checkAnswer(
  { operations, workflows }: Orchestration,
  { runId, item, number }: WaitAddress,
  payload: unknown,
): Promise<void> {
  const wait = await operations.read.wait(runId, item);
  if (wait?.number !== number) return;
  const { definition } = await requireRunState(operations, runId);
  const node = workflows.byHash(definition)?.["~runtime"].nodes.get(wait.node);
  const receive = node?.kind === "node" ? node.wait?.receive : undefined;
  const parsed = receive === undefined ? undefined : await parseWith(receive, payload);
  if (parsed?.ok !== false) return;
  throw new MillraceError(
    "INVALID_INPUT",
    `the answer does not fit what node "${wait.node}" waits for: ${parsed.issues.join("; ")}`,
    {
      ...{ runId, node: wait.node, itemId: `${runId}.${item}` },
      details: { issues: parsed.issues },
      hints: ["Correct it and complete the wait again: the wait stays as it is."],
    },
  );
}
