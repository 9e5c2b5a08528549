/**
 * The one table of error codes: what each code means, how to recover, and which exit status, HTTP status and default
 * retry it stands for. The documentation, the CLI and the server are generated from it and add nothing of their own.
 * Invariant: a code is never renamed or given another meaning once released.
 */

/** Exit statuses of the CLI. Scripts may rely on them. */
const EXIT = {
  ok: 0,
  /** A bug, or user code that threw. */
  unexpected: 1,
  /** The command, the configuration or the data given is wrong. */
  usage: 2,
  /** The named thing does not exist. */
  notFound: 3,
  /** Refused because of the state that something is in. */
  conflict: 4,
  /** The run did not end well. */
  runFailed: 5,
  /** The store or a dependency cannot be used. */
  environment: 6,
  /** Time ran out, or the caller gave up. */
  timeout: 7,
} as const;

/** What the table says about one code. */
export interface ErrorEntry {
  /** What happened, in one sentence. */
  readonly summary: string;
  /** Exit status of a command that ends with it. */
  readonly exit: number;
  /** HTTP status of a request that ends with it. */
  readonly http: number;
  /** Whether the default retry policy retries an attempt that failed with it. */
  readonly retried: boolean;
  /** How to recover, where the error itself brings no better hint. */
  readonly hint: string;
}

function entry(exit: number, http: number, summary: string, hint: string, retried = false): ErrorEntry {
  return Object.freeze({ summary, exit, http, retried, hint });
}

