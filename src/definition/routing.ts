/**
 * Where an emitted value goes, and where a failed item goes: pure functions over one edge of a definition. Guards are
 * called through the caller, who has the code and the context. Nothing here knows a run. Invariant: exactly one choice
 * of one destination is taken for each value, or none and a problem is said.
 */
import type { DefinitionEdge, Destination } from "./definition.ts";
import type { Slot } from "./edge-reading.ts";
import { quote } from "./problems.ts";
import { isVariant } from "./variant.ts";

/**
 * Asks a guard of the edge: by its slot, its name in the definition and its place there. What it throws is passed on;
 * an answer that is no boolean is a problem, and so is a guard that is not there (answer `undefined`).
 */
export type AskGuard = (
  guard: { readonly slot: Slot; readonly name: string; readonly index: number },
  value: unknown,
) => unknown;

/** Where a value goes: to these nodes, in order, or (none) into the run's output. `value` is what is delivered. */
export interface Routed {
  readonly routed: true;
  readonly targets: readonly string[];
  readonly value: unknown;
}

/** The edge has no way for the value. The attempt fails with `INVALID_OUTPUT`. */
export interface Unrouted {
  readonly routed: false;
  readonly problem: string;
}

/**
 * Where one emitted value goes. A variant goes by `route`: the way of its kind, or `"*"` where its kind is not named;
 * its value is delivered. Any other value goes by `to`.
 */
export function emissionTargets(edge: DefinitionEdge, emitted: unknown, ask: AskGuard): Routed | Unrouted {
  if (!isVariant(emitted)) {
    if (edge.to !== undefined) return choose(edge.to, "to", emitted, ask);
    return unrouted(
      "emitted a plain value, but its edge routes variants only; make it with variant(kind, value), and not inside step()",
    );
  }
  const { kind, value } = emitted;
  const { route } = edge;
  if (route === undefined) return unrouted(`emitted the variant ${quote(kind)}, but its edge has no route`);
  const named = Object.hasOwn(route, kind) ? kind : "*";
  const destination = Object.hasOwn(route, named) ? route[named] : undefined;
  if (destination === undefined) return unrouted(`emitted the variant ${quote(kind)}, which its edge does not route`);
  return choose(destination, `route:${named}`, value, ask);
}

/** Where an item goes that failed for good, by the code of its failure; none: the run fails. */
export function failureTargets(edge: DefinitionEdge, code: string): readonly string[] {
  const timedOut = code === "TIMEOUT" || code === "DEADLINE";
  return (timedOut ? edge.onTimeout : undefined) ?? edge.onFailure ?? [];
}

function choose(destination: Destination, slot: Slot, value: unknown, ask: AskGuard): Routed | Unrouted {
  for (const [index, { when, to }] of destination.entries()) {
    if (when === undefined) return { routed: true, targets: to, value };
    const agreed = ask({ slot, name: when, index }, value);
    if (agreed === true) return { routed: true, targets: to, value };
    if (agreed === undefined) return unrouted(`has no guard ${quote(when)} that answers true or false`);
    if (agreed !== false) {
      const shown =
        agreed instanceof Promise ? "a promise" : agreed === null ? "null" : `a value of type ${typeof agreed}`;
      return unrouted(`has a guard ${quote(when)} that answered with ${shown}; it must be true or false`);
    }
  }
  return unrouted("emitted a value that no guard wanted, and its edge has no default");
}

function unrouted(problem: string): Unrouted {
  return { routed: false, problem };
}
