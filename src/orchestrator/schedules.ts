/**
 * Schedules as an orchestrator offers them: made, changed, looked at and triggered from any process. Every change is put
 * over the version that it was made from, so that it never undoes what a keeper or somebody else did in between.
 */

import type { DocumentRecord } from "../backend/contract/documents.ts";
import type { Page, PageRequest } from "../backend/contract/run.ts";
import { canonicalJson } from "../core/digest.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { isErrorCode, isMillraceError, MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import { systemRandom } from "../core/ports.ts";
import { canonicalDigest, decodeValue } from "../core/values.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { InputOf, NameOf, WorkflowTypes } from "../definition/workflow-types.ts";
import { type StartResult, withTrigger } from "../schedules/decision.ts";
import { timetableOf } from "../schedules/due-time.ts";
import {
  carryOut,
  type FiringPorts,
  findSchedule,
  firingKey,
  INSTANT_TAG,
  putSchedule,
  SCHEDULE_TAG,
} from "../schedules/firing.ts";
import { SCHEDULES, type Schedule, type ScheduleContent, type ScheduleProgress } from "../schedules/schedule.ts";
import {
  checkProperties,
  firstInstant,
  type SaidOfSchedule,
  type ScheduleSettings,
  type ScheduleTimes,
  SETTINGS,
  saidOf,
  toSettings,
} from "../schedules/schedule-content.ts";
import { type ScheduleInfo, toScheduleInfo } from "../schedules/schedule-info.ts";
import { ScheduleKeeper } from "../schedules/schedule-keeper.ts";
import { fromDocument } from "../schedules/schedule-record.ts";
import { buildStart } from "../stores/run-start.ts";
import type { Orchestration } from "./orchestration.ts";
import { type RunHandle, runHandle } from "./run-handle.ts";
import { checkInput, findSource } from "./start.ts";

/** A schedule to be made. */
export type NewSchedule<W extends Workflow = Workflow> = ScheduleTimes &
  ScheduleSettings & {
    /** A name. */
    readonly id: string;
    /** What to start: a workflow, or its name. Of a name, the version published last counts at each instant. */
    readonly workflow: W | NameOf<W>;
    /** Start this version and no other. */
    readonly version?: string | undefined;
    readonly input: NoInfer<InputOf<W>>;
    /** Makes it without letting it fire. */
    readonly paused?: boolean | undefined;
    /** What to do about another schedule with this id: `fail` if absent, or give it this content and keep its history. */
    readonly onConflict?: "fail" | "replace" | undefined;
  };

/** What is to be different. What is left out stays as it is; what is given as `undefined` becomes what it is by default. */
export interface ScheduleChanges extends SaidOfSchedule {
  readonly workflow?: Workflow | string | undefined;
  readonly version?: string | undefined;
  readonly input?: unknown;
}

/** A part of the list of schedules. */
export interface SchedulePage extends Page<ScheduleInfo> {
  /** Schedules of this page that are damaged, or were made by a newer version. */
  readonly unreadable: readonly UnreadableSchedule[];
}

/** A schedule that cannot be read, and why. */
export interface UnreadableSchedule {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** How to trigger. */
export interface TriggerOptions {
  /** The same key gives the same run; each call is one of its own if absent. */
  readonly idempotencyKey?: string | undefined;
}

/** How to keep schedules. */
export interface KeepOptions {
  /** Longest time between two looks when nothing is known to be due; 1 s if absent. */
  readonly pollInterval?: Duration | undefined;
}

/** Whoever fires schedules in this process, until it is stopped. */
export interface SchedulesKeeper extends AsyncDisposable {
  /** Fires nothing more; waits for what is being fired. Idempotent. */
  stop(): Promise<void>;
}

const LOOK_MS = 1_000;
/** A change that is always too late is given up after so many tries. */
const MOST_TRIES = 100;

/** The schedules of a namespace. */
export class Schedules {
  readonly #parts: Orchestration;
  readonly #firing: FiringPorts;

  constructor(parts: Orchestration) {
    this.#parts = parts;
    this.#firing = { operations: parts.operations, published: parts.published, ids: parts.ids };
  }

