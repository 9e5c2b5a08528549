// Writes `docs/errors`: a page for each code of the one error table, and a list of all. What a table can say comes from
// `src/core/error-table.ts`; usual causes and what to do are written by hand in `error-pages.json`. A code that has
// no texts, or texts that have no code, are refused. Run it with `node scripts/error-pages.mjs` after changing either.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { ERRORS } from "../src/core/error-table.ts";

/** @typedef {{ causes: string[], remedies: string[], notYet?: string }} Texts `notYet`: why this version never gives the code. */

const folder = fileURLToPath(new URL("../docs/errors/", import.meta.url));
const texts = await readTexts();

/** @returns {Promise<Map<string, Texts>>} */
async function readTexts() {
  return new Map(Object.entries(JSON.parse(await readFile(new URL("error-pages.json", import.meta.url), "utf8"))));
}

/** All pages, by file name. @returns {Map<string, string>} */
export function errorPages() {
  const codes = Object.keys(ERRORS);
  const without = codes.filter((code) => !texts.has(code));
  const strangers = [...texts.keys()].filter((code) => !codes.includes(code));
  if (without.length > 0) throw new Error(`scripts/error-pages.json has no texts for ${without.join(", ")}`);
  if (strangers.length > 0) throw new Error(`scripts/error-pages.json has texts for no code: ${strangers.join(", ")}`);
  const pages = new Map([["README.md", overview()]]);
  for (const [code, entry] of Object.entries(ERRORS)) pages.set(`${code}.md`, page(code, entry));
  return pages;
}

/** Codes that this version never gives. @returns {string[]} */
export function codesNotYetGiven() {
  return [...texts].filter(([, { notYet }]) => notYet !== undefined).map(([code]) => code);
}

/** @param {string} code @param {import("../src/core/error-table.ts").ErrorEntry} entry */
function page(code, { summary, exit, http, retried, hint }) {
  const { causes, remedies, notYet } = texts.get(code) ?? { causes: [], remedies: [] };
  return lines([
    `# ${code}`,
    "",
    summary,
    ...(notYet === undefined ? [] : ["", `**Not given by this version.** ${notYet}`]),
    "",
    "| | |",
    "| --- | --- |",
    `| hint | ${hint} |`,
    `| exit status | ${exit} |`,
    `| HTTP status | ${http} |`,
    `| retried by default | ${retried ? "yes" : "no"} |`,
    ...(causes.length === 0 ? [] : ["", "## Usual causes", "", ...causes.map(bullet)]),
    "",
    "## What to do",
    "",
    ...remedies.map(bullet),
    "",
    "[All codes](README.md)",
  ]);
}

function overview() {
  return lines([
    "# Error codes",
    "",
    "Every error of Millrace is a `MillraceError` with one of these codes. The codes, and what they mean, do not change once released.",
    "How errors travel, are retried and are handled is told in [Errors](../errors.md).",
    "",
    "| code | meaning | exit | HTTP | retried |",
    "| --- | --- | ---: | ---: | --- |",
    ...Object.entries(ERRORS).map(
      ([code, { summary, exit, http, retried }]) =>
        `| [${code}](${code}.md) | ${summary} | ${exit} | ${http} | ${retried ? "yes" : "no"} |`,
    ),
    "",
    "`exit` is the exit status of a command that ends with the code, `retried` whether an attempt that failed with it is retried by the",
    "default policy. The HTTP status is what the code stands for towards web clients; there is no HTTP server in this version.",
    "",
    `Not given by this version: ${codesNotYetGiven().join(", ")}.`,
  ]);
}

/** @param {string} text */
function bullet(text) {
  return `- ${text}`;
}

/** @param {string[]} content */
function lines(content) {
  return `${content.join("\n")}\n`;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, text] of errorPages()) await writeFile(join(folder, name), text);
  console.log(`${errorPages().size} pages in docs${sep}errors`);
}
