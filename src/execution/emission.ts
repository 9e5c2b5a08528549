/**
 * From a transition to what it emits: every value is checked by the node's output schema, routed by the run's
 * definition, encoded once, and becomes items, arrivals at joins, or outputs of the run. Pure but for the schema and the
 * guards, which are user code. Everything that cannot be emitted is thrown, with `INVALID_OUTPUT` or the code of the
 * limit that was passed, and fails the attempt.
 */

import type { CommitOutcomeRequest } from "../backend/contract/commit.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeValue } from "../core/values.ts";
import { type AskGuard, emissionTargets } from "../definition/routing.ts";
import { parseWith, type StandardSchema } from "../definition/schema.ts";
import type { Next, NextAll } from "../definition/transition.ts";
import { isVariant, variant } from "../definition/variant.ts";
import type { NodeProgram, Program } from "./program.ts";
import { addSuccessor, joinTemplate, type Rows } from "./successors.ts";

/** An emission, ready to be committed. */
export type Emitted = Extract<CommitOutcomeRequest, { kind: "emit" }>;

/** The values of a transition after the node's output schema. A promise only where a schema is asynchronous. */
export function emittedValues(
  { name, runtime }: NodeProgram,
  transition: Next<unknown> | NextAll<unknown>,
): readonly unknown[] | Promise<readonly unknown[]> {
  const values = transition.kind === "next" ? [transition.value] : transition.values;
  if (values.length > LIMITS.fanOutValues) {
    throw new MillraceError(
      "PAYLOAD_TOO_LARGE",
      `node "${name}" emitted ${values.length} values at once; at most ${LIMITS.fanOutValues} are allowed`,
      { hints: ["Emit in several steps: let a node emit itself the rest, and a part of the values each time."] },
    );
  }
  const { output } = runtime;
  return output === undefined ? values : checkedValues(name, output, values);
}

/** What values become. `ask` calls the guards of the node's edge. */
export function emit(
  program: Program,
  from: NodeProgram,
  values: readonly unknown[],
  options: { readonly delayMs?: number; readonly priority?: number; readonly runPriority: number },
  ask: AskGuard,
): Emitted {
  const routed = routeAll(from, values, ask);
  const stride = routed.reduce((most, { targets }) => Math.max(most, targets.length), 1);
  const rows: Rows = { items: [], arrivals: [], outputs: [] };
  const { runPriority, priority, delayMs = 0 } = options;
  const placement = { runPriority, priority, delayMs };
  let bytesLeft: number = LIMITS.fanOutBytes;
  for (const [at, { targets, value }] of routed.entries()) {
    const what =
      values.length === 1 ? `the output of node "${from.name}"` : `value ${at} that node "${from.name}" emits`;
    const bytes = encodeValue(value, { what, code: "INVALID_OUTPUT" });
    bytesLeft -= bytes.length;
    if (bytesLeft < 0 && routed.length > 1) throw tooLarge(from.name);
    const index = at * stride;
    if (targets.length === 0) rows.outputs.push({ index, value: bytes });
    for (const [offset, target] of targets.entries()) {
      addSuccessor(rows, program.definition, target, bytes, index + offset, placement);
    }
  }
  return {
    kind: "emit",
    ...rows,
    width: values.length * stride,
    ...(from.joins.length === 0
      ? {}
      : { opens: { joins: from.joins.map((join) => joinTemplate(program.definition, join, runPriority)) } }),
  };
}

interface RoutedValue {
  readonly targets: readonly string[];
  readonly value: unknown;
}

function routeAll({ name, edge }: NodeProgram, values: readonly unknown[], ask: AskGuard): readonly RoutedValue[] {
  return values.map((value) => {
    const way = emissionTargets(edge, value, ask);
    if (way.routed) return way;
    throw new MillraceError("INVALID_OUTPUT", `node "${name}" ${way.problem}`);
  });
}

function checkedValues(
  node: string,
  schema: StandardSchema,
  values: readonly unknown[],
): readonly unknown[] | Promise<readonly unknown[]> {
  const checked = values.map((value) => checkedValue(node, schema, value));
  return checked.some((value) => value instanceof Promise) ? Promise.all(checked) : checked;
}

function checkedValue(node: string, schema: StandardSchema, value: unknown): unknown {
  const parsed = parseWith(schema, value);
  return parsed instanceof Promise
    ? parsed.then((result) => acceptedValue(node, value, result))
    : acceptedValue(node, value, parsed);
}

/** A schema that copies what it checks loses the brand of a variant, which then is put back. */
function acceptedValue(
  node: string,
  given: unknown,
  parsed: { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly string[] },
): unknown {
  if (!parsed.ok) {
    throw new MillraceError(
      "INVALID_OUTPUT",
      `the output of node "${node}" does not fit its schema: ${parsed.issues.join("; ")}`,
      {
        details: { issues: parsed.issues },
      },
    );
  }
  const { value } = parsed;
  if (!isVariant(given) || isVariant(value)) return value;
  return typeof value === "object" && value !== null && "value" in value ? variant(given.kind, value.value) : given;
}

function tooLarge(node: string): MillraceError {
  return new MillraceError(
    "PAYLOAD_TOO_LARGE",
    `the values that node "${node}" emitted at once have more than ${LIMITS.fanOutBytes} bytes together`,
    { hints: ["Store the data elsewhere and emit references, or emit in several steps."] },
  );
}
