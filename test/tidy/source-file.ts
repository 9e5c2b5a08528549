/**
 * A source file as the tidy rules see it: its text and what it imports, from a real parse, type-only and dynamic
 * imports included. It judges nothing. A file that does not parse is an error here, never a file without imports.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { type Comment, type Program, parseSync, Visitor } from "oxc-parser";

interface Import {
  readonly specifier: string;
  /** The imported file's path from the root, for imports within the repository; `undefined` for packages and built-ins. */
  readonly target: string | undefined;
  readonly kind: "value" | "type" | "dynamic";
  /** The imported names as the other module calls them; empty for a namespace, a side effect or a dynamic import. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
}

export const root = fileURLToPath(new URL("../../", import.meta.url));

const scripts = /\.(ts|mjs|js)$/;

/** Whether the file is a test of the code beside it rather than a part of it. */
export function isTest(path: string): boolean {
  return /\.test(-d)?\.ts$/.test(path);
}

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

export function parseSource(path: string, text: string): SourceFile {
  const { program, comments, errors } = parseSync(path, text);
  const first = errors[0];
  if (first !== undefined) throw new Error(`${path} does not parse: ${first.message}`);
  return { path, text, program, comments, imports: importsOf(path, text, program) };
}

/** Paths of all files below a folder of the repository, sorted; none when there is no such folder. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/"))
    .sort();
}

/** Every script below the folders, parsed. */
export function readSources(...folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap(filesBelow)
    .filter((path) => scripts.test(path))
    .map((path) => parseSource(path, readFileSync(join(root, path), "utf8")));
}

function importsOf(path: string, text: string, program: Program): Import[] {
  const imports: Import[] = [];
  const add = (specifier: string, kind: Import["kind"], names: readonly string[], start: number): void => {
    imports.push({ specifier, kind, names, target: targetOf(path, specifier), line: lineOf(text, start) });
  };
  new Visitor({
    ImportDeclaration(node) {
      const named = node.specifiers.filter((specifier) => specifier.type === "ImportSpecifier");
      const typesOnly = named.length > 0 && named.every((specifier) => specifier.importKind === "type");
      const kind = node.importKind === "type" || (typesOnly && named.length === node.specifiers.length);
      const names = named.map(({ imported }) => (imported.type === "Identifier" ? imported.name : imported.value));
      add(node.source.value, kind ? "type" : "value", names, node.start);
    },
    ExportNamedDeclaration(node) {
      if (node.source !== null) {
        add(node.source.value, node.exportKind === "type" ? "type" : "value", [], node.start);
      }
    },
    ExportAllDeclaration(node) {
      add(node.source.value, node.exportKind === "type" ? "type" : "value", [], node.start);
    },
    ImportExpression(node) {
      if (node.source.type === "Literal") add(String(node.source.value), "dynamic", [], node.start);
    },
    TSImportType(node) {
      add(node.source.value, "type", [], node.start);
    },
  }).visit(program);
  return imports;
}

function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(path), specifier);
  if (specifier === "millrace") return "src/index.ts";
  if (specifier.startsWith("millrace/")) return `src/${specifier.slice("millrace/".length)}.ts`;
  return undefined;
}
