/**
 * From a child node's input to the run that it starts: the same record as of any other start, but for what a backend gives
 * it. The child's code is at hand, since it is part of the node, so that its input and its initial context are checked here.
 */

import type { NewChild } from "../backend/contract/wait.ts";
import { MillraceError } from "../core/errors.ts";
import { canonicalDigest, decodeValue } from "../core/values.ts";
import { encodeDelta, encodeInit, fieldsOfDelta } from "../definition/context/delta.ts";
import type { ContextShape } from "../definition/context/shape.ts";
import { parseWith } from "../definition/schema.ts";
import type { ChildRuntime } from "../definition/waits/wait-runtime.ts";
import { isWorkflow, type Workflow } from "../definition/workflow-building.ts";
import { firstItem } from "./successors.ts";

/** The child to start. Throws `INVALID_INPUT` for an input that its start node does not take, `INVALID_VALUE` for its context. */
export async function newChild(
  { workflow, tags, onParentClose }: ChildRuntime,
  input: Uint8Array,
  options: { readonly context: unknown; readonly priority: number },
): Promise<NewChild> {
  if (!isWorkflow(workflow)) throw new MillraceError("INTERNAL", "the workflow of a child is none");
  const { definition, hash } = workflow;
  const { name, version, completion, maxItems, timeoutMs } = definition;
  const value = decodeValue(input, { what: `the input of child ${name}` });
  await checkInput(workflow, value);
  return {
    ...{ workflow: name, version, definition: hash, input, inputDigest: canonicalDigest(value) },
    delta: initialDelta(workflow["~runtime"].context, options.context),
    first: firstItem(definition, input, options.priority, 0),
    ...{ completion, maxItems, timeoutMs, priority: options.priority, tags, onParentClose },
  };
}

/** Initial values as the first delta of a run; none if there are none. Throws `INVALID_VALUE`. */
export function initialDelta(shape: ContextShape, init: unknown): NewChild["delta"] {
  if (init === undefined) return undefined;
  const delta = encodeInit(shape, init);
  return delta.length === 0 ? undefined : { bytes: encodeDelta(delta), writes: fieldsOfDelta(shape, delta) };
}

async function checkInput({ name, definition, "~runtime": { nodes } }: Workflow, input: unknown): Promise<void> {
  const start = nodes.get(definition.start);
  if (start?.kind !== "node") return;
  const parsed = await parseWith(start.input, input);
  if (parsed.ok) return;
  const message = `the input of child ${name} does not fit its start node "${definition.start}": ${parsed.issues.join("; ")}`;
  throw new MillraceError("INVALID_INPUT", message, { details: { issues: parsed.issues } });
}
