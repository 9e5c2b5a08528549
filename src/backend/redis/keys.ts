/**
 * The names of everything that a namespace has on a server, and the texts that stand for rows in its indexes. All keys of a
 * partition share one hash tag, so that a cluster keeps them on one node. Invariant: different rows have different
 * names whatever text is in them, and names of run and item sort like the run's id, then the item's number.
 */

/** Keys of one partition. Each kind of key holds one type of value. */
export interface PartitionKeys {
  /** What all of them begin with, hash tag included. Every script is given it, and routed by it. */
  readonly prefix: string;
  /** Name and version → hash of a definition; in the first partition. */
  readonly names: string;
  /** Hash of a definition → the definition; in the first partition. */
  readonly definitions: string;
  /** Id → what changes of a session; what stays of it. */
  readonly sessions: string;
  readonly crews: string;
  /** Sessions whose leases may expire, by when. */
  readonly leases: string;
  /** Sessions with items in progress, by when the first of them or the lease is due. */
  readonly busy: string;
  /** Queued items whose time comes, by when. */
  readonly due: string;
  /** Names of lanes → what they are. */
  readonly lanes: string;
  /** Runs by creation, by id, by their timeout, by when they ended. */
  readonly runs: string;
  readonly ids: string;
  readonly timeouts: string;
  readonly finished: string;
  /** Failed attempts of all runs, oldest first. */
  readonly failures: string;
  /** Session → what became of its last request; in the session's partition, if there are several. */
  readonly requests: string;
  /** Idempotency keys of removed runs, where those are kept in another partition. */
  readonly freedKeys: string;
  /** Kind and key of an entry → the entry. */
  readonly entries: string;
  /** Ids of checkpoints; id → record. */
  readonly checkpointIds: string;
  readonly checkpoints: string;
  /** Everything of a run that is looked up by name or number. */
  run(runId: string): string;
  /** Arrivals and outputs of a run in branch order; results of steps by item; items that lie aside. */
  branches(runId: string): string;
  memos(runId: string): string;
  aside(runId: string): string;
  /** Lists of a run that only grow; the audit trail outlives it. */
  failuresOf(runId: string): string;
  metrics(runId: string): string;
  logs(runId: string): string;
  audit(runId: string): string;
  /** Entries that go away with a run; entries of a list in its order. */
  entriesOf(runId: string): string;
  entryList(list: string): string;
  /** Items in progress under a session, by when their attempts are due. */
  itemsOf(session: string): string;
  /** Ready items of a lane by rank, and the lanes that have any. */
  lane(lane: string, stalled: boolean): string;
  activeLanes(stalled: boolean): string;
  byStatus(code: number): string;
  byWorkflow(workflow: string): string;
  byTag(name: string, value: string): string;
  byKey(workflow: string, idempotencyKey: string): string;
  checkpointsByStatus(code: number): string;
  checkpointBody(id: string, part: string): string;
}

/** `prefix` and `namespace` are names, so nothing in them can end the hash tag. */
export function partitionKeys(prefix: string, namespace: string, partition: number): PartitionKeys {
  const p = `{${prefix}:${namespace}:${partition}}:`;
  return {
    prefix: p,
    names: `${p}names`,
    definitions: `${p}definitions`,
    sessions: `${p}sessions`,
    crews: `${p}crews`,
    leases: `${p}leases`,
    busy: `${p}busy`,
    due: `${p}due`,
    lanes: `${p}lanes`,
    runs: `${p}runs`,
    ids: `${p}ids`,
    timeouts: `${p}timeouts`,
    finished: `${p}finished`,
    failures: `${p}failures`,
    requests: `${p}requests`,
    freedKeys: `${p}freed-keys`,
    entries: `${p}entries`,
    checkpointIds: `${p}checkpoint-ids`,
    checkpoints: `${p}checkpoints`,
    run: (runId) => `${p}r:${keyText(runId)}`,
    branches: (runId) => `${p}v:${keyText(runId)}`,
    memos: (runId) => `${p}m:${keyText(runId)}`,
    aside: (runId) => `${p}a:${keyText(runId)}`,
    failuresOf: (runId) => `${p}f:${keyText(runId)}`,
    metrics: (runId) => `${p}t:${keyText(runId)}`,
    logs: (runId) => `${p}l:${keyText(runId)}`,
    audit: (runId) => `${p}u:${keyText(runId)}`,
    entriesOf: (runId) => `${p}n:${keyText(runId)}`,
    entryList: (list) => `${p}e:${keyText(list)}`,
    itemsOf: (session) => `${p}b:${keyText(session)}`,
    lane: (lane, stalled) => `${p}q${stalled ? "1" : "0"}:${lane}`,
    activeLanes: (stalled) => `${p}active:${stalled ? "1" : "0"}`,
    byStatus: (code) => `${p}rs:${code}`,
    byWorkflow: (workflow) => `${p}rw:${keyText(workflow)}`,
    byTag: (name, value) => `${p}rt:${keyText(name)} ${keyText(value)}`,
    byKey: (workflow, idempotencyKey) => `${p}k:${keyText(workflow)} ${keyText(idempotencyKey)}`,
    checkpointsByStatus: (code) => `${p}cs:${code}`,
    checkpointBody: (id, part) => `${p}cb:${part}:${keyText(id)}`,
  };
}

