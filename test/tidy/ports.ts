/**
 * Time, chance and ids come from the ports in `core`, nowhere else: that is what lets the whole engine run in a seeded
 * simulation. Finds every direct use in `src`, tests aside. It looks at names, so renaming a global would hide it; no
 * honest code does that.
 */

import { Visitor } from "oxc-parser";
import { isTest, lineOf, type SourceFile } from "./source-file.ts";

const members = [
  "Date.now",
  "Math.random",
  "performance.now",
  "performance.timeOrigin",
  "process.hrtime",
  "process.nextTick",
  "process.uptime",
  "crypto.randomUUID",
  "crypto.randomBytes",
  "crypto.randomInt",
  "crypto.getRandomValues",
  "AbortSignal.timeout",
];
const timers = ["setTimeout", "setInterval", "setImmediate"];
const chance = ["randomUUID", "randomBytes", "randomInt", "randomFillSync", "getRandomValues", "webcrypto"];
const holders = ["globalThis", "global"];

export function portProblems(files: readonly SourceFile[]): string[] {
  return files.filter((file) => !isTest(file.path) && !/^src\/core\/ports[^/]*\.ts$/.test(file.path)).flatMap(usesOf);
}

function usesOf(file: SourceFile): string[] {
  const problems: string[] = [];
  const report = (start: number, what: string): void => {
    problems.push(`${file.path}:${lineOf(file.text, start)} uses ${what}, which only src/core/ports*.ts may`);
  };
  new Visitor({
    MemberExpression(node) {
      if (node.object.type !== "Identifier" || node.property.type !== "Identifier") return;
      const name = `${node.object.name}.${node.property.name}`;
      if (members.includes(name)) report(node.start, name);
      if (holders.includes(node.object.name) && timers.includes(node.property.name)) report(node.start, name);
    },
    CallExpression(node) {
      if (node.callee.type !== "Identifier") return;
      if (timers.includes(node.callee.name)) report(node.start, node.callee.name);
      if (node.callee.name === "Date") report(node.start, "Date()");
    },
    NewExpression(node) {
      if (node.callee.type === "Identifier" && node.callee.name === "Date" && node.arguments.length === 0) {
        report(node.start, "new Date()");
      }
    },
  }).visit(file.program);
  for (const entry of file.imports) {
    if (entry.kind === "type") continue;
    const at = `${file.path}:${entry.line}`;
    if (/^(node:)?timers(\/|$)/.test(entry.specifier)) problems.push(`${at} imports ${entry.specifier}`);
    if (!/^(node:)?(crypto|perf_hooks)$/.test(entry.specifier)) continue;
    for (const name of entry.names) {
      if (chance.includes(name) || name === "performance") problems.push(`${at} imports ${name} of ${entry.specifier}`);
    }
  }
  return problems;
}
