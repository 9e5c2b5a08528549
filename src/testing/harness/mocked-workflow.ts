/**
 * A workflow with other bodies: the same definition and hash, the mocks in place of the nodes that they are named after,
 * and notes taken of every call. What arrives goes through the node's own schema and then in an envelope, so that a mock
 * gets what was delivered and the real body what the schema made of it. Invariant: a node without a mock and without a
 * chosen failure does exactly what it does without a test.
 */

import { MillraceError } from "../../core/errors.ts";
import type { StandardSchema, Transition, Workflow, WorkflowTypes } from "../../index.ts";
import type { Activity } from "./activity.ts";
import type { ExecutionOutcome, Journal } from "./journal.ts";

type NodeRuntime = Workflow["~runtime"]["nodes"] extends ReadonlyMap<string, infer N> ? N : never;
type PlainNode = Extract<NodeRuntime, { kind: "node" }>;
type AttemptArgs = Parameters<NodeRuntime["run"]>[0];
/** A mock with its types erased. */
type AnyMock = (args: never) => unknown;

/** What a test has to say about the bodies of nodes. */
export interface BodyPorts {
  readonly mocks: Readonly<Record<string, AnyMock | undefined>>;
  readonly journal: Journal;
  readonly activity: Activity;
  now(): number;
  /** Throws or returns what the attempt is to fail with; `undefined` lets it be. */
  chosenFailure(node: string, attempt: number): unknown;
}

/** A value with what the node's schema made of it. */
class Envelope {
  readonly delivered: unknown;
  readonly parsed: unknown;

  constructor(delivered: unknown, parsed: unknown) {
    this.delivered = delivered;
    this.parsed = parsed;
  }
}

