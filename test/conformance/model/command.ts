/**
 * What may happen to a backend, as data: generated, shrunk and printed by fast-check. Places in lists (sessions, claims,
 * runs) are numbers that wrap around, so every command fits every state and shortening a sequence leaves the rest sound.
 */

import fc from "fast-check";

export type OutcomeChoice =
  | { readonly kind: "next"; readonly width: number; readonly delayMs: number; readonly priority: number }
  | { readonly kind: "output"; readonly count: number }
  | { readonly kind: "nothing" | "hold" | "fail" | "badArrival" }
  | { readonly kind: "retry" | "release"; readonly delayMs: number }
  | { readonly kind: "failOver"; readonly width: number }
  | { readonly kind: "fanOut"; readonly width: number; readonly joins: number; readonly straight: number }
  /** To the join of the group so many levels out; `nothing` where there is no group. */
  | { readonly kind: "arrive"; readonly levels: number; readonly join: number; readonly count: number };

export interface CommitChoice {
  /** Which of the claims that are not committed yet. */
  readonly claim: number;
  /** Rather any claim of all times. */
  readonly stale: boolean;
  readonly outcome: OutcomeChoice;
  readonly writes: readonly number[];
  readonly reads: readonly number[];
  readonly delta: boolean;
  readonly metric: boolean;
  /** Off by this much, to be refused. */
  readonly wrong: "nothing" | "epoch" | "generation" | "base";
  /** Build on the commit before it in the same request. */
  readonly follows: boolean;
}

export type Command =
  | {
      readonly kind: "start";
      readonly key: number;
      readonly input: number;
      readonly completion: "single" | "first" | "all";
      readonly maxItems: number;
      readonly delayMs: number;
      readonly timeoutMs: number | undefined;
      readonly deadlineMs: number | undefined;
      readonly priority: number;
      readonly lane: number;
      readonly delta: boolean;
      readonly onConflict: "return" | "fail" | "cancelRunning";
    }
  | { readonly kind: "openSession"; readonly leaseMs: number }
  | { readonly kind: "closeSession"; readonly session: number }
  | { readonly kind: "renew"; readonly session: number }
  | {
      readonly kind: "request";
      readonly session: number;
      readonly commits: readonly CommitChoice[];
      readonly limit: number;
      readonly lanes: number;
      readonly stalledLimit: number;
      readonly maxStalls: number;
      readonly graceMs: number;
    }
  | { readonly kind: "resend"; readonly session: number; readonly changed: boolean }
  | { readonly kind: "advance"; readonly ms: number }
  /** The short leases end, and another session than that of the latest claim looks for work. */
  | { readonly kind: "takeOver"; readonly maxStalls: number }
  | { readonly kind: "control"; readonly run: number; readonly action: ActionChoice; readonly item: number }
  | { readonly kind: "memo"; readonly claim: number; readonly name: number; readonly stale: boolean }
  | { readonly kind: "snapshot"; readonly run: number; readonly sequence: number }
  | { readonly kind: "purge"; readonly limit: number }
  | { readonly kind: "pages"; readonly list: number; readonly limit: number; readonly status: number };

export type ActionChoice =
  | "cancel"
  | "pause"
  | "resume"
  | "resumeFurther"
  | "retryItem"
  | "editItem"
  | "complete"
  | "fail"
  | "enqueue"
  | "merge"
  | "setAttempts"
  | "delete";

const place = fc.nat({ max: 29 });
const fields = fc.uniqueArray(fc.nat({ max: 3 }), { maxLength: 2 });
const delayMs = among(0, 0, 0, 0, 500, 4_000);
const flag = fc.boolean();

