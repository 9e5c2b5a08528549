/**
 * Schedules as the CLI shows them: the columns of their list, one in full, and the JSON form, whose names and meanings do
 * not change between releases.
 */

import type { Firing, ScheduleInfo } from "../../index.ts";
import { jsonBlock } from "../output/json-output.ts";
import { instant, relative, span } from "../output/moments.ts";
import { plainLine, plainText } from "../output/plain-text.ts";
import { redactText, redactValue } from "../output/redaction.ts";
import type { Column } from "../output/table.ts";
import type { Output, Tone } from "../output/terminal.ts";
import { type PayloadOptions, tagText } from "../views/run-view.ts";

const TONES: Readonly<Record<ScheduleInfo["status"], Tone>> = {
  active: "green",
  paused: "yellow",
  failing: "red",
  finished: "dim",
};
const SKIPPED = {
  running: "its run was open",
  overtaken: "a newer time came with it",
  queueFull: "too many waited",
} as const satisfies Readonly<Record<Extract<Firing, { kind: "skipped" }>["why"], string>>;
const LABEL_COLUMNS = 12;
const PAYLOAD_LINES = 30;

/** The columns of a list of schedules. */
export function scheduleColumns(now: number): readonly Column<ScheduleInfo>[] {
  return [
    { title: "SCHEDULE", value: ({ id }) => id, shrinkTo: 12 },
    { title: "WORKFLOW", value: workflowText, shrinkTo: 10 },
    { title: "STATUS", value: ({ status }) => status, tone: ({ status }) => TONES[status] },
    { title: "NEXT", value: ({ nextAt }) => (nextAt === undefined ? "-" : relative(nextAt, now)) },
    { title: "WHEN", value: timesText, shrinkTo: 12 },
    { title: "LAST", value: ({ firings }) => (firings[0] === undefined ? "-" : firingWords(firings[0], now)) },
    { title: "STARTED", value: ({ counts }) => counts.started, align: "right" },
    { title: "FAILURE", value: ({ failure }) => failure?.code ?? "", tone: () => "red" },
  ];
}

/** A schedule as JSON. */
export function scheduleJson(schedule: ScheduleInfo, { reveal }: PayloadOptions): Readonly<Record<string, unknown>> {
  const { input, nextAt, at, startAfter, endAt, failure, firings, createdAt, changedAt, ...rest } = schedule;
  return {
    ...rest,
    at: instant(at),
    startAfter: instant(startAfter),
    endAt: instant(endAt),
    nextAt: instant(nextAt),
    input: reveal === true ? input : redactValue(input),
    failure: failure && {
      ...failure,
      message: redactText(failure.message),
      instant: instant(failure.instant),
      at: instant(failure.at),
    },
    firings: firings.map((firing) => ({
      ...firing,
      instant: instant(firing.instant),
      at: instant(firing.at),
      ...("message" in firing ? { message: redactText(firing.message) } : {}),
    })),
    createdAt: instant(createdAt),
    changedAt: instant(changedAt),
  };
}

/** A schedule in full, for people. */
export function writeSchedule(out: Output, schedule: ScheduleInfo, now: number, { reveal }: PayloadOptions): void {
  const label = (name: string): string => out.tint("dim", name.padEnd(LABEL_COLUMNS));
  const line = (name: string, value: string): void => {
    if (value !== "") out.line(`${label(name)}${plainLine(value)}`);
  };
  const when = (at: number | undefined): string =>
    at === undefined ? "" : `${relative(at, now)} (${instant(at) ?? ""})`;
  const { status, overlap, catchUp, jitterMs, queued, counts, failure, firings } = schedule;
  line("schedule", schedule.id);
  line("workflow", workflowText(schedule));
  out.line(`${label("status")}${out.tint(TONES[status], status)}`);
  line("when", timesText(schedule));
  line("next", when(schedule.nextAt));
  line("after", when(schedule.startAfter));
  line("until", when(schedule.endAt));
  line("overlap", queued === 0 ? overlap : `${overlap}, ${queued} waiting`);
  line("catch-up", catchUp === "last" ? "the latest instant" : span(catchUp));
  line("jitter", jitterMs === 0 ? "" : span(jitterMs));
  line("tags", tagText(schedule.tags));
  line(
    "so far",
    `${counts.started} started, ${counts.skipped} skipped, ${counts.missed} missed, ${counts.failed} failed`,
  );
  if (failure !== undefined) {
    const [first = "", ...rest] = plainText(redactText(`${failure.code}: ${failure.message}`)).split("\n");
    out.line(`${label("failure")}${out.tint("red", first)}`);
    for (const text of rest) out.line(" ".repeat(LABEL_COLUMNS) + text);
    line("", `${failure.count} times in a row, last ${relative(failure.at, now)}`);
  }
  const input = jsonBlock((reveal === true ? schedule.input : redactValue(schedule.input)) ?? null).split("\n");
  for (const [at, text] of input.slice(0, PAYLOAD_LINES).entries())
    out.line(`${label(at === 0 ? "input" : "")}${text}`);
  for (const [at, firing] of firings.entries()) {
    line(at === 0 ? "firings" : " ", `${instant(firing.instant)}  ${firingWords(firing, now)}`);
  }
}

/** When it fires, in the words that it was made with. */
function timesText({ cron, timezone, everyMs, at }: ScheduleInfo): string {
  if (cron !== undefined) return timezone === undefined ? cron : `${cron} (${timezone})`;
  if (everyMs !== undefined) return `every ${span(everyMs)}`;
  return instant(at) ?? "";
}

function workflowText({ workflow, version }: ScheduleInfo): string {
  return version === undefined ? workflow : `${workflow}@${version}`;
}

function firingWords(firing: Firing, now: number): string {
  const ago = relative(firing.at, now);
  switch (firing.kind) {
    case "started":
      return `${firing.triggered ? "triggered" : "started"} ${ago}: ${firing.runId}`;
    case "skipped":
      return `skipped ${ago}: ${SKIPPED[firing.why]}${firing.runId === undefined ? "" : ` (${firing.runId})`}`;
    case "missed":
      return firing.count === 1 ? `missed, noticed ${ago}` : `missed with ${firing.count - 1} after it, noticed ${ago}`;
    case "failed":
      return `failed ${ago}: ${firing.code}`;
  }
}
