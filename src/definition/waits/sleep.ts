/** `sleep`: a node whose items are parked for a while, in the store and not in a worker, and then go on with their input. */
import type { Duration } from "../../core/duration.ts";
import { toMilliseconds } from "../../core/duration.ts";
import type { AttemptArgs } from "../attempt.ts";
import type { Node } from "../node.ts";
import type { NodeOptions } from "../node-options.ts";
import { readOr } from "../problems.ts";
import type { InferInput, InferOutput, StandardSchema } from "../schema.ts";
import { next } from "../transition.ts";
import { readWait, type WaitReading } from "./wait-node.ts";

/** The options of a sleep. */
export interface SleepOptions extends Omit<NodeOptions, "deadline"> {}

/**
 * Emits its input once the time has passed, by the backend's clock and to the millisecond, however long that is. What is due
 * while its run is paused is done when it is resumed. `duration` may be told from the input; what throws, or is no
 * duration, fails the attempt.
 */
export function sleep<S extends StandardSchema>(
  input: S,
  duration: Duration | ((input: InferOutput<S>) => Duration),
  options: SleepOptions = {},
): Node<InferInput<S>, InferOutput<S>> {
  const problems: string[] = [];
  if (typeof duration !== "function") readOr(problems, () => toMilliseconds(duration, "the duration"), 0);
  const given: unknown = duration;
  const reading: WaitReading = {
    options: [],
    shown: { kind: "sleep" },
    problems,
    request: async (args) => {
      // A duration is checked where it is read.
      const asked: unknown = typeof given === "function" ? await Reflect.apply(given, undefined, [args.input]) : given;
      return { durationMs: toMilliseconds(asked as Duration, "the duration of a sleep") };
    },
    otherwise: (args: AttemptArgs) => next(args.input),
  };
  return Object.freeze({ "~runtime": readWait({ ...options, input }, reading) });
}