  /**
   * Makes a schedule. Idempotent by id with the same content. Throws `INVALID_SCHEDULE` for one that is none or would
   * never fire, `SCHEDULE_EXISTS`, `UNKNOWN_WORKFLOW`, `VERSION_CONFLICT`, and what a start of its run would throw for the input, tags and priority.
   */
  async create<W extends Workflow = Workflow>(schedule: NewSchedule<W>): Promise<ScheduleInfo> {
    checkProperties(schedule, [...SETTINGS, "id", "workflow", "version", "input", "paused", "onConflict"]);
    const { id, workflow, version, input, paused = false, onConflict = "fail", ...said } = schedule;
    checkName(id, "the id of a schedule", "INVALID_SCHEDULE");
    if (onConflict !== "fail" && onConflict !== "replace") {
      throw new MillraceError("INVALID_SCHEDULE", 'onConflict is "fail" or "replace"');
    }
    const start = await this.#checkStart(id, { workflow, version, input, tags: said.tags, priority: said.priority });
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const now = await this.#parts.operations.now();
      const found = await findSchedule(this.#firing, id);
      if (found === undefined) {
        const content = { ...toSettings(said, now), ...start };
        const next = firstInstant(content, now);
        const made = { id, content, progress: { ...NOTHING_YET, createdAt: now, paused, next } };
        const put = await putSchedule(this.#firing, made, undefined, now);
        if (put.kind === "put") return toScheduleInfo(put.document);
        continue;
      }
      const there = fromDocument(found);
      const content = { ...toSettings(said, there.progress.createdAt), ...start };
      if (isSame(there.content, content)) return toScheduleInfo(found);
      if (onConflict === "fail") throw exists(id, there);
      const put = await putSchedule(this.#firing, withContent(there, content, now), found, now);
      if (put.kind === "put") return toScheduleInfo(put.document);
    }
    throw contended(id);
  }

  /**
   * Changes a schedule; its history and whether it is paused stay. What counts instants anew (another time, interval or
   * bound) does so from now on. Throws `SCHEDULE_NOT_FOUND`, and as `create`.
   */
  async update(id: string, changes: ScheduleChanges): Promise<ScheduleInfo> {
    checkProperties(changes, [...SETTINGS, "workflow", "version", "input"]);
    const { workflow, version, input, ...said } = changes;
    return await this.#change(id, async (there, now) => {
      const before = there.content;
      const start = await this.#checkStart(id, {
        workflow: workflow ?? before.workflow,
        version: "version" in changes || workflow !== undefined ? version : before.version,
        input: "input" in changes ? input : decodeValue(before.input, { what: `the input of schedule ${id}` }),
        tags: said.tags ?? before.tags,
        priority: said.priority ?? before.priority,
      });
      const isTimed = said.cron !== undefined || said.every !== undefined || said.at !== undefined;
      const { cron, timezone, every, at, ...rest } = saidOf(before);
      const times = isTimed ? (said.cron === undefined ? {} : { timezone }) : { cron, timezone, every, at };
      const from = before.timing.kind === "every" && said.every === undefined ? before.timing.from : now;
      return withContent(there, { ...toSettings({ ...times, ...rest, ...said }, from), ...start }, now);
    });
  }

  /** `undefined` for an unknown id. Throws `BACKEND_CORRUPT`, `BACKEND_TOO_NEW` for one that cannot be read. */
  async get(id: string): Promise<ScheduleInfo | undefined> {
    const document = await findSchedule(this.#firing, id);
    return document && toScheduleInfo(document);
  }

  /** In the order in which something is to be done about them; paused and finished ones last; by page. One that cannot be read hides no other. */
  async list(page: PageRequest = {}): Promise<SchedulePage> {
    const { entries, ...rest } = await this.#parts.operations.documents.list(SCHEDULES, page);
    const readable: ScheduleInfo[] = [];
    const unreadable: UnreadableSchedule[] = [];
    for (const document of entries) {
      try {
        readable.push(toScheduleInfo(document));
      } catch (error) {
        if (!isMillraceError(error, "BACKEND_CORRUPT") && !isMillraceError(error, "BACKEND_TOO_NEW")) throw error;
        unreadable.push({ id: document.key, code: error.code, message: error.message });
      }
    }
    return { ...rest, entries: readable, unreadable };
  }

  /** Lets it fire no more. What was decided to start is still started. Idempotent. Throws `SCHEDULE_NOT_FOUND`. */
  async pause(id: string): Promise<ScheduleInfo> {
    return await this.#change(id, async (there) => withProgress(there, { paused: true }));
  }

  /** Lets it fire again, at instants from now on; those that passed meanwhile are no more. Idempotent. Throws `SCHEDULE_NOT_FOUND`. */
  async resume(id: string): Promise<ScheduleInfo> {
    return await this.#change(id, async (there, now) =>
      there.progress.paused ? withProgress(there, { paused: false, next: timetableOf(there).next(now) }) : there,
    );
  }

  /** Whether there was one. Its runs stay. */
  async remove(id: string): Promise<boolean> {
    const outcome = await this.#parts.operations.documents.remove({ kind: SCHEDULES, key: id });
    return outcome.kind === "removed";
  }

  /**
   * Starts a run now, whether the schedule is paused or one of its runs is open; instants that come after it see the run.
   * Throws `SCHEDULE_NOT_FOUND`, and what stands in the way of the start.
   */
  async trigger(id: string, { idempotencyKey }: TriggerOptions = {}): Promise<RunHandle<WorkflowTypes>> {
    const { operations, ids } = this.#parts;
    const trigger = checkTrigger(id, idempotencyKey ?? ids.token());
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const found = await this.#require(id);
      const schedule = fromDocument(found);
      const now = await operations.now();
      const runId = ids.runId(now);
      const put = await putSchedule(this.#firing, withTrigger(schedule, trigger, runId, now), found, now);
      if (put.kind === "conflict") continue;
      let result: StartResult | undefined;
      await carryOut(this.#firing, put.document, (started, became) => {
        if (started === runId) result = became;
      });
      return runHandle(this.#parts, startedBy(result, id), this.#parts.workflows.byName(schedule.content.workflow));
    }
    throw contended(id);
  }

  /** The instants at which it fires next, jitter left out, at most 1,000; as if it were not paused. Throws `SCHEDULE_NOT_FOUND`. */
  async next(id: string, count = 1): Promise<readonly number[]> {
    const schedule = fromDocument(await this.#require(id));
    const from = schedule.progress.paused ? undefined : schedule.progress.next;
    return upcoming(schedule, from === undefined ? await this.#parts.operations.now() : from - 1, count);
  }

  /** The instants at which a schedule with these times would fire from now on. Throws `INVALID_SCHEDULE`. */
  async preview(
    times: ScheduleTimes & Pick<ScheduleSettings, "startAfter" | "endAt">,
    count = 1,
  ): Promise<readonly number[]> {
    checkProperties(times, SETTINGS);
    const now = await this.#parts.operations.now();
    const content = { ...toSettings(times, now), workflow: "", version: undefined, input: new Uint8Array() };
    return upcoming({ content }, firstInstant(content, now) - 1, count);
  }

  /** Fires what is due in this process too, until it is stopped. Workers do so by themselves. Throws `INVALID_VALUE`. */
  keep({ pollInterval = LOOK_MS }: KeepOptions = {}): SchedulesKeeper {
    const { operations, published, clock, ids, logger } = this.#parts;
    const lookMs = toMilliseconds(pollInterval, "pollInterval");
    if (lookMs < 1) throw new MillraceError("INVALID_VALUE", "pollInterval must be at least 1 ms");
    const ports = { operations, published, clock, ids, logger, random: systemRandom };
    return new ScheduleKeeper({ ...ports, lookMs, holdsProcess: true }).start();
  }

  async #change(id: string, change: (there: Schedule, now: number) => Promise<Schedule>): Promise<ScheduleInfo> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const found = await this.#require(id);
      const there = fromDocument(found);
      const now = await this.#parts.operations.now();
      const changed = await change(there, now);
      if (changed === there) return toScheduleInfo(found);
      const put = await putSchedule(this.#firing, changed, found, now);
      if (put.kind === "put") return toScheduleInfo(put.document);
    }
    throw contended(id);
  }

  async #require(id: string): Promise<DocumentRecord> {
    const found = await findSchedule(this.#firing, id);
    if (found !== undefined) return found;
    throw new MillraceError("SCHEDULE_NOT_FOUND", `there is no schedule ${id}`);
  }

  /** What its runs will be started with, refused now if a start would be refused. */
  async #checkStart(id: string, said: Start): Promise<Pick<ScheduleContent, "workflow" | "version" | "input">> {
    const { version, input, tags = {}, priority } = said;
    for (const name of [SCHEDULE_TAG, INSTANT_TAG]) {
      if (Object.hasOwn(tags, name))
        throw new MillraceError("INVALID_SCHEDULE", `the tag "${name}" is the schedule's own`);
    }
    const source = await findSource(this.#parts, said.workflow);
    const { name } = source.published.definition;
    const published = version === undefined ? source.published : await this.#parts.published.newest(name, version);
    if (source.workflow !== undefined) await checkInput(source.workflow, input);
    const options = {
      idempotencyKey: firingKey(id, 0),
      priority,
      tags: { ...tags, [SCHEDULE_TAG]: id, [INSTANT_TAG]: "" },
    };
    const { input: bytes } = buildStart({ id, published, input, options });
    return { workflow: name, version, input: bytes };
  }
}

