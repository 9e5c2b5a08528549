/**
 * A document: split into sections (fan-out), each looked at in two ways at once, the two put together by name
 * (`joinByName`), and all sections joined in order. Schemas by valibot. It runs in this process, in memory.
 *
 *     node examples/document-pipeline/main.ts [FILE]
 *
 *     divide ─► section ─┬► measure ──┬─► describe ─► assemble
 *                        └► keywords ─┘
 */

import { readFile } from "node:fs/promises";
import { join, joinByName, next, nextAll, node, run, workflow } from "millrace";
import * as v from "valibot";

const Text = v.pipe(v.string(), v.nonEmpty());
const Section = v.object({ title: v.string(), body: v.string() });
const Measures = v.object({ title: v.string(), words: v.number(), sentences: v.number() });
const Keywords = v.array(v.string());

/** One item per section. It opens a group, which `assemble` waits for. */
const divide = node({
  input: Text,
  run({ input }) {
    const [, ...parts] = input.split(/^# /m);
    return nextAll(
      parts.map((part) => {
        const [title = "", ...lines] = part.split("\n");
        return { title, body: lines.join("\n").trim() };
      }),
    );
  },
});

/** Two successors, so each section is a group of two, which `describe` waits for. */
const section = node({ input: Section, run: ({ input }) => next(input) });

const measure = node({
  input: Section,
  run: ({ input: { title, body } }) =>
    next({
      title,
      words: body.split(/\s+/).filter((word) => word !== "").length,
      sentences: body.split(/[.!?](?:\s|$)/).filter((sentence) => sentence.trim() !== "").length,
    }),
});

const keywords = node({
  input: Section,
  run({ input }) {
    const counts = new Map<string, number>();
    for (const [word] of input.body.toLowerCase().matchAll(/[a-z]{5,}/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
    const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return next(ranked.slice(0, 2).map(([word]) => word));
  },
});

/** Each input has the name of the node it comes from, and its type. A branch that ended otherwise is absent. */
const describe = joinByName({
  of: "section",
  inputs: { measure: Measures, keywords: Keywords },
  run({ inputs }) {
    const { title, words, sentences } = inputs.measure ?? { title: "?", words: 0, sentences: 0 };
    const about = inputs.keywords?.join(", ") ?? "";
    return next({ line: `${title}: ${words} words in ${sentences} sentences, about ${about}`, words });
  },
});

/** Sections arrive in the order in which they were emitted, whichever was ready first. */
const assemble = join({
  of: "divide",
  input: v.object({ line: v.string(), words: v.number() }),
  run({ inputs }) {
    const words = inputs.reduce((sum, one) => sum + one.words, 0);
    return next([...inputs.map(({ line }) => line), `${inputs.length} sections, ${words} words`]);
  },
});

const documents = workflow({
  name: "document-pipeline",
  version: "1.0.0",
  nodes: { divide, section, measure, keywords, describe, assemble },
  start: "divide",
  edges: {
    divide: "section",
    section: ["measure", "keywords"],
    measure: "describe",
    keywords: "describe",
    describe: "assemble",
    assemble: [],
  },
});

const file = process.argv[2] ?? new URL("rivers.md", import.meta.url);
const { output } = await run(documents, await readFile(file, "utf8"));
for (const line of output) console.log(line);
