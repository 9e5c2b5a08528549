/**
 * `millrace schedules`: lists the schedules of a store, and makes, shows, pauses, resumes, triggers and removes them. Without
 * an action it only looks. Workers fire schedules; this command never does, but for a trigger.
 */

import { Argument, type Command } from "commander";
import { DistributedOrchestrator, MillraceError, type Schedules } from "../../index.ts";
import { acting, describeCommand, type Run } from "../command-line.ts";
import { choiceList, durationText, tagList, usage, wholeNumber } from "../input/option-values.ts";
import { jsonLine } from "../output/json-output.ts";
import { instant } from "../output/moments.ts";
import { writePages } from "../output/paged-output.ts";
import { plainLine } from "../output/plain-text.ts";
import { createSchedule, type ScheduleOptions, timesOf } from "../schedules/new-schedule.ts";
import { scheduleColumns, scheduleJson, writeSchedule } from "../schedules/schedule-view.ts";
import { onExistingStore } from "../store.ts";
import type { PayloadOptions } from "../views/run-view.ts";

interface SchedulesOptions extends ScheduleOptions, PayloadOptions {
  readonly key?: string | undefined;
  readonly count?: number | undefined;
}

const ACTIONS = ["list", "show", "create", "pause", "resume", "trigger", "remove", "next"] as const;
type Action = (typeof ACTIONS)[number];

const OVERLAPS = ["skip", "queue", "cancelRunning", "allow"] as const;
const DEFAULT_COUNT = 5;

/** Options that only some actions take, by their names in the code. */
const OPTIONS_OF: Readonly<Partial<Record<Action, readonly (keyof SchedulesOptions)[]>>> = {
  list: ["reveal"],
  show: ["reveal"],
  create: [
    ...(["workflow", "input", "cron", "timezone", "every", "at", "startAfter", "endAt", "overlap", "catchUp"] as const),
    ...(["jitter", "tag", "priority", "paused", "replace", "workflows", "reveal"] as const),
  ],
  trigger: ["key"],
  next: ["count", "cron", "timezone", "every", "at", "startAfter", "endAt"],
};

export function schedulesCommand(run: Run): Command {
  const command = describeCommand({
    name: "schedules",
    summary: "List schedules, and make, show, pause, trigger and remove them",
    details:
      'ACTION is list (the default), show, create, pause, resume, trigger, remove or next; all but list take the id of a schedule. next also tells the times of --cron, --every or --at. Workers fire schedules. With --json the list is one document {"schedules":[…]}.',
    examples: [
      ["schedules", "What fires when, and what became of it last"],
      [
        'schedules create nightly --workflow reports --cron "0 2 * * *" --timezone Europe/Berlin',
        "Start a run every night",
      ],
      [
        "schedules create poll --workflow poll --every 30s --overlap skip --input @poll.json",
        "Start one every 30 s, never two at once",
      ],
      ["schedules trigger nightly", "Start its run now"],
      ['schedules next --cron "0 0 29 2 *" --count 3', "When would this pattern fire?"],
    ],
  })
    .addArgument(new Argument("[action]", "what to do").choices(ACTIONS).default("list"))
    .argument("[id]", "id of the schedule")
    .option("--reveal", "show inputs as they are, secrets too");
  return withCreateOptions(command)
    .option("--key <key>", "of trigger: the same key starts the same run")
    .option("--count <n>", `of next: how many times (default: ${DEFAULT_COUNT})`, wholeNumber("--count", 1))
    .action(
      acting(run, (action: Action, id: string | undefined, options: SchedulesOptions) =>
        perform(run, action, id, options),
      ),
    );
}

function withCreateOptions(command: Command): Command {
  return command
    .option("--workflow <name>", "of create: what to start, NAME or NAME@VERSION")
    .option("--input <json>", "the input of its runs: JSON, @FILE, or - for standard input (default: null)")
    .option("--cron <pattern>", "when: [second] minute hour day month weekday [year]")
    .option("--timezone <name>", "of --cron, such as Europe/Berlin (default: UTC)")
    .option("--every <duration>", "or: after each interval, such as 15m", durationText("--every"))
    .option("--at <instant>", "or: once, such as 2026-03-01T09:00:00Z")
    .option("--start-after <instant>", "no time before this")
    .option("--end-at <instant>", "no time after this")
    .option(
      "--overlap <rule>",
      `while its run is open: ${OVERLAPS.join(", ")} (default: skip)`,
      one("--overlap", OVERLAPS),
    )
    .option("--catch-up <duration>", "how old a time may be that nobody fired, or last (default: 1h)")
    .option("--jitter <duration>", "fire up to so much later", durationText("--jitter"))
    .option("--tag <name=value>", "a tag of its runs; may be repeated", tagList("--tag"))
    .option("--priority <n>", "of its runs; higher is sooner", wholeNumber("--priority"))
    .option("--paused", "make it without letting it fire")
    .option("--replace", "give a schedule that is there this content")
    .option("--workflows <file>", "take workflows from this file instead of millrace.config");
}

