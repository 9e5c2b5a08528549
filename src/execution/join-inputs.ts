/**
 * The inputs of a join: the arrivals of its group, read page by page in branch order, each parsed on its own. A join by
 * name gets one slot for each predecessor. It refuses more bytes than a body could reasonably hold, and two arrivals in
 * one slot.
 */

import type { Page } from "../backend/contract/run.ts";
import type { Arrival } from "../backend/contract/work-item.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { decodeValue, encodeValue } from "../core/values.ts";
import type { JoinByNameRuntime, JoinRuntime } from "../definition/node-runtime.ts";
import { parseWith, type StandardSchema } from "../definition/schema.ts";

/** One page of a join's arrivals, in branch order. */
export type ReadArrivals = (cursor: string | undefined) => Promise<Page<Arrival>>;

/** All arrivals of a join. Throws `PAYLOAD_TOO_LARGE` when they are more than can be joined. */
export async function readAllArrivals(join: string, read: ReadArrivals): Promise<readonly Arrival[]> {
  const arrivals: Arrival[] = [];
  let bytesLeft: number = LIMITS.joinBytes;
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    for (const arrival of page.entries) {
      bytesLeft -= arrival.value.length;
      if (bytesLeft < 0) {
        throw new MillraceError("PAYLOAD_TOO_LARGE", `more than ${LIMITS.joinBytes} bytes arrived at join "${join}"`, {
          hints: ["Store the data elsewhere and let references arrive."],
        });
      }
      arrivals.push(arrival);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return arrivals;
}

/** What the body is given: a list for `join`, an object for `joinByName`. Throws `INVALID_INPUT`. */
export async function joinInputs(
  join: string,
  runtime: JoinRuntime | JoinByNameRuntime,
  arrivals: readonly Arrival[],
): Promise<unknown> {
  switch (runtime.kind) {
    case "join":
      return await Promise.all(
        arrivals.map((arrival, at) => parsedArrival(`${join}.inputs[${at}]`, runtime.input, arrival)),
      );
    case "joinByName":
      return await namedInputs(join, runtime, arrivals);
  }
}

/** The unparsed inputs, for a failure edge; `undefined` where they are too large for one value. */
export function joinedPayload(kind: "join" | "joinByName", arrivals: readonly Arrival[]): Uint8Array | undefined {
  try {
    const values = arrivals.map((arrival): [string, unknown] => [arrival.node, decodeValue(arrival.value)]);
    const joined = kind === "join" ? values.map(([, value]) => value) : Object.fromEntries(values);
    return encodeValue(joined, { what: "the inputs of a join", maxDepth: LIMITS.envelopeDepth });
  } catch {
    return undefined;
  }
}

async function namedInputs(
  join: string,
  { inputs }: JoinByNameRuntime,
  arrivals: readonly Arrival[],
): Promise<Readonly<Record<string, unknown>>> {
  const slots = new Map<string, unknown>();
  for (const arrival of arrivals) {
    const schema = inputs.get(arrival.node);
    if (schema === undefined) {
      throw new MillraceError("INVALID_INPUT", `join "${join}" has no input named "${arrival.node}"`);
    }
    if (slots.has(arrival.node)) {
      throw new MillraceError(
        "INVALID_INPUT",
        `more than one value arrived at join "${join}" from node "${arrival.node}"`,
        {
          hints: ["A join by name takes one value from each predecessor; use join() where there may be more."],
        },
      );
    }
    slots.set(arrival.node, await parsedArrival(`${join}.inputs.${arrival.node}`, schema, arrival));
  }
  return Object.fromEntries(slots);
}

async function parsedArrival(what: string, schema: StandardSchema, arrival: Arrival): Promise<unknown> {
  const parsed = await parseWith(schema, decodeValue(arrival.value, { what }));
  if (parsed.ok) return parsed.value;
  throw new MillraceError("INVALID_INPUT", `${what} does not fit its schema: ${parsed.issues.join("; ")}`, {
    details: { issues: parsed.issues },
  });
}
