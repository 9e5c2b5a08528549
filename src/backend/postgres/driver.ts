/**
 * What the rest of this folder knows of a driver: connections that take statements and give rows as plain lists of values.
 * Only `connection.ts` knows which package is behind it.
 */

/** A value of a column, as it comes. Numbers of every width come as numbers. */
export type SqlValue = string | number | boolean | null | Uint8Array;

export type SqlRow = readonly SqlValue[];

/** A value of a parameter. Lists are given as text in the form of the server (see parameters.ts). */
export type Parameter = string | number | boolean | null | Uint8Array;

export interface Statement {
  readonly text: string;
  /** Absent: the text may hold several statements, and gives no rows. */
  readonly values?: readonly Parameter[] | undefined;
  /** Prepared once per connection under this name. */
  readonly name?: string | undefined;
}

export interface StatementResult {
  readonly rows: readonly SqlRow[];
  /** The word by which the server confirms, such as `COMMIT`. */
  readonly command: string;
}

/** One connection, as long as it is held. */
export interface Session {
  /**
   * Sends all statements at once and waits for all of them: a round trip, where the driver can. Throws the error of the first
   * that failed, as an error of the engine; those after it have failed too or were not sent, if they were in one transaction.
   */
  run(statements: readonly Statement[]): Promise<readonly StatementResult[]>;
  /** Gives the connection back. Only when nothing is open on it. */
  release(): void;
  /** Closes the connection: nobody knows what is open on it. */
  destroy(): void;
}

export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** A connection of its own that hears what others tell. */
export interface Listener {
  /** Rejects if the server does not answer in time. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface ListenerEvents {
  heard(notification: Notification): void;
  /** It is of no use any more. */
  lost(): void;
}

export interface Pool {
  /** Waits for a connection. Throws `BACKEND_UNAVAILABLE` and the like. */
  connect(): Promise<Session>;
  /** Opens a connection that listens to the channel. */
  listen(channel: string, events: ListenerEvents): Promise<Listener>;
  /** Frees what was opened here; what somebody else opened stays open. */
  close(): Promise<void>;
}