async function perform(run: Run, action: Action, id: string | undefined, options: SchedulesOptions): Promise<void> {
  checkOptions(action, options);
  const { around } = run;
  const named = (): string => {
    if (id === undefined) throw usage(`schedules ${action} takes the id of a schedule`);
    return id;
  };
  if (action === "create") {
    const made = await createSchedule(around, named(), options);
    around.out.line(
      options.json === true
        ? jsonLine(scheduleJson(made, options))
        : plainLine(`${made.id} is ${made.status}${made.nextAt === undefined ? "" : `; next ${instant(made.nextAt)}`}`),
    );
    return;
  }
  if (action === "list" && id !== undefined) throw usage("schedules list takes no id; schedules show does");
  await onExistingStore(options, around, async (backend) => {
    const { schedules } = new DistributedOrchestrator({ backend });
    if (action === "list") await list(run, schedules, await backend.operations.now(), options);
    else if (action === "next") await tellNext(run, schedules, id, options);
    else if (action === "show") await show(run, schedules, named(), await backend.operations.now(), options);
    else await steer(run, schedules, action, named(), options);
  });
}

async function list({ around }: Run, schedules: Schedules, now: number, options: SchedulesOptions): Promise<void> {
  await writePages(
    around.out,
    {
      name: "schedules",
      columns: scheduleColumns(now),
      json: (schedule) => scheduleJson(schedule, options),
      async read(page) {
        const { unreadable, ...found } = await schedules.list(page);
        for (const { id, message } of unreadable) around.err.line(plainLine(`${id} is not readable: ${message}`));
        return found;
      },
      empty: "No schedules. Make one: millrace schedules create",
    },
    options,
  );
}

async function show(run: Run, schedules: Schedules, id: string, now: number, options: SchedulesOptions): Promise<void> {
  const { out } = run.around;
  const schedule = await schedules.get(id);
  if (schedule === undefined) throw notFound(id);
  if (options.json === true) out.line(jsonLine(scheduleJson(schedule, options)));
  else writeSchedule(out, schedule, now, options);
}

async function tellNext(
  run: Run,
  schedules: Schedules,
  id: string | undefined,
  options: SchedulesOptions,
): Promise<void> {
  const { out } = run.around;
  const { count = DEFAULT_COUNT, cron, every, at, startAfter, endAt } = options;
  const isTyped = cron !== undefined || every !== undefined || at !== undefined;
  if (isTyped === (id !== undefined))
    throw usage("schedules next takes the id of a schedule, or one of --cron, --every and --at");
  const instants = isTyped
    ? await schedules.preview({ ...timesOf(options), startAfter, endAt }, count)
    : await schedules.next(id ?? "", count);
  const told = instants.map((one) => instant(one));
  if (options.json === true) out.line(jsonLine({ instants: told }));
  else for (const text of told) out.line(text);
}

async function steer(
  { around: { out } }: Run,
  schedules: Schedules,
  action: "pause" | "resume" | "trigger" | "remove",
  id: string,
  options: SchedulesOptions,
): Promise<void> {
  const tell = (result: Readonly<Record<string, unknown>>, sentence: string): void =>
    out.line(options.json === true ? jsonLine({ id, ...result }) : plainLine(sentence));
  switch (action) {
    case "pause": {
      const { status } = await schedules.pause(id);
      return tell({ status }, `${id} is ${status}`);
    }
    case "resume": {
      const { status, nextAt } = await schedules.resume(id);
      const next = nextAt === undefined ? "" : `; next ${instant(nextAt)}`;
      return tell({ status, nextAt: instant(nextAt) }, `${id} is ${status}${next}`);
    }
    case "trigger": {
      const { id: runId } = await schedules.trigger(id, { idempotencyKey: options.key });
      return tell({ runId }, runId);
    }
    case "remove": {
      if (!(await schedules.remove(id))) throw notFound(id);
      return tell({ removed: true }, `${id} is removed; its runs stay`);
    }
  }
}

/** An option that the action would not look at is a mistake. */
function checkOptions(action: Action, options: SchedulesOptions): void {
  const taken = new Set<string>(["json", "url", "namespace", ...(OPTIONS_OF[action] ?? [])]);
  const strange = Object.entries(options).find(([name, value]) => value !== undefined && !taken.has(name));
  if (strange === undefined) return;
  const flag = strange[0].replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw usage(`schedules ${action} does not take --${flag}`);
}

function one<T extends string>(option: string, choices: readonly T[]): (text: string) => T {
  const read = choiceList(option, choices);
  return (text) => {
    const [first, ...more] = read(text);
    if (first !== undefined && more.length === 0) return first;
    throw usage(`${option} takes one of ${choices.join(", ")}`);
  };
}

function notFound(id: string): MillraceError {
  return new MillraceError("SCHEDULE_NOT_FOUND", `there is no schedule ${plainLine(id)}`);
}
