/**
 * Finds import cycles, type-only and dynamic imports included: files that need each other to be understood cannot be read
 * one at a time. Strongly connected components (Tarjan), so that every cycle is found, whatever file one starts from.
 */

import type { SourceFile } from "./source-file.ts";

interface Mark {
  readonly index: number;
  low: number;
  onStack: boolean;
}

/** One sorted list of paths per group of files that import each other, a file that imports itself included. */
export function importCycles(files: readonly Pick<SourceFile, "path" | "imports">[]): string[][] {
  const targets = new Map(files.map((file) => [file.path, targetsOf(file)]));
  const marks = new Map<string, Mark>();
  const stack: string[] = [];
  const cycles: string[][] = [];

  const visit = (path: string): Mark => {
    const mark: Mark = { index: marks.size, low: marks.size, onStack: true };
    marks.set(path, mark);
    stack.push(path);
    for (const target of targets.get(path) ?? []) {
      const seen = marks.get(target);
      if (seen === undefined) mark.low = Math.min(mark.low, visit(target).low);
      else if (seen.onStack) mark.low = Math.min(mark.low, seen.index);
    }
    if (mark.low === mark.index) close(path);
    return mark;
  };

  const close = (path: string): void => {
    const group = stack.splice(stack.lastIndexOf(path));
    for (const member of group) {
      const mark = marks.get(member);
      if (mark !== undefined) mark.onStack = false;
    }
    if (group.length > 1 || targets.get(path)?.includes(path) === true) cycles.push(group.sort());
  };

  for (const path of targets.keys()) if (!marks.has(path)) visit(path);
  return cycles;
}

function targetsOf(file: Pick<SourceFile, "imports">): string[] {
  return file.imports.map((entry) => entry.target).filter((target) => target !== undefined);
}