const TABLE = {
  // Definition and configuration
  INVALID_WORKFLOW: entry(
    EXIT.usage,
    422,
    "The workflow's definition has problems.",
    "Fix every problem listed in the message; they are all there.",
  ),
  INVALID_CONFIG: entry(
    EXIT.usage,
    400,
    "An option or the configuration is not valid.",
    "Correct the option named in the message.",
  ),
  USAGE: entry(
    EXIT.usage,
    400,
    "The command was not understood.",
    "Run the command with --help for its arguments and an example.",
  ),
  UNKNOWN_WORKFLOW: entry(
    EXIT.notFound,
    404,
    "No such workflow is registered here.",
    "Register the workflow, or start a worker that publishes it.",
  ),
  VERSION_CONFLICT: entry(
    EXIT.conflict,
    409,
    "The same workflow name and version exists with another definition.",
    "Give the changed workflow a new version.",
  ),
  UNSUPPORTED_NODE: entry(
    EXIT.environment,
    501,
    "This Node.js is too old.",
    "Install the Node.js version named in the message, or a newer one.",
  ),
  MISSING_DEPENDENCY: entry(
    EXIT.environment,
    500,
    "An optional package that this feature needs is not installed.",
    "Run the install command in the message.",
  ),

  // Values
  INVALID_INPUT: entry(
    EXIT.usage,
    400,
    "The input does not fit the node's schema, or is not a value that can be stored.",
    "Correct the input at the path in the message.",
  ),
  INVALID_OUTPUT: entry(
    EXIT.runFailed,
    422,
    "A node returned something that does not fit its schema, or cannot be stored.",
    "Return JSON values or Uint8Array; correct the value at the path in the message.",
  ),
  INVALID_VALUE: entry(
    EXIT.usage,
    400,
    "A value is not one that is accepted here.",
    "Correct the value named in the message.",
  ),
  PAYLOAD_TOO_LARGE: entry(
    EXIT.usage,
    413,
    "A value is larger than the limit.",
    "Store the data elsewhere and pass a reference, split it, or raise the limit.",
  ),
  TOO_DEEP: entry(
    EXIT.usage,
    400,
    "Something is nested deeper than the limit.",
    "Flatten it, or store it elsewhere and pass a reference.",
  ),
  TOO_MANY_KEYS: entry(
    EXIT.usage,
    400,
    "A value has more object keys than the limit.",
    "Use an array, split the value, or pass a reference.",
  ),

  // Runs and items
  RUN_NOT_FOUND: entry(
    EXIT.notFound,
    404,
    "There is no such run.",
    "Check the run id and the namespace; finished runs are removed after the retention period.",
  ),
  ITEM_NOT_FOUND: entry(
    EXIT.notFound,
    404,
    "There is no such work item.",
    "List the run's items to find the right id.",
  ),
  WAIT_NOT_FOUND: entry(
    EXIT.notFound,
    404,
    "There is no such wait.",
    "List the run's waits; it may have been completed or timed out.",
  ),
  UNANSWERED: entry(
    EXIT.usage,
    409,
    "A run in one process waits for an answer, and nobody is there to give it.",
    "Pass onWait, which answers waits, or start the run with an orchestrator and answer it from anywhere.",
  ),
  TOO_MANY_EVENTS: entry(
    EXIT.conflict,
    429,
    "So many events of this name and key are kept already that no more is taken.",
    "Start the runs that wait for them, or use keys that tell one receiver from another.",
  ),
  RUN_EXISTS: entry(
    EXIT.conflict,
    409,
    "A run with this id exists already.",
    "Use another id, or ask for the existing run to be returned.",
  ),
  RUN_CLOSED: entry(
    EXIT.conflict,
    409,
    "The run has ended, so nothing more is accepted for it.",
    "Resume the run if it should go on.",
  ),
  RUN_OPEN: entry(EXIT.conflict, 409, "The run has not ended yet.", "Wait for the run, or cancel it first."),
  RUN_FAILED: entry(EXIT.runFailed, 422, "The run failed.", "Read the run's errors; resume it when the cause is gone."),
  RUN_CANCELLED: entry(EXIT.runFailed, 409, "The run was cancelled.", "Resume the run if it should go on."),
  RUN_STUCK: entry(
    EXIT.runFailed,
    422,
    "Nothing of the run is open, and it has no output.",
    "See which items hold or where branches ended; correct the workflow, or resume the run to decide again.",
  ),
  MULTIPLE_OUTPUTS: entry(
    EXIT.runFailed,
    422,
    "A run that completes with a single output produced a second one.",
    'Declare completion: "first" or completion: "all" in the workflow.',
  ),
  TOO_MANY_ITEMS: entry(
    EXIT.runFailed,
    422,
    "The run made more items than its limit.",
    "Look for a loop that does not end, or raise maxItems.",
  ),
  CHILD_FAILED: entry(
    EXIT.runFailed,
    422,
    "A child run did not complete.",
    "Read the errors of the child run named in the message; a retry of the item starts another child.",
  ),
  COMPENSATION_FAILED: entry(
    EXIT.runFailed,
    500,
    "A compensation failed for good.",
    "Correct its cause and resume the run; the compensations that are done are not repeated.",
  ),
  ILLEGAL_TRANSITION: entry(
    EXIT.conflict,
    409,
    "Something cannot go from the state it is in to the one asked for.",
    "Look at its present state; only the transitions listed in the documentation exist.",
  ),
  ALREADY_COMPLETED: entry(EXIT.conflict, 409, "It was completed before.", "Read the stored result instead."),
  NOT_STARTED: entry(
    EXIT.conflict,
    409,
    "There is nothing stored under this id to resume.",
    "Start it first, or check the id.",
  ),
  IDEMPOTENCY_CONFLICT: entry(
    EXIT.conflict,
    409,
    "The idempotency key was used before with another input.",
    "Use a new key for a new input, or send the first input again.",
  ),
  CHECKPOINT_CONFLICT: entry(
    EXIT.conflict,
    409,
    "The checkpoint was saved by somebody else in the meantime.",
    "Load it again and decide on the newer version.",
  ),

  // Schedules
  INVALID_SCHEDULE: entry(
    EXIT.usage,
    400,
    "A schedule is not one, or would never fire.",
    "Correct what the message names; a schedule has one of cron, every and at.",
  ),
  SCHEDULE_NOT_FOUND: entry(
    EXIT.notFound,
    404,
    "There is no such schedule.",
    "Check the id and the namespace; list the schedules that there are.",
  ),
  SCHEDULE_EXISTS: entry(
    EXIT.conflict,
    409,
    "There is another schedule with this id.",
    "Update it, replace it by name, or use another id.",
  ),

  // Attempts and commits
  STALE_LEASE: entry(
    EXIT.conflict,
    409,
    "The lease on the item was lost to another session.",
    "Nothing to do: the item goes on elsewhere.",
  ),
  CONTEXT_CONFLICT: entry(
    EXIT.conflict,
    409,
    "Another item changed a context field that this attempt had read.",
    "Nothing to do: the node runs again on the new context.",
  ),
  COMMIT_CONFLICT: entry(
    EXIT.conflict,
    409,
    "A commit was sent twice with different content.",
    "Resend a commit unchanged; claim the item again to commit something else.",
  ),
  CANCELLED: entry(
    EXIT.timeout,
    409,
    "The operation was cancelled by its caller.",
    "Start it again if it should go on.",
  ),
  TIMEOUT: entry(
    EXIT.timeout,
    504,
    "It took longer than its timeout.",
    "Raise the timeout, or make the work shorter.",
    true,
  ),
  DEADLINE: entry(
    EXIT.timeout,
    504,
    "Its deadline over all attempts has passed.",
    "Raise the deadline, or retry it with a new one.",
  ),
  STALLED: entry(
    EXIT.runFailed,
    500,
    "The workers that ran it stopped without a result, several times in a row.",
    "Look for a crash or exhausted memory in the node, then retry the item.",
  ),
  ABORTED: entry(EXIT.runFailed, 422, "A node aborted.", "Correct the cause in the message, then retry the item."),
  NON_RETRYABLE: entry(
    EXIT.runFailed,
    422,
    "A node failed and asked not to be retried.",
    "Correct the cause in the message, then retry the item.",
  ),
  RETRY_AFTER: entry(
    EXIT.runFailed,
    503,
    "A node failed and asked to be retried later.",
    "Wait for the retry, or retry the item now.",
    true,
  ),
  ERROR: entry(
    EXIT.unexpected,
    500,
    "A node threw an error.",
    "Read the message and the stack; they come from the node's own code.",
    true,
  ),

  // Backend
  BACKEND_UNAVAILABLE: entry(
    EXIT.environment,
    503,
    "The store cannot be reached, or is too busy.",
    "Check that it runs and can be reached under its URL; the operation can be repeated.",
    true,
  ),
  BACKEND_CORRUPT: entry(
    EXIT.environment,
    500,
    "The store holds something that cannot be read.",
    "Restore a backup; run doctor for what is damaged.",
  ),
  BACKEND_TOO_NEW: entry(
    EXIT.environment,
    500,
    "The store was written by a newer version of this package.",
    "Upgrade this installation.",
  ),
  DURABILITY_TOO_WEAK: entry(
    EXIT.environment,
    500,
    "The store's settings give less durability than was asked for.",
    "Change the setting named in the message, or ask for the weaker tier by name.",
  ),
  STORE_NOT_FOUND: entry(
    EXIT.notFound,
    404,
    "There is no store at the place that was named.",
    "Start a worker or a run there, or name another store.",
  ),
  STORE_FULL: entry(
    EXIT.environment,
    507,
    "The store has no space left.",
    "Free some space; nothing that was acknowledged is lost.",
  ),
  DECRYPT_FAILED: entry(
    EXIT.environment,
    500,
    "A payload could not be decrypted.",
    "Provide the key it was written with; the run goes on then.",
  ),
  CLOSED: entry(EXIT.conflict, 503, "The worker, orchestrator or backend has been closed.", "Open a new one."),
  INTERNAL: entry(EXIT.unexpected, 500, "A bug in the engine.", "Report it with the message and the stack.", true),
} as const satisfies Record<string, ErrorEntry>;

/** Every code the engine itself gives. Codes given to `abort` are free strings beside these. */
export type ErrorCode = keyof typeof TABLE;

/** The table, by code. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = Object.freeze(TABLE);

/** Whether a string is a code of the engine. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
