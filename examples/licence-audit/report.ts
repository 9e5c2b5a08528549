/** The audit's report, as JSON and as Markdown. Everything but `run` depends on the packages alone. */

import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface Finding {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly verdict: "permitted" | "denied" | "unknown" | "unreadable";
  readonly reason: string;
  readonly licenceFile: string | null;
}

export interface Report {
  readonly directory: string;
  /** Packages in total. */
  readonly packages: number;
  /** Packages per licence, most frequent first. */
  readonly licences: Readonly<Record<string, number>>;
  readonly verdicts: Readonly<Record<Finding["verdict"], number>>;
  readonly problems: readonly Finding[];
  readonly findings: readonly Finding[];
  /** Figures of the run that wrote it. */
  readonly run: RunFigures;
}

export interface RunFigures {
  readonly id: string;
  readonly startedAt: string;
  readonly writtenAt: string;
  readonly durationMs: number;
  readonly inspected: number;
  readonly reviewed: number;
  readonly findingEvents: number;
  readonly distinctLicences: number;
}

export function makeReport(directory: string, findings: readonly Finding[], run: RunFigures): Report {
  const verdicts = { permitted: 0, denied: 0, unknown: 0, unreadable: 0 };
  for (const finding of findings) verdicts[finding.verdict] += 1;
  return {
    directory,
    packages: findings.length,
    licences: countLicences(findings),
    verdicts,
    problems: findings.filter((finding) => finding.verdict !== "permitted"),
    findings,
    run,
  };
}

/** Writes both files, each complete or not at all; writing again replaces them. Gives the path of the JSON file. */
export async function writeReport(folder: string, report: Report): Promise<string> {
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, "report.md"), toMarkdown(report));
  const json = join(folder, "report.json");
  await replaceFile(json, `${JSON.stringify(report, null, 2)}\n`);
  return json;
}

function toMarkdown(report: Report): string {
  const { run } = report;
  return [
    "# Licence audit",
    "",
    `${report.packages} packages in \`${report.directory}\`, ${report.problems.length} to look at.`,
    "",
    "| licence | packages |",
    "| --- | ---: |",
    ...Object.entries(report.licences).map(([licence, count]) => `| ${cell(licence)} | ${count} |`),
    "",
    "## Problems",
    "",
    ...problemLines(report.problems),
    "",
    "## The run",
    "",
    `Run ${run.id}: ${run.inspected} packages inspected, ${run.reviewed} reviewed, ${run.distinctLicences} distinct licences, ${run.durationMs} ms from ${run.startedAt} to ${run.writtenAt}.`,
    "",
  ].join("\n");
}

function problemLines(problems: readonly Finding[]): string[] {
  if (problems.length === 0) return ["None."];
  return [
    "| package | version | licence | verdict | why | path |",
    "| --- | --- | --- | --- | --- | --- |",
    ...problems.map((p) => `| ${[p.name, p.version, p.licence, p.verdict, p.reason, p.path].map(cell).join(" | ")} |`),
  ];
}

function countLicences(findings: readonly Finding[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { licence } of findings) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

/** Package texts are data: nothing in them may end a cell or a line. */
function cell(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]+/g, " ").replace(/[|\\<>`]/g, (character) => `\\${character}`);
}

async function replaceFile(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}
