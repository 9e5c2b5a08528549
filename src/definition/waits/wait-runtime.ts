/**
 * What the engine keeps of a node that waits, once its types are gone. Its items have two phases: in the first it is asked
 * what to wait for and the item is parked, in the second the body runs on the answer. Invariant: which kind of wait it is,
 * and what a definition shows of it, does not depend on the item.
 */
import type { AttemptArgs } from "../attempt.ts";
import type { StandardSchema } from "../schema.ts";
import type { Condition } from "./event.ts";

/** What a definition shows of a wait. */
export interface DefinitionWait {
  readonly kind: "sleep" | "event" | "input" | "tool" | "child";
  /** The event's name. */
  readonly event?: string;
  /** The tool's name. */
  readonly tool?: string;
  /** The name of the child's workflow. */
  readonly workflow?: string;
  /** After so long it is in vain. */
  readonly deadlineMs?: number;
}

/** A wait as the engine sees it. */
export interface WaitRuntime {
  readonly shown: DefinitionWait;
  /** Parses the answer; absent where the engine gives it. */
  readonly receive?: StandardSchema;
  /** Of a child. */
  readonly child?: ChildRuntime;
  /** Asks the user's functions what an item waits for. Throws what they throw. */
  request(args: AttemptArgs): Promise<WaitRequest>;
}

/** How child runs are started. */
export interface ChildRuntime {
  /** A workflow, which is to be told by `isWorkflow`: this file is part of what one is made of. */
  readonly workflow: object;
  readonly tags: Readonly<Record<string, string>>;
  readonly onParentClose: "cancel" | "leave";
}

/** What one item waits for. */
export interface WaitRequest {
  /** How long it sleeps. */
  readonly durationMs?: number;
  readonly key?: string;
  readonly conditions?: readonly Condition[];
  readonly prompt?: string;
  readonly arguments?: unknown;
  /** Initial values of the child's context. */
  readonly context?: unknown;
}