/** Starts a text that is escaped; a text that starts with it is escaped too. */
const ESCAPED = "\u0001";
/** Spaces part texts from each other, so no text has one; nor what comes before the space, so that order holds. */
const PLAIN = /^[^\u0000-\u0020\ud800-\udfff]*$/;

/** A text as a part of a key: the same for the same text alone, and without spaces. */
export function keyText(text: string): string {
  if (PLAIN.test(text)) return text;
  return ESCAPED + JSON.stringify(text).replaceAll(" ", "\\u0020");
}

export function fromKeyText(stored: string): string {
  if (!stored.startsWith(ESCAPED)) return stored;
  return String(JSON.parse(stored.slice(ESCAPED.length)));
}

const LETTER_BEFORE_A = 96;

/** A whole number from 0 as text that sorts like it: a letter for how many digits it has, and the digits. */
export function numberText(number: number): string {
  const digits = String(number);
  return String.fromCharCode(LETTER_BEFORE_A + digits.length) + digits;
}

export function fromNumberText(text: string): number {
  return Number(text.slice(1));
}

/** An item in an index. */
export function itemMember(runId: string, item: number): string {
  return `${keyText(runId)} ${numberText(item)}`;
}

export function fromItemMember(member: string): { readonly runId: string; readonly item: number } {
  const space = member.indexOf(" ");
  return { runId: fromKeyText(member.slice(0, space)), item: fromNumberText(member.slice(space + 1)) };
}

/** As whom a session reserves what its next request is to claim. */
export function reserverOf(session: string): string {
  return `@${keyText(session)}`;
}

/** The field of a definition's name and version. */
export function nameField(name: string, version: string): string {
  return `${keyText(name)} ${keyText(version)}`;
}

/** An entry in an index, which sorts by key: entries of one list are of one kind. Keys are plain, and have no NUL. */
export function entryMember(kind: string, key: string): string {
  return `${key}\0${keyText(kind)}`;
}

export function fromEntryMember(member: string): { readonly kind: string; readonly key: string } {
  const end = member.indexOf("\0");
  return { kind: fromKeyText(member.slice(end + 1)), key: member.slice(0, end) };
}

/** Comes after every entry of the key, and before those of the next one. */
export function afterEntryKey(key: string): string {
  return `${key}\0\u00ff`;
}

/** Fields of the hash of a run. Each begins with a letter of its own. */
export const RUN_FIELDS = {
  state: "s",
  details: "d",
  input: "n",
  output: "o",
  failure: "b",
  item: (item: number): string => `i${numberText(item)}`,
  /** What an item carries, if it is small: it is read along with the item. */
  payload: (item: number): string => `p${numberText(item)}`,
  largePayload: (item: number): string => `P${numberText(item)}`,
  group: (group: number): string => `g${numberText(group)}`,
  delta: (sequence: number): string => `x${numberText(sequence)}`,
  progress: (item: number): string => `z${numberText(item)}`,
  snapshotSequence: (shape: string): string => `q${keyText(shape)}`,
  snapshot: (shape: string): string => `Q${keyText(shape)}`,
  memo: (member: string): string => `y${member}`,
  branch: (member: string): string => `v${member}`,
} as const;

/** A step's result in its run: by item, then name. */
export function memoMember(item: number, name: string): string {
  return `${numberText(item)} ${keyText(name)}`;
}

/** What arrivals at a join begin with in their run's branches; outputs begin with another letter. */
export function arrivalsPrefix(group: number, join: string): string {
  return `A${numberText(group)} ${keyText(join)} `;
}

export const OUTPUTS_PREFIX = "O ";

/** Branch order: a path has neither spaces nor anything before them. */
export function branchPosition(path: string, commit: number, index: number): string {
  return `${path} ${numberText(commit)} ${numberText(index)}`;
}
