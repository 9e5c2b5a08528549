/**
 * What is wrong with the joins of a graph. The hard question is whether a join can be reached where no group of its
 * fan-out is open. An item carries a stack of open groups: leaving a fan-out by an emission pushes one, reaching a join
 * pops down to the nearest group of its fan-out and that group with it. Loops make stacks of any depth, so stacks are
 * not enumerated. What can happen while a group is the innermost one does not depend on what lies below it; so one frame
 * per fan-out is enough, with links to the frames it was opened in. That is exact (reachability of a pushdown automaton
 * whose stack alphabet is the fan-outs) and takes time in proportion to fan-outs × edges.
 */
import { type Definition, edgeOf, nodeOf } from "./definition.ts";
import { fanOuts, predecessorsOf, reachableFrom, type Successors, successorsOf } from "./graph-checks.ts";
import { quote, suggestion } from "./problems.ts";

/** All problems of the joins. `slots` are the inputs that each join by name declares. */
export function joinProblems(definition: Definition, slots: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const successors = successorsOf(definition);
  return [
    ...fanOutProblems(definition, successors),
    ...bypassProblems(definition, successors),
    ...[...slots].flatMap(([join, declared]) => slotProblems(definition, join, declared)),
  ];
}

function fanOutProblems(definition: Definition, successors: Successors): readonly string[] {
  const names = Object.keys(definition.nodes);
  const unknown = Object.entries(definition.nodes).flatMap(([join, { of }]) =>
    of === undefined || of === "" || nodeOf(definition, of) !== undefined
      ? []
      : [`join ${quote(join)} is of ${quote(of)}, but there is no node of that name${suggestion(of, names)}`],
  );
  const missed = [...fanOuts(definition)].flatMap(([of, joins]) => {
    const reached = reachableFrom(successors, successors.get(of)?.emits ?? [], joins);
    return joins
      .filter((join) => !reached.has(join))
      .map((join) => `join ${quote(join)} is of ${quote(of)}, but nothing that ${quote(of)} emits gets there`);
  });
  return [...unknown, ...missed];
}

function slotProblems(definition: Definition, join: string, declared: readonly string[]): readonly string[] {
  const predecessors = predecessorsOf(definition, join);
  return [
    ...declared
      .filter((slot) => !predecessors.includes(slot))
      .map((slot) => `join ${quote(join)} has an input ${quote(slot)}, but no edge leads from such a node to it`),
    ...predecessors
      .filter((node) => !declared.includes(node))
      .map(
        (node) => `join ${quote(join)} has no input named ${quote(node)}, although an edge leads from it to the join`,
      ),
  ];
}

/** One way to get somewhere: the step before it in the same frame, or the arrival in a frame above that led here. */
interface Step {
  readonly node: string;
  readonly before: Step | undefined;
  readonly above?: Step;
  readonly exit?: "onFailure" | "onTimeout";
}

/** Everything that can happen while one fan-out's group (or none, at the bottom) is the innermost. */
interface Frame {
  readonly fanOut: string | undefined;
  /** Nodes that run here. */
  readonly ran: Set<string>;
  /** Joins that were reached here, with the first way that was found. */
  readonly arrived: Map<string, Step>;
  /** The frames that this one was opened in, with the step that opened it. */
  readonly openedIn: Map<Frame, Step>;
}

/** More steps than this are not printed. */
const PRINTED_STEPS = 24;

interface Search {
  readonly definition: Definition;
  readonly successors: Successors;
  readonly frames: ReadonlyMap<string, Frame>;
  readonly bottom: Frame;
  /** Nodes that ran and have yet to be left. Each node runs at most once per frame. */
  readonly queue: { readonly frame: Frame; readonly step: Step }[];
}

