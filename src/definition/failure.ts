/**
 * The failure that a node on a failure edge is told about. It is a plain record, made from whatever the failed node
 * threw; nothing here is ever an Error object, since it has travelled through a store.
 */

/** Why the item before this one failed; `error` of a node reached by `onFailure` or `onTimeout`. */
export interface Failure {
  /** A code of Millrace (`TIMEOUT`, `INVALID_INPUT`, …) or the one given to `abort`. */
  readonly code: string;
  readonly message: string;
  /** The node that failed. */
  readonly node: string;
  /** The number of its last attempt, from 1. */
  readonly attempt: number;
  /** What `abort(reason, { details })` was given. */
  readonly details?: unknown;
}