interface Start {
  readonly workflow: Workflow | string;
  readonly version: string | undefined;
  readonly input: unknown;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly priority: number | undefined;
}

const NOTHING_YET: Omit<ScheduleProgress, "createdAt" | "paused" | "next"> = {
  starting: [],
  refused: [],
  retryAt: undefined,
  queue: [],
  open: [],
  failure: undefined,
  firings: [],
  counts: { started: 0, skipped: 0, missed: 0, failed: 0 },
};

function isSame(one: ScheduleContent, other: ScheduleContent): boolean {
  return contentDigest(one) === contentDigest(other);
}

function contentDigest({ input, ...rest }: ScheduleContent): string {
  return canonicalDigest([canonicalJson(rest), decodeValue(input)]);
}

/** Another content: it counts its instants anew if they are others now, and tries at once what was refused. */
function withContent(there: Schedule, content: ScheduleContent, now: number): Schedule {
  const { timing, startAfter, endAt } = content;
  const before = there.content;
  const isTimedAlike =
    canonicalDigest([timing, startAfter ?? null, endAt ?? null]) ===
    canonicalDigest([before.timing, before.startAfter ?? null, before.endAt ?? null]);
  if (isTimedAlike) return { ...there, content, progress: { ...there.progress, retryAt: undefined } };
  // To end it now is no mistake; what would not fire without an end is one.
  const isEnded = endAt !== undefined && endAt <= now;
  const first = firstInstant(isEnded ? { ...content, endAt: undefined } : content, now);
  const anew = { next: isEnded ? undefined : first, refused: [], retryAt: undefined, failure: undefined };
  return { ...withProgress(there, anew), content };
}

