/** A schedule as it is typed: the options of `schedules create` and `schedules next`, turned into what the engine takes. */

import {
  type Config,
  DistributedOrchestrator,
  type Duration,
  type NewSchedule,
  type ScheduleInfo,
  type ScheduleTimes,
} from "../../index.ts";
import type { CommonOptions } from "../command-line.ts";
import { readJsonOption } from "../input/json-input.ts";
import { usage } from "../input/option-values.ts";
import { codeOf, findCode, readTarget } from "../input/workflow-target.ts";
import { chooseStore, onStore, requireStore } from "../store.ts";
import type { Surroundings } from "../surroundings.ts";

export interface ScheduleOptions extends CommonOptions {
  readonly workflow?: string | undefined;
  readonly input?: string | undefined;
  readonly cron?: string | undefined;
  readonly timezone?: string | undefined;
  readonly every?: Duration | undefined;
  readonly at?: string | undefined;
  readonly startAfter?: string | undefined;
  readonly endAt?: string | undefined;
  readonly overlap?: ScheduleInfo["overlap"] | undefined;
  readonly catchUp?: string | undefined;
  readonly jitter?: Duration | undefined;
  readonly tag?: Readonly<Record<string, string>> | undefined;
  readonly priority?: number | undefined;
  readonly paused?: boolean | undefined;
  readonly replace?: boolean | undefined;
  readonly workflows?: string | undefined;
}

/** Makes it; the store is made too where the project has the workflow's code. */
export async function createSchedule(
  around: Surroundings,
  id: string,
  options: ScheduleOptions,
): Promise<ScheduleInfo> {
  if (options.workflow === undefined) throw usage("schedules create takes --workflow NAME");
  const input = options.input === undefined ? null : await readJsonOption("--input", options.input, around);
  const config: Config | undefined = await findCode(options.workflows, around);
  const choice = chooseStore(options, around, config);
  const target = readTarget(options.workflow);
  const code = codeOf(config, target);
  // Without code the definition can only be in a store that is there.
  if (code === undefined) requireStore(choice, around);
  return await onStore(choice, async (backend) => {
    const workflows = config?.workflows ?? [];
    const { schedules } = new DistributedOrchestrator({ backend, workflows });
    const { overlap, jitter, tag: tags, priority, paused, replace } = options;
    const schedule: NewSchedule = {
      ...timesOf(options),
      ...{ id, workflow: code ?? target.name, version: target.version, input },
      ...{ overlap, catchUp: catchUpOf(options.catchUp), jitter, tags, priority, paused },
      startAfter: options.startAfter,
      endAt: options.endAt,
      onConflict: replace === true ? "replace" : "fail",
    };
    return await schedules.create(schedule);
  });
}

/** One of `--cron`, `--every` and `--at`. */
export function timesOf({ cron, timezone, every, at }: ScheduleOptions): ScheduleTimes {
  const given = [cron, every, at].filter((one) => one !== undefined);
  if (given.length !== 1) throw usage("a schedule takes one of --cron, --every and --at");
  if (timezone !== undefined && cron === undefined) throw usage("--timezone goes with --cron");
  if (cron !== undefined) return { cron, timezone };
  return every === undefined ? { at: at ?? "" } : { every };
}

/** The engine reads the duration, and refuses what is none. */
function catchUpOf(text: string | undefined): Duration | "last" | undefined {
  if (text === undefined || text === "last") return text;
  return /^\d+$/.test(text) ? Number(text) : (text as Duration);
}