const outcome: fc.Arbitrary<OutcomeChoice> = weighted<OutcomeChoice>(
  [7, fc.record({ kind: just("next"), width: among(1, 1, 2, 2, 3, 0), delayMs, priority: among(0, 1, -1) })],
  [
    5,
    fc.record({ kind: just("fanOut"), width: among(2, 3, 1, 2, 0), joins: among(1, 1, 2), straight: among(0, 0, 1) }),
  ],
  [7, fc.record({ kind: just("arrive"), levels: among(0, 0, 0, 1, 2), join: among(0, 1), count: among(1, 1, 2) })],
  [1, fc.record({ kind: just("output"), count: among(1, 1, 1, 2) })],
  [1, fc.record({ kind: among("nothing", "hold", "hold") })],
  [0.5, fc.record({ kind: among("fail", "fail", "badArrival") })],
  [2, fc.record({ kind: among("retry", "release"), delayMs })],
  [1, fc.record({ kind: just("failOver"), width: among(1, 1, 2, 0) })],
);

const commit: fc.Arbitrary<CommitChoice> = fc.record({
  claim: place,
  stale: among(false, false, false, false, false, false, false, false, true),
  outcome,
  writes: fields,
  reads: weighted<number[]>([3, fc.constant([])], [1, fields]),
  delta: flag,
  metric: flag,
  wrong: weighted<CommitChoice["wrong"]>([15, just("nothing")], [1, among("epoch", "generation", "base")]),
  follows: flag,
});

const start = fc.record({
  kind: just("start"),
  key: fc.nat({ max: 6 }),
  input: among(0, 0, 0, 1),
  completion: among("single", "first", "all", "all"),
  maxItems: among(100, 100, 100, 8),
  delayMs,
  timeoutMs: among(undefined, undefined, undefined, 30_000),
  deadlineMs: among(undefined, undefined, undefined, undefined, 6_000),
  priority: among(0, 1, -1),
  lane: fc.nat({ max: 3 }),
  delta: flag,
  onConflict: among("return", "return", "fail", "cancelRunning"),
});

const request = fc.record({
  kind: just("request"),
  session: place,
  commits: fc.array(commit, { maxLength: 3 }),
  limit: fc.nat({ max: 6 }),
  lanes: among(0, 0, 0, 1, 2),
  stalledLimit: among(1, 1, 0),
  maxStalls: among(1, 1, 2),
  graceMs: among(0, 0, 0, 2_000),
});

const action = weighted<ActionChoice>(
  [5, among("pause", "resume", "resume", "resume")],
  [
    5,
    among(
      "resumeFurther",
      "retryItem",
      "retryItem",
      "retryItem",
      "editItem",
      "editItem",
      "enqueue",
      "merge",
      "setAttempts",
    ),
  ],
  [2, among("cancel", "complete", "fail", "delete", "delete")],
);

const command: fc.Arbitrary<Command> = weighted<Command>(
  [4, start],
  [1, fc.record({ kind: just("openSession"), leaseMs: among(2_000, 2_000, 10_000) })],
  [0.4, fc.record({ kind: just("closeSession"), session: place })],
  [1.5, fc.record({ kind: just("renew"), session: place })],
  [22, request],
  [2, fc.record({ kind: just("resend"), session: place, changed: among(false, false, true) })],
  [3, fc.record({ kind: just("advance"), ms: among(1, 499, 500, 500, 1_000, 2_000, 3_000, 10_000) })],
  [1.5, fc.record({ kind: just("takeOver"), maxStalls: among(1, 2, 2) })],
  [5, fc.record({ kind: just("control"), run: place, action, item: fc.nat({ max: 9 }) })],
  [1, fc.record({ kind: just("memo"), claim: place, name: among(0, 1), stale: flag })],
  [1, fc.record({ kind: just("snapshot"), run: place, sequence: fc.nat({ max: 6 }) })],
  [0.3, fc.record({ kind: just("purge"), limit: among(1, 2) })],
  [1, fc.record({ kind: just("pages"), list: fc.nat({ max: 8 }), limit: among(1, 2, 3), status: fc.nat({ max: 4 }) })],
);

/** A history from empty data on. */
export const history: fc.Arbitrary<readonly Command[]> = fc.array(command, {
  minLength: 40,
  maxLength: 80,
  size: "max",
});

function just<const T>(value: T): fc.Arbitrary<T> {
  return fc.constant(value);
}

function among<const T>(...values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values);
}

/** Weights in tenths. */
function weighted<T>(...choices: readonly (readonly [number, fc.Arbitrary<T>])[]): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight: Math.round(weight * 10), arbitrary })));
}