function withProgress(there: Schedule, changes: Partial<ScheduleProgress>): Schedule {
  return { ...there, progress: { ...there.progress, ...changes } };
}

function upcoming({ content }: Pick<Schedule, "content">, after: number, count: number): readonly number[] {
  if (!(Number.isSafeInteger(count) && count >= 1)) {
    throw new MillraceError("INVALID_VALUE", `the number of instants is a whole number from 1, not ${String(count)}`);
  }
  const table = timetableOf({ content });
  const instants: number[] = [];
  let at = table.next(after);
  while (at !== undefined && instants.length < Math.min(count, LIMITS.scheduleInstants)) {
    instants.push(at);
    at = table.next(at);
  }
  return instants;
}

function checkTrigger(id: string, key: string): string {
  const longest = LIMITS.keyLength - LIMITS.nameLength - 20;
  if (typeof key === "string" && key !== "" && key.length <= longest) return key;
  throw new MillraceError("INVALID_VALUE", `the key of a trigger of ${id} is a string of 1 to ${longest} characters`);
}

/** The run that a start by hand led to. Throws why there is none. */
function startedBy(result: StartResult | undefined, id: string): string {
  if (result?.ok === true) return result.runId;
  const { code = "INTERNAL", message = `the trigger of ${id} came to nothing` } = result ?? {};
  throw new MillraceError(isErrorCode(code) ? code : "INTERNAL", message);
}

function exists(id: string, { content: { workflow } }: Schedule): MillraceError {
  return new MillraceError("SCHEDULE_EXISTS", `there is a schedule ${id} of ${workflow} with another content`, {
    hints: ['Change it with schedules.update, or pass onConflict: "replace", which keeps its history.'],
  });
}

function contended(id: string): MillraceError {
  return new MillraceError("BACKEND_UNAVAILABLE", `the schedule ${id} is changed by others all the time`);
}
