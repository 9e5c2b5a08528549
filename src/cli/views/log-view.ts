/**
 * Log lines of nodes as the CLI shows them: the columns of their list and their JSON form, whose names and meanings do
 * not change between releases. Messages and data pass the redaction of secrets.
 */

import type { AttemptLogLine } from "../../index.ts";
import { jsonLine } from "../output/json-output.ts";
import { instant, relative } from "../output/moments.ts";
import { redactText, redactValue } from "../output/redaction.ts";
import type { Column } from "../output/table.ts";
import type { Tone } from "../output/terminal.ts";
import type { PayloadOptions } from "./run-view.ts";

const TONES: Readonly<Record<AttemptLogLine["level"], Tone | undefined>> = {
  debug: "dim",
  info: undefined,
  warn: "yellow",
  error: "red",
};

/** The columns of a list of log lines. */
export function logColumns(now: number, { reveal }: PayloadOptions = {}): readonly Column<AttemptLogLine>[] {
  return [
    { title: "WHEN", value: ({ at }) => relative(at, now) },
    { title: "ITEM", value: ({ itemId }) => itemId.slice(itemId.lastIndexOf(".") + 1), align: "right" },
    { title: "TRY", value: ({ attempt }) => attempt, align: "right" },
    { title: "LEVEL", value: ({ level }) => level, tone: ({ level }) => TONES[level] },
    {
      title: "MESSAGE",
      value({ message, data }) {
        const shown = reveal === true ? data : redactValue(data);
        const text = reveal === true ? message : redactText(message);
        return shown === undefined ? text : `${text} ${jsonLine(shown)}`;
      },
      shrinkTo: 16,
    },
  ];
}

/** A log line as JSON. */
export function logJson(line: AttemptLogLine, { reveal }: PayloadOptions = {}): Readonly<Record<string, unknown>> {
  const shown = reveal === true ? (value: unknown) => value : redactValue;
  return {
    runId: line.runId,
    itemId: line.itemId,
    attempt: line.attempt,
    at: instant(line.at),
    level: line.level,
    message: shown(line.message),
    data: shown(line.data),
  };
}
