/**
 * `millrace doctor`: looks at everything a store and its workers need, and says what is wrong and what to do. It changes
 * nothing, makes no store, and runs no code of the project. Its exit code is not 0 when something is wrong.
 */

import type { Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { examine } from "../doctor/examination.ts";
import type { Finding } from "../doctor/finding.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainText } from "../output/plain-text.ts";
import { redactText } from "../output/redaction.ts";
import type { Output, Tone } from "../output/terminal.ts";

const MARKS: Readonly<Record<Finding["level"], readonly [mark: string, tone: Tone]>> = {
  ok: ["ok", "green"],
  note: ["note", "cyan"],
  wrong: ["WRONG", "red"],
};
const MARK_COLUMNS = 7;
const NAME_COLUMNS = 13;

export function doctorCommand(run: Run): Command {
  return describeCommand({
    name: "doctor",
    summary: "Check Node, the store and its workers, and say what is wrong",
    details: "The exit code is 0 when nothing is wrong. Notes are worth knowing and no fault.",
    examples: [
      ["doctor", "Is everything as it should be?"],
      ["doctor --json", "The same for a monitor"],
    ],
  })
    .option("--thorough", "read a large embedded store as a whole too")
    .action(
      acting(run, async (options: CommonOptions & { readonly thorough?: boolean | undefined }) => {
        const { findings, exitCode } = await examine(run.around, options);
        if (options.json === true)
          run.around.out.line(jsonLine({ ok: exitCode === 0, findings: findings.map(safeFinding) }));
        else for (const finding of findings) write(run.around.out, safeFinding(finding));
        return exitCode;
      }),
    );
}

function safeFinding(finding: Finding): Finding {
  const { message, hint } = finding;
  return { ...finding, message: redactText(message), ...(hint === undefined ? {} : { hint: redactText(hint) }) };
}

function write(out: Output, { level, name, message, hint }: Finding): void {
  const [mark, tone] = MARKS[level];
  const [first = "", ...rest] = plainText(message).split("\n");
  const indent = " ".repeat(MARK_COLUMNS + NAME_COLUMNS);
  out.line(`${out.tint(tone, mark.padEnd(MARK_COLUMNS))}${name.padEnd(NAME_COLUMNS)}${first}`);
  for (const line of rest) out.line(indent + line);
  if (hint !== undefined && level !== "ok")
    out.line(`${indent}${out.tint("dim", plainText(hint).split("\n").join(`\n${indent}`))}`);
}
