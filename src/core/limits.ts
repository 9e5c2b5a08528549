/**
 * Every bound and every default number of the engine, by name. Nothing here is read from the environment: a caller that
 * offers a limit as an option takes the value from here when the option is absent. Invariant: all values are safe
 * integers, units are in the names (`Bytes`, `Ms`), and a count without a unit is a number of things.
 */

/** Hard bounds. Going over one is refused with a clear code, never cut silently. */
export const LIMITS = {
  /** Encoded size of one input, output or delta. Over it: `PAYLOAD_TOO_LARGE`. */
  payloadBytes: 1_048_576,
  /** Containers inside containers in one value. Over it: `TOO_DEEP`. */
  valueDepth: 64,
  /** The same in what the engine stores around values: deltas, snapshots, failures that are handed over, inputs of joins. */
  envelopeDepth: 72,
  /** Object keys in one value, all levels together. Over it: `TOO_MANY_KEYS`. */
  valueKeys: 100_000,
  /** Characters of a workflow, node, queue, label, namespace or event name. */
  nameLength: 128,
  /** Items of one run, unless its workflow says otherwise. Over it: `TOO_MANY_ITEMS`. */
  itemsPerRun: 100_000,
  /** Values of one `nextAll`. */
  fanOutValues: 10_000,
  /** Encoded size of all values of one `nextAll` together. */
  fanOutBytes: 16_777_216,
  /** Encoded size of all values that arrive at one join. */
  joinBytes: 268_435_456,
  /** Log lines that one attempt keeps; further ones are counted. */
  attemptLogLines: 1_000,
  /** Log lines that one attempt keeps of one second, and at once; further ones are counted. */
  attemptLogLinesPerSecond: 200,
  /** Size of the log lines that one attempt keeps, in UTF-8; further ones are counted. */
  attemptLogBytes: 262_144,
  /** Encoded size of what an attempt says of its progress; larger is dropped. */
  progressBytes: 4_096,
  /** Milliseconds between two writes of the progress of one attempt; of what it says meanwhile, the latest counts. */
  progressMs: 1_000,
  /** Measurements that one attempt records. */
  attemptMetrics: 1_000,
  /** Folded contexts that one worker keeps. */
  cachedContexts: 10_000,
  /** Estimated memory of the folded contexts that one worker keeps. */
  cachedContextBytes: 67_108_864,
  /** Open branch groups around one item. */
  openGroups: 64,
  /** Nodes of one workflow. */
  workflowNodes: 10_000,
  /** Labels of one node. */
  nodeLabels: 64,
  /** Characters of the description of a node. */
  descriptionLength: 4_096,
  /** Fields of one context: every change of a context costs a little for each. */
  contextFields: 256,
  /** Commits in one batch. */
  batchCommits: 256,
  /** Encoded size of one batch; one larger commit travels alone. */
  batchBytes: 4_194_304,
  /** Message and stack of a recorded error, each; the rest is cut and marked. */
  errorTextBytes: 8_192,
  /** Encoded details of a recorded error; larger details are replaced by a note. */
  errorDetailsBytes: 65_536,
  /** Causes that are followed when an error is recorded. */
  errorCauses: 5,
  /** Attempts of a retry policy. */
  retryAttempts: 1_000_000,
  /** Entries of `retryOn`. */
  retryCodes: 256,
  /** Tags of one run. */
  tagsPerRun: 64,
  /** Characters of one tag's value. */
  tagLength: 256,
  /** Characters of an idempotency key or an event id. */
  keyLength: 512,
  /** Events of one name and key that are kept until somebody takes them. */
  keptEvents: 10_000,
  /** How long events that nobody took, and the ids of events, are kept. */
  keptEventsMs: 2_592_000_000,
  /** Conditions on an event. */
  eventConditions: 64,
  /** Queues, and labels, that one claim names. */
  claimNames: 1_000,
  /** Definitions that one claim names. */
  claimDefinitions: 10_000,
  /** Items that one request may claim. */
  claimItems: 256,
  /** Due rows of one kind that one request handles before it goes on. */
  sweepRows: 256,
  /** Items of paused or closed runs that one claim moves out of its way before it answers. */
  claimMoves: 1_024,
  /** Pages of rows that one page of a filtered list looks through. */
  filteredPages: 100,
  /** Deltas of one answer, in bytes; the rest is asked for again. */
  contextTailBytes: 4_194_304,
  /** Size of one checkpoint: the whole of a run that lives in one process. Over it: `PAYLOAD_TOO_LARGE`. */
  checkpointBytes: 268_435_456,
  /** Size of one document of a namespace, its payload included. Over it: `PAYLOAD_TOO_LARGE`. */
  documentBytes: 1_310_720,
  /** Longest jitter of a schedule. */
  scheduleJitterMs: 3_600_000,
  /** Instants of a schedule that are told in advance. */
  scheduleInstants: 1_000,
  /** Checkpoints that one step removes. */
  cleanupCheckpoints: 1_000,
  /** Rows of one part of a run that is moved to another store. */
  transferRows: 256,
  /** Size of such a part; one larger row travels alone. */
  transferBytes: 1_048_576,
  /** Starts or control actions that share one atomic step. */
  batchActions: 256,
  /** Runs that an action on many lists as refused; further ones are counted. */
  skippedRuns: 1_000,
  /** Runs that one call removes. */
  purgeRuns: 1_000,
  /** Events, and notes of events, of one kind that one call removes. */
  purgeEvents: 256,
  /** Rows of one page of a list; larger requests are clamped. */
  pageRows: 1_000,
  /** Longest duration: any instant of this era plus it is still a valid `Date`. */
  durationMs: 8_000_000_000_000_000,
  /** Longest delay that one timer of the platform takes; longer ones are chunked. */
  timerMs: 2_147_483_647,
  /** `CONTEXT_CONFLICT`s in a row before a worker gives the item back. */
  conflictsInARow: 5,
} as const;

/** What applies when the caller names nothing. */
export const DEFAULTS = {
  /** Life of a lease without renewal. */
  leaseMs: 30_000,
  /** Time of one attempt, from its claim. */
  nodeTimeoutMs: 3_600_000,
  /** Consecutive stalls after which an item fails with `STALLED`. */
  maxStalls: 3,
  /** How long the main loop may stand still before its leases are no longer renewed. */
  blockedLoopMs: 300_000,
  /** How long a finished run is kept. */
  retentionMs: 2_592_000_000,
  /** How old an instant of a schedule may be that is caught up. */
  catchUpMs: 3_600_000,
  /** Age below which a worker's heartbeat counts as alive; below three times this it is stale. */
  livenessMs: 30_000,
} as const;
