/**
 * Waits as the CLI shows them: the columns of their list and their JSON form, whose names and meanings do not change
 * between releases. What people and programs are asked passes the redaction of secrets.
 */

import type { WaitInfo } from "../../index.ts";
import { instant, relative } from "../output/moments.ts";
import { redactText, redactValue } from "../output/redaction.ts";
import type { Column } from "../output/table.ts";
import type { PayloadOptions } from "./run-view.ts";

/** The columns of a list of waits. */
export function waitColumns(now: number): readonly Column<WaitInfo>[] {
  return [
    { title: "WAIT", value: ({ id }) => id },
    { title: "NODE", value: ({ node }) => node, shrinkTo: 8 },
    { title: "FOR", value: ({ kind }) => kind },
    { title: "SINCE", value: ({ since }) => relative(since, now) },
    { title: "UNTIL", value: ({ dueAt }) => (dueAt === undefined ? "" : relative(dueAt, now)) },
    { title: "WHAT", value: (wait) => redactText(whatOf(wait)), shrinkTo: 12 },
  ];
}

function whatOf({ prompt, tool, event, childId }: WaitInfo): string {
  if (event !== undefined) return `${event.name} ${JSON.stringify(event.key)}`;
  return prompt ?? tool ?? childId ?? "";
}

/** A wait as JSON. */
export function waitJson(wait: WaitInfo, { reveal }: PayloadOptions = {}): Readonly<Record<string, unknown>> {
  const shown = reveal === true ? (value: unknown) => value : redactValue;
  return {
    id: wait.id,
    runId: wait.runId,
    itemId: wait.itemId,
    node: wait.node,
    kind: wait.kind,
    since: instant(wait.since),
    dueAt: instant(wait.dueAt),
    prompt: shown(wait.prompt),
    tool: wait.tool,
    arguments: shown(wait.arguments),
    event: wait.event,
    where: shown(wait.where),
    childId: wait.childId,
    schema: wait.schema,
  };
}
