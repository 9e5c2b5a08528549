/**
 * The audit as a workflow: find the packages, inspect each (one item per package), review what is unknown or denied, and
 * join everything into a report. Packages fan out in two levels, so that any number of them fits.
 *
 *     scan ─► inspectBatch ─► inspect ─┬──────────► collect ─► report
 *                                      └► review ─►
 */

import { join as joinPath } from "node:path";
import { context, field, join, next, nextAll, node, unchecked, variant, workflow } from "millrace";
import { z } from "zod";
import { classify } from "./licence.ts";
import { readPackage } from "./package-files.ts";
import { findPackages } from "./package-tree.ts";
import { type Finding, makeReport, writeReport } from "./report.ts";

const BATCH = 200;

const Audit = context({
  request: field.register<{ directory: string; reportFolder: string; startedAt: number }>({
    directory: "",
    reportFolder: "",
    startedAt: 0,
  }),
  packages: field.counter(),
  inspected: field.counter(),
  reviewed: field.counter(),
  licences: field.set<string>(),
  findings: field.eventLog<{ path: string; licence: string; verdict: string }>(),
});

const Request = z.object({ directory: z.string().min(1), reportFolder: z.string().min(1) });
const Package = z.object({ root: z.string(), path: z.string() });

const scan = node({
  description: "Finds the packages and hands them out in batches",
  context: Audit,
  input: Request,
  timeout: "30m",
  async run({ input, context, signal }) {
    const paths = await findPackages(input.directory, signal);
    context.request.set({ ...input, startedAt: Date.now() });
    context.packages.add(paths.length);
    const batches: { root: string; paths: string[] }[] = [];
    for (let at = 0; at < paths.length; at += BATCH)
      batches.push({ root: input.directory, paths: paths.slice(at, at + BATCH) });
    return nextAll(batches);
  },
});

const inspectBatch = node({
  description: "One item per package",
  input: z.object({ root: z.string(), paths: z.array(z.string()) }),
  run: ({ input }) => nextAll(input.paths.map((path) => ({ root: input.root, path }))),
});

const inspect = node({
  description: "Reads a package's manifest and licence file and classifies the licence",
  context: Audit,
  input: Package,
  retry: { maxAttempts: 5, initialBackoff: "100ms", jitter: "full" },
  timeout: "1m",
  async run({ input, context }) {
    const files = await readPackage(joinPath(input.root, input.path));
    const licence =
      files.manifest === undefined
        ? { name: "NONE", verdict: "unreadable" as const, reason: files.problem }
        : classify(files.manifest);
    const finding: Finding = {
      path: input.path,
      name: textOf(files.manifest?.name) ?? input.path,
      version: textOf(files.manifest?.version) ?? "",
      licence: licence.name,
      verdict: licence.verdict,
      reason: licence.reason ?? "",
      licenceFile: files.licenceFile ?? null,
    };
    context.inspected.add();
    context.licences.add(finding.licence);
    if (finding.verdict === "permitted") {
      context.findings.append({ path: finding.path, licence: finding.licence, verdict: finding.verdict });
      return next(variant("permitted", finding));
    }
    return next(variant("review", { finding, title: files.title ?? null }));
  },
});

const review = node({
  description: "Says what a person should look at",
  context: Audit,
  input: unchecked<{ finding: Finding; title: string | null }>(),
  run({ input: { finding, title }, context }) {
    const hint = title === null ? "there is no licence file" : `${finding.licenceFile} begins "${title}"`;
    context.reviewed.add();
    context.findings.append({ path: finding.path, licence: finding.licence, verdict: finding.verdict });
    return next({ ...finding, reason: finding.reason === "" ? hint : `${finding.reason}; ${hint}` });
  },
});

const collect = join({
  of: "inspectBatch",
  description: "The findings of one batch, in order",
  input: unchecked<Finding>(),
  run: ({ inputs }) => next([...inputs]),
});

const report = join({
  of: "scan",
  description: "Writes the report",
  context: Audit,
  input: unchecked<Finding[]>(),
  retry: { maxAttempts: 5, initialBackoff: "200ms" },
  async run({ inputs, context, runId }) {
    const { directory, reportFolder, startedAt } = context.request.value;
    const now = Date.now();
    const made = makeReport(directory, inputs.flat(), {
      id: runId,
      startedAt: new Date(startedAt).toISOString(),
      writtenAt: new Date(now).toISOString(),
      durationMs: now - startedAt,
      inspected: context.inspected.value,
      reviewed: context.reviewed.value,
      findingEvents: context.findings.length,
      distinctLicences: context.licences.size,
    });
    const path = await writeReport(reportFolder, made);
    const { packages, licences, verdicts } = made;
    return next({ path, packages, licences, verdicts });
  },
});

export const licenceAudit = workflow({
  name: "licence-audit",
  version: "1.0.0",
  context: Audit,
  maxItems: 2_000_000,
  nodes: { scan, inspectBatch, inspect, review, collect, report },
  start: "scan",
  edges: {
    scan: "inspectBatch",
    inspectBatch: "inspect",
    inspect: { route: { permitted: "collect", review: "review" } },
    review: "collect",
    collect: "report",
    report: [],
  },
});

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 300) : undefined;
}