/** A value that a mock emits: it is past the node's output schema. */
class PastSchema {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** Puts the mocks in. Throws `INVALID_VALUE` for a mock of no node, or one that is no function. */
export function mockedWorkflow<T extends WorkflowTypes>(workflow: Workflow<T>, ports: BodyPorts): Workflow<T> {
  const runtime = workflow["~runtime"];
  for (const [name, mock] of Object.entries(ports.mocks)) {
    checkNode(workflow, name);
    if (mock !== undefined && typeof mock !== "function") {
      throw new MillraceError("INVALID_VALUE", `the mock of node "${name}" must be a function`);
    }
  }
  const nodes = new Map<string, NodeRuntime>();
  for (const [name, node] of runtime.nodes) nodes.set(name, mockedNode(name, node, workflow, ports));
  return { ...workflow, "~runtime": { ...runtime, nodes } };
}

/** Throws `INVALID_VALUE` for the name of no node. */
export function checkNode(workflow: Workflow, name: string): void {
  const { nodes } = workflow["~runtime"];
  if (nodes.has(name)) return;
  throw new MillraceError("INVALID_VALUE", `workflow "${workflow.name}" has no node "${name}"`, {
    hints: [`Its nodes are ${[...nodes.keys()].join(", ")}.`],
  });
}

function mockedNode(name: string, node: NodeRuntime, workflow: Workflow, ports: BodyPorts): NodeRuntime {
  const mock = ports.mocks[name];
  const body = {
    // A mock may look at all of the context.
    ...(mock === undefined ? {} : { context: workflow["~runtime"].context.fields }),
    ...(node.output === undefined || mock === undefined ? {} : { output: openOutput(node.output) }),
    run: (args: AttemptArgs) => execute(name, node, mock, args, ports),
  };
  if (node.kind === "node") return { ...waited(node, mock), ...body, input: enveloped(node.input) };
  if (node.kind === "join") return { ...node, ...body, input: enveloped(node.input) };
  const inputs = new Map([...node.inputs].map(([slot, schema]) => [slot, enveloped(schema)]));
  return { ...node, ...body, inputs };
}

/** A mock stands in for the whole of a wait: its items are not parked. What the node asks for sees what the schema made of the input. */
function waited(node: PlainNode, mock: AnyMock | undefined): PlainNode {
  const { wait, ...plain } = node;
  if (wait === undefined) return node;
  if (mock !== undefined) return plain;
  const request = (args: AttemptArgs) => wait.request(handed(args, { input: opened(args.input, "parsed") }));
  return { ...plain, wait: { ...wait, request } };
}

/** The getters of the arguments stay getters: a signal is only made for those who ask. */
function handed(args: AttemptArgs, parts: object): AttemptArgs {
  const all: AttemptArgs = Object.create(Object.prototype, {
    ...Object.getOwnPropertyDescriptors(args),
    ...Object.getOwnPropertyDescriptors(parts),
  });
  return all;
}

async function execute(
  name: string,
  node: NodeRuntime,
  mock: AnyMock | undefined,
  args: AttemptArgs,
  { journal, activity, now, chosenFailure }: BodyPorts,
): Promise<unknown> {
  const key = node.kind === "node" ? "input" : "inputs";
  const given: unknown = args[key];
  const input = opened(given, "delivered");
  const { runId, itemId, attempt } = args;
  const end = journal.called({ runId, node: name, itemId, attempt, at: now(), input });
  const finished = activity.begin(itemId);
  const callReal = (): unknown => {
    if (node.kind === "node" && node.wait !== undefined && mock !== undefined) throw unreal(name);
    return Reflect.apply(node.run, node, [handed(args, { [key]: opened(given, "parsed") })]);
  };
  try {
    const failed = chosenFailure(name, attempt);
    const real = async (): Promise<unknown> => await checkedEmission(name, node.output, await callReal());
    const returned =
      failed ??
      (mock === undefined
        ? await callReal()
        : pastSchema(node, await Reflect.apply(mock, undefined, [handed(args, { [key]: input, real })])));
    end(outcomeOf(returned), isKind(returned, "abort") ? returned : undefined);
    return returned;
  } catch (thrown) {
    end("threw", thrown);
    throw thrown;
  } finally {
    finished();
  }
}

function unreal(name: string): MillraceError {
  return new MillraceError(
    "INVALID_VALUE",
    `node "${name}" waits, and its mock stands in for the whole of that: there is no real() to call`,
    {
      hints: [
        "Leave the mock out and let the test answer: run.complete(node, payload), t.sendEvent(event, …), advance(…).",
      ],
    },
  );
}

/** The same check as the engine's, for what a mock asked of the real node. */
async function checkedEmission(name: string, output: StandardSchema | undefined, returned: unknown): Promise<unknown> {
  if (output === undefined || !isTransition(returned)) return returned;
  const checked = async (value: unknown): Promise<unknown> => {
    const result = await output["~standard"].validate(value);
    if (result.issues === undefined) return result.value;
    const issues = result.issues.map(({ message }) => message).join("; ");
    throw new MillraceError("INVALID_OUTPUT", `the output of node "${name}" does not fit its schema: ${issues}`);
  };
  if (returned.kind === "next") return { ...returned, value: await checked(returned.value) };
  if (returned.kind === "nextAll") return { ...returned, values: await Promise.all(returned.values.map(checked)) };
  return returned;
}

function pastSchema(node: NodeRuntime, returned: unknown): unknown {
  if (node.output === undefined || !isTransition(returned)) return returned;
  if (returned.kind === "next") return { ...returned, value: new PastSchema(returned.value) };
  if (returned.kind === "nextAll")
    return { ...returned, values: returned.values.map((value) => new PastSchema(value)) };
  return returned;
}

function enveloped(schema: StandardSchema): StandardSchema {
  return around(schema, (value) => {
    const result = schema["~standard"].validate(value);
    const wrap = (parsed: Awaited<typeof result>) =>
      parsed.issues === undefined ? { value: new Envelope(value, parsed.value) } : parsed;
    return result instanceof Promise ? result.then(wrap) : wrap(result);
  });
}

function openOutput(schema: StandardSchema): StandardSchema {
  return around(schema, (value) =>
    value instanceof PastSchema ? { value: value.value } : schema["~standard"].validate(value),
  );
}

function around(schema: StandardSchema, validate: StandardSchema["~standard"]["validate"]): StandardSchema {
  return { "~standard": { version: 1, vendor: schema["~standard"].vendor, validate } };
}

/** What was in the envelopes: one, a list of them, or one in each slot. */
function opened(given: unknown, part: "delivered" | "parsed"): unknown {
  if (given instanceof Envelope) return given[part];
  if (Array.isArray(given)) return given.map((one) => opened(one, part));
  if (typeof given !== "object" || given === null) return given;
  return Object.fromEntries(Object.entries(given).map(([slot, one]) => [slot, opened(one, part)]));
}

function outcomeOf(returned: unknown): ExecutionOutcome {
  return isTransition(returned) ? returned.kind : "threw";
}

function isTransition(returned: unknown): returned is Transition {
  return (["next", "nextAll", "hold", "abort"] as const).some((kind) => isKind(returned, kind));
}

function isKind(returned: unknown, kind: Transition["kind"]): boolean {
  return typeof returned === "object" && returned !== null && "kind" in returned && returned.kind === kind;
}
