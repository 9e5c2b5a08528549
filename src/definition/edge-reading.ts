/**
 * Turns the edge of one node, as a user wrote it, into its form in the definition and the guards that go with it. It
 * knows the forms and nothing of the graph: whether targets exist is the business of `graph-checks.ts`. What is wrong is
 * noted, and read as an edge that leads nowhere.
 */
import { LIMITS } from "../core/limits.ts";
import type { Choice, DefinitionEdge, Destination } from "./definition.ts";
import { noteUnknownOptions, quote } from "./problems.ts";

/** A guard as the engine calls it. Whether it answered with a boolean is checked by `routing.ts`. */
export type Guard = (value: unknown, args: { readonly context: unknown }) => unknown;

/** Where guards stand in an edge: in `to`, or in the route of a kind. */
export type Slot = "to" | `route:${string}`;

/** One guard, with the name it has in the definition and its place among the choices of its slot. */
export interface PlacedGuard {
  readonly slot: Slot;
  readonly index: number;
  readonly name: string;
  readonly guard: Guard;
}

/** An edge, read. */
export interface ReadEdge {
  readonly edge: DefinitionEdge;
  readonly guards: readonly PlacedGuard[];
}

/** Reads the edge of one node. Problems start with the name of the edge. */
export function readEdge(node: string, written: unknown, problems: string[]): ReadEdge {
  const reading: Reading = { problems, guards: [] };
  const where = `edge of ${quote(node)}`;
  if (typeof written === "string" || Array.isArray(written)) {
    return { edge: { to: readDestination(reading, "to", where, written) }, guards: reading.guards };
  }
  if (!isObject(written)) {
    problems.push(`${where} must be a node's name, an array of names, or an object with to or route`);
    return { edge: { to: [{ to: [] }] }, guards: [] };
  }
  noteUnknownOptions(problems, written, ["to", "route", "onFailure", "onTimeout"], where);
  const { to, route, onFailure, onTimeout } = written;
  if (to === undefined && route === undefined) {
    problems.push(`${where} has neither to nor route; write to: [] if the graph ends there`);
  }
  const edge: DefinitionEdge = {
    ...(to === undefined ? {} : { to: readDestination(reading, "to", `${where}, to`, to) }),
    ...(route === undefined ? {} : { route: readRoute(reading, `${where}, route`, route) }),
    ...(onFailure === undefined ? {} : { onFailure: readExit(reading, `${where}, onFailure`, onFailure) }),
    ...(onTimeout === undefined ? {} : { onTimeout: readExit(reading, `${where}, onTimeout`, onTimeout) }),
  };
  return { edge, guards: reading.guards };
}

interface Reading {
  readonly problems: string[];
  readonly guards: PlacedGuard[];
}

function readRoute(reading: Reading, where: string, written: unknown): Record<string, Destination> {
  if (!isObject(written)) {
    reading.problems.push(`${where} must be an object with a way for each kind`);
    return {};
  }
  const kinds = Object.keys(written).sort();
  if (kinds.length === 0) reading.problems.push(`${where} names no kind`);
  // fromEntries and not assignment: a kind may have any name, "__proto__" included.
  return Object.fromEntries(
    kinds.map((kind) => {
      if (kind === "") reading.problems.push(`${where}: a kind is an empty string`);
      return [kind, readDestination(reading, `route:${kind}`, `${where} ${quote(kind)}`, written[kind])];
    }),
  );
}

function readDestination(reading: Reading, slot: Slot, where: string, written: unknown): Destination {
  if (Array.isArray(written) && written.some((part) => typeof part !== "string")) {
    return readChoices(reading, slot, where, written);
  }
  return [{ to: readTargets(reading, where, written) }];
}

function readChoices(reading: Reading, slot: Slot, where: string, written: readonly unknown[]): Destination {
  const { problems } = reading;
  const names = new Set<string>();
  const choices = written.map((part, index): Choice => {
    const last = index === written.length - 1;
    const here = `${where}, way ${index + 1}`;
    if (!isObject(part)) {
      problems.push(
        `${here} must be { when, to }${typeof part === "string" ? "; names and guarded ways don't mix" : ""}`,
      );
      return { to: [] };
    }
    noteUnknownOptions(problems, part, ["name", "when", "to"], here);
    const to = readTargets(reading, `${here}, to`, part.to);
    const { when } = part;
    if (last) {
      if (when !== undefined) problems.push(`${where} has no default: its last way must be { to } without a guard`);
      else if (part.name !== undefined) problems.push(`${here} has a name but no guard`);
      return { to };
    }
    if (typeof when !== "function") {
      problems.push(
        when === undefined
          ? `${here} has no guard, so the ways after it are never taken`
          : `${here}: when must be a function`,
      );
      return { to };
    }
    const name = readGuardName(problems, here, part.name, index);
    if (names.has(name)) problems.push(`${here} has the same guard name as one before it: ${quote(name)}`);
    names.add(name);
    reading.guards.push({ slot, index, name, guard: (value, args) => Reflect.apply(when, part, [value, args]) });
    return { when: name, to };
  });
  return choices;
}

/** A guard without a name is known by its place, so that its definition does not depend on how code is bundled. */
function readGuardName(problems: string[], where: string, name: unknown, index: number): string {
  const placed = `guard-${index + 1}`;
  if (name === undefined) return placed;
  if (typeof name === "string" && name !== "" && name.length <= LIMITS.nameLength) return name;
  problems.push(`${where}: the name of a guard must be a string of 1 to ${LIMITS.nameLength} characters`);
  return placed;
}

function readExit(reading: Reading, where: string, written: unknown): readonly string[] {
  const targets = readTargets(reading, where, written);
  if (Array.isArray(written) && written.length === 0) {
    reading.problems.push(`${where} is empty, which would swallow the error; name a node or leave it out`);
  }
  return targets;
}

function readTargets(reading: Reading, where: string, written: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(written) ? written : [written];
  const targets = list.filter((target) => typeof target === "string");
  if (targets.length < list.length) reading.problems.push(`${where} must be a node's name or an array of names`);
  const once = [...new Set(targets)];
  if (once.length < targets.length) {
    const twice = once.filter((target) => targets.indexOf(target) !== targets.lastIndexOf(target));
    reading.problems.push(`${where} names ${twice.map(quote).join(", ")} more than once`);
  }
  return once;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
