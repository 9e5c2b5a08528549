/**
 * Documents: small records of the namespace itself, such as its schedules, changed by whoever knows their version. A backend
 * keeps them and never looks inside; it tells when one is due, and what is done then is up to those who keep them.
 */

import type { Page, PageRequest } from "./run.ts";

export interface DocumentRecord {
  /** What it is, such as `schedule`; a name. */
  readonly kind: string;
  /** Unique among documents of its kind; a name. */
  readonly key: string;
  /** Grows with every put, also over a removal: who holds an old one can never take a new document for it. */
  readonly version: number;
  /** JSON text. */
  readonly json: string;
  /** A payload that goes with it. */
  readonly value: Uint8Array | undefined;
  /** When somebody has to do something about it; never, if absent. */
  readonly at: number | undefined;
  /** By the backend's clock. */
  readonly changedAt: number;
}

export interface PutDocument {
  readonly kind: string;
  readonly key: string;
  readonly json: string;
  readonly value?: Uint8Array | undefined;
  readonly at?: number | undefined;
  /** Puts it only over this version; 0 means that there must be none. Without it, over whatever there is. */
  readonly expectedVersion?: number | undefined;
}

export type PutOutcome =
  | { readonly kind: "put"; readonly document: DocumentRecord }
  /** Another version is there (`undefined`: none), and stays. */
  | { readonly kind: "conflict"; readonly document: DocumentRecord | undefined };

export type RemoveOutcome =
  | { readonly kind: "removed" }
  | { readonly kind: "absent" }
  | { readonly kind: "conflict"; readonly document: DocumentRecord };

/**
 * Each method is one atomic step. A document that is due and has not been put again is told of by the hint `documents`, soon
 * after its instant and then again and again, whenever somebody claims or renews.
 */
export interface DocumentOperations {
  get(kind: string, key: string): Promise<DocumentRecord | undefined>;
  /** Throws `INVALID_VALUE` for a kind or key that is no name or an instant that is none, `PAYLOAD_TOO_LARGE` over `LIMITS.documentBytes`. */
  put(request: PutDocument): Promise<PutOutcome>;
  remove(request: {
    readonly kind: string;
    readonly key: string;
    readonly expectedVersion?: number | undefined;
  }): Promise<RemoveOutcome>;
  /** In the order of `at`, then key; those that are never due come last. `upTo`: only what is due by then. */
  list(kind: string, page: PageRequest & { readonly upTo?: number | undefined }): Promise<Page<DocumentRecord>>;
}
