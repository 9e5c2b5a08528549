/**
 * What the house style asks of a file and a formatter cannot see: its name, its first paragraph, its length, words that
 * mean unfinished or silenced, exports by the dozen. Every rule names the file and line; none has a list of exemptions.
 */

import { Visitor } from "oxc-parser";
import { isTest, lineOf, type SourceFile } from "./source-file.ts";

const longest = 450;
const shortestOpening = 60;
const emptyNames = ["common", "lib", "misc", "types", "shared", "stuff"];
const emptyWords = ["util", "utils", "helper", "helpers", "manager"];

// Spelled in pieces, so that this file passes its own rule.
const unfinished = [`TO${"DO"}`, `FIX${"ME"}`, `XX${"X"}`, `HA${"CK"}`];
const silencers = [`@ts-${"ignore"}`, `@ts-${"nocheck"}`, `biome-${"ignore"}`, `eslint-${"disable"}`];
const expectError = `@ts-${"expect-error"}`;

/** Words for unfinished work, silenced checks, and casts through `unknown`. */
export function wordProblems(file: SourceFile): string[] {
  const words = [
    ...unfinished.map((word) => new RegExp(`\\b${word}\\b`, "g")),
    ...silencers.map((word) => new RegExp(word, "g")),
  ];
  if (!file.path.endsWith(".test-d.ts")) words.push(new RegExp(`(?<=(//|\\*)\\s*)${expectError}`, "g"));
  const problems = words.flatMap((word) =>
    [...file.text.matchAll(word)].map((match) => `${file.path}:${lineOf(file.text, match.index)} says ${match[0]}`),
  );
  new Visitor({
    TSAsExpression(node) {
      const inner = node.expression.type === "ParenthesizedExpression" ? node.expression.expression : node.expression;
      if (inner.type === "TSAsExpression" && inner.typeAnnotation.type === "TSUnknownKeyword") {
        problems.push(`${file.path}:${lineOf(file.text, node.start)} casts through unknown`);
      }
    },
  }).visit(file.program);
  return problems;
}

/** Names that say nothing, and names not in kebab case, folders included. */
export function nameProblems(path: string): string[] {
  return path.split("/").flatMap((part) => {
    const name = part.split(".")[0] ?? "";
    if (name === "" || /^[A-Z]+$/.test(name)) return [];
    if (!/^[a-z0-9]+([-_][a-z0-9]+)*$/.test(name)) return [`${path}: ${part} is not in kebab case`];
    const empty = name
      .split("-")
      .find((word) => emptyWords.includes(word) || (word === name && emptyNames.includes(word)));
    return empty === undefined ? [] : [`${path}: "${empty}" says nothing about what is inside`];
  });
}

/** The first thing in a file is a paragraph that says what it is for. Tests speak by their titles. */
export function openingProblems(path: string, text: string): string[] {
  if (isTest(path)) return [];
  const body = text.replace(/^#!.*\n/, "");
  const opening = /^\s*(\/\*[\s\S]*?\*\/|--\[\[[\s\S]*?\]\]|(?:(?:\/\/|--).*\n)+)/.exec(body)?.[1] ?? "";
  const words = opening.replaceAll(/[/*\s-]+/g, " ").trim();
  if (words.length >= shortestOpening) return [];
  return [`${path}: does not open with a paragraph on what it is responsible for`];
}

export function lengthProblems(path: string, text: string): string[] {
  const lines = text.split("\n").length - 1;
  return lines <= longest ? [] : [`${path}: has ${lines} lines, more than ${longest}`];
}

/** Everything exported is exported by its name. */
export function exportProblems(file: SourceFile): string[] {
  const problems: string[] = [];
  new Visitor({
    ExportAllDeclaration(node) {
      problems.push(`${file.path}:${lineOf(file.text, node.start)} exports everything of ${node.source.value}`);
    },
  }).visit(file.program);
  return problems;
}

/** An entry point holds no code of its own, so that the list of exports is all there is to read; the guard comes first. */
export function entryPointProblems(file: SourceFile): string[] {
  const problems = file.program.body
    .filter(
      (node) => node.type !== "ImportDeclaration" && !(node.type === "ExportNamedDeclaration" && node.source !== null),
    )
    .map((node) => `${file.path}:${lineOf(file.text, node.start)} is code in an entry point`);
  if (file.imports[0]?.specifier !== "./node-version.ts") {
    problems.push(`${file.path}: does not import ./node-version.ts before all else`);
  }
  return problems;
}
