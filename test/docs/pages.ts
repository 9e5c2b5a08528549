/**
 * The pages of the documentation as the tests see them: fences with their language and marks, put together to programs,
 * and links. It reads files and judges nothing. A fence marked `more` goes on with the program of the fence before it; one with a
 * `title` is a file of a project; all other TypeScript fences are programs of their own.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** A fenced block. `marks` is what follows the language: `run`, `more`, `title=FILE`. */
export interface Fence {
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly marks: readonly string[];
  readonly code: string;
}

/** A program that the documentation shows. */
export interface Program {
  /** The page and line where it begins. */
  readonly place: string;
  readonly code: string;
  readonly isRun: boolean;
  /** What its comments say that it prints, line by line. */
  readonly promised: readonly string[];
}

export interface Link {
  readonly page: string;
  readonly line: number;
  readonly target: string;
}

/** Every page that is written for users and contributors, relative to the root. */
export function allPages(): string[] {
  const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => `docs/${path.replaceAll("\\", "/")}`);
  return ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md", ...docs.sort()];
}

export function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

export function fencesOf(page: string): Fence[] {
  const text = readPage(page);
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(({ 1: info = "", 2: code = "", index }) => {
    const [language = "", ...marks] = info.trim().split(/\s+/);
    return { page, line: lineAt(text, index) + 1, language, marks, code };
  });
}

/** The value of a mark such as `title=orders.ts`. */
export function markOf(fence: Fence, name: string): string | undefined {
  return fence.marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The TypeScript fences of a page that are programs, those that go on with another put together. */
export function programsOf(page: string): Program[] {
  const programs: { place: string; code: string; isRun: boolean }[] = [];
  for (const fence of fencesOf(page)) {
    if (fence.language !== "ts" || isProjectFile(fence)) continue;
    const isRun = fence.marks.includes("run");
    const last = programs.at(-1);
    if (!fence.marks.includes("more")) programs.push({ place: `${page}:${fence.line}`, code: fence.code, isRun });
    else if (last === undefined) throw new Error(`${page}:${fence.line} goes on with nothing`);
    else programs.splice(-1, 1, { ...last, code: `${last.code}\n${fence.code}`, isRun: last.isRun || isRun });
  }
  return programs.map((program) => ({ ...program, promised: promisedBy(program.code) }));
}

/** Whether a fence is a file, or the end of a file, of the project that its page builds. */
export function isProjectFile(fence: Fence): boolean {
  return markOf(fence, "title") !== undefined || markOf(fence, "append") !== undefined;
}

/** Links to other places, those inside of fences left out. */
export function linksOf(page: string): Link[] {
  const text = readPage(page).replace(/^```.*?^```$/gms, (fence) => fence.replaceAll(/[^\n]/g, " "));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: target = "", index }) => ({
    page,
    line: lineAt(text, index),
    target,
  }));
}

/** The names that links may give to the headings of a page. */
export function anchorsOf(page: string): string[] {
  return [...readPage(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function promisedBy(code: string): string[] {
  return [...code.matchAll(/\/\/ => (.+)$/gm)].map(([, text = ""]) => text);
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
