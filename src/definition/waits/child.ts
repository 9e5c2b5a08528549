/** `child`: a node whose items start a run of another workflow and are parked until it has ended. */
import type { Duration } from "../../core/duration.ts";
import type { RetryPolicy } from "../../core/retry.ts";
import type { ContextInit } from "../context/field.ts";
import type { Node } from "../node.ts";
import { unchecked } from "../schema.ts";
import { isWorkflow, type Workflow } from "../workflow-building.ts";
import type { WorkflowTypes } from "../workflow-types.ts";
import { readWait, valueFor, type WaitOptions } from "./wait-node.ts";

/** How child runs are started. All may be left out. */
export interface ChildOptions<T extends WorkflowTypes = WorkflowTypes> extends WaitOptions {
  /** Initial values of the child's context, by field. */
  readonly context?:
    | ContextInit<T["fields"]>
    | ((args: { readonly input: T["input"] }) => ContextInit<T["fields"]>)
    | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** A child whose parent run is closed, or does not wait for it any more, is cancelled unless it may be left alone. */
  readonly onParentClose?: "cancel" | "leave" | undefined;
  /** How long it is waited for; then the child is cancelled as `onParentClose` says. */
  readonly deadline?: Duration | undefined;
  /**
   * A child that failed makes the attempt fail with `CHILD_FAILED`, and another attempt starts another child. Only a policy
   * of the node itself retries that; one that was cancelled is not replaced.
   */
  readonly retry?: RetryPolicy | false | undefined;
}

/**
 * Runs another workflow on the input, as a run of its own that any worker with its code executes, and emits its output.
 * Workers run the children of their workflows without being told. A child that does not complete fails the attempt.
 */
export function child<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  options: ChildOptions<NoInfer<T>> = {},
): Node<T["input"], T["output"]> {
  const problems: string[] = [];
  const isThere = isWorkflow(workflow);
  if (!isThere) problems.push("the child must be made by workflow()");
  const { context, tags = {}, onParentClose = "cancel", ...rest } = options;
  if (onParentClose !== "cancel" && onParentClose !== "leave")
    problems.push('onParentClose must be "cancel" or "leave"');
  const runtime = readWait(
    { ...withChildFailures(rest), input: unchecked<T["input"]>() },
    {
      options: [],
      shown: { kind: "child", workflow: isThere ? workflow.name : "" },
      child: Object.freeze({ workflow, tags, onParentClose }),
      problems,
      request: async (args) => (context === undefined ? {} : { context: await valueFor(context, args) }),
    },
  );
  return Object.freeze({ "~runtime": runtime });
}

/** A policy of the node's own is meant for what children fail with. */
function withChildFailures(options: WaitOptions): WaitOptions {
  const { retry } = options;
  if (typeof retry !== "object" || retry === null || retry.retryOn !== undefined) return options;
  return { ...options, retry: { ...retry, retryOn: ["generic", "timeout", "CHILD_FAILED"] } };
}
