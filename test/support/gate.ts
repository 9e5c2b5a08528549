/**
 * A place in a body where it waits until the test lets it go on, and where the test learns that it has come so far.
 */

export interface Gate {
  /** Called by the body. */
  begin(): void;
  /** Resolves once the body has begun. */
  readonly begun: Promise<void>;
  /** Called by the test. */
  open(): void;
  /** Resolves once the body may go on. */
  readonly opened: Promise<void>;
}

export function gate(): Gate {
  const begun = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return { begin: begun.resolve, begun: begun.promise, open: opened.resolve, opened: opened.promise };
}