function bypassProblems(definition: Definition, successors: Successors): readonly string[] {
  if (nodeOf(definition, definition.start) === undefined) return [];
  const frames = new Map([...fanOuts(definition).keys()].map((fanOut) => [fanOut, newFrame(fanOut)]));
  const search: Search = { definition, successors, frames, bottom: newFrame(undefined), queue: [] };
  reach(search, search.bottom, { node: definition.start, before: undefined });
  // The queue grows while it is walked.
  for (const { frame, step } of search.queue) leave(search, frame, step);
  return [...search.bottom.arrived].map(([join, step]) => {
    const of = quote(fanOutOf(search, join) ?? "");
    return (
      `join ${quote(join)} is reached where no group of its fan-out ${of} is open: ${printed(step)}; ` +
      `every path to it must leave ${of} first, and pass no other join of it`
    );
  });
}

/** An item gets to a node in a frame: it runs there, unless it is a join. */
function reach(search: Search, frame: Frame, step: Step): void {
  const pending = [{ frame, step }];
  for (const { frame, step } of pending) {
    if (fanOutOf(search, step.node) === undefined) run(search, frame, step);
    else if (!frame.arrived.has(step.node)) {
      frame.arrived.set(step.node, step);
      for (const [below, opening] of frame.openedIn) pending.push(...pop(search, frame, step, below, opening));
    }
  }
}

/** A join reached in a frame ends its group; it runs below if the group was its own, or else is reached there. */
function pop(search: Search, frame: Frame, above: Step, below: Frame, opening: Step): { frame: Frame; step: Step }[] {
  const step: Step = { node: above.node, before: opening, above };
  if (frame.fanOut !== fanOutOf(search, above.node)) return [{ frame: below, step }];
  run(search, below, step);
  return [];
}

function run(search: Search, frame: Frame, step: Step): void {
  if (frame.ran.has(step.node)) return;
  frame.ran.add(step.node);
  search.queue.push({ frame, step });
}

/** A node that ran leaves by each of its ways; only an emission opens a group. */
function leave(search: Search, frame: Frame, step: Step): void {
  const opened = search.frames.get(step.node);
  for (const node of search.successors.get(step.node)?.emits ?? []) {
    reach(search, opened ?? frame, { node, before: opened === undefined ? step : undefined });
  }
  if (opened !== undefined) open(search, opened, frame, step);
  const edge = edgeOf(search.definition, step.node);
  for (const exit of ["onFailure", "onTimeout"] as const) {
    for (const node of edge?.[exit] ?? []) {
      if (nodeOf(search.definition, node) !== undefined) reach(search, frame, { node, before: step, exit });
    }
  }
}

/** A frame is opened in one more frame, so what has arrived in it already arrives there too. */
function open(search: Search, opened: Frame, below: Frame, opening: Step): void {
  opened.openedIn.set(below, opening);
  for (const above of [...opened.arrived.values()]) {
    for (const { frame, step } of pop(search, opened, above, below, opening)) reach(search, frame, step);
  }
}

/** The fan-out of a join; `undefined` for other nodes, and for a join whose fan-out is no node (reported elsewhere). */
function fanOutOf(search: Search, node: string): string | undefined {
  const of = nodeOf(search.definition, node)?.of;
  return of !== undefined && search.frames.has(of) ? of : undefined;
}

function newFrame(fanOut: string | undefined): Frame {
  return { fanOut, ran: new Set(), arrived: new Map(), openedIn: new Map() };
}

/** `a -> b -(onFailure)-> c`. Written without recursion: a path may be as long as the graph. */
function printed(last: Step): string {
  const names: string[] = [];
  const pending: { readonly step: Step; readonly own: boolean }[] = [{ step: last, own: false }];
  for (let part = pending.pop(); part !== undefined && names.length < PRINTED_STEPS; part = pending.pop()) {
    const { step, own } = part;
    if (own) {
      names.push(`${names.length === 0 ? "" : step.exit === undefined ? " -> " : ` -(${step.exit})-> `}${step.node}`);
      continue;
    }
    // Last in, first out: what came before is printed first; a step that came from above is that arrival.
    pending.push(step.above === undefined ? { step, own: true } : { step: step.above, own: false });
    if (step.before !== undefined) pending.push({ step: step.before, own: false });
  }
  return pending.length === 0 ? names.join("") : `${names.join("")} -> … -> ${last.node}`;
}
