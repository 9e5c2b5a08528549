import { expect, it } from "vitest";
import { keptOutput } from "../../../test/support/cli-surroundings.ts";
import { type Column, tableWriter } from "./table.ts";
import { widthOf } from "./text-width.ts";

interface Row {
  readonly name: string;
  readonly count: number | undefined;
}

const columns: readonly Column<Row>[] = [
  { title: "NAME", value: ({ name }) => name, shrinkTo: 6 },
  { title: "COUNT", value: ({ count }) => count, align: "right", tone: () => "red" },
  { title: "AGAIN", value: ({ name }) => name, shrinkTo: 5 },
];

function tabulate(
  rows: readonly Row[],
  options: { columns?: number; environment?: Record<string, string> } = {},
): string {
  const { output, text } = keptOutput(options);
  tableWriter(output, columns).write(rows);
  return text();
}

it("aligns texts on the left and numbers on the right, without spaces at the end", () => {
  expect(
    tabulate([
      { name: "a", count: 7 },
      { name: "日本", count: undefined },
    ]),
  ).toBe(["NAME  COUNT  AGAIN", "a         7  a", "日本         日本", ""].join("\n"));
});

it("cuts nothing where lines may be of any length", () => {
  const name = "n".repeat(300);
  expect(tabulate([{ name, count: 1 }])).toContain(`${name}      1  ${name}\n`);
});

it.each([80, 40, 24, 18, 10, 3])("fits a terminal of %i columns", (width) => {
  const text = tabulate([{ name: "a rather long name of something", count: 1234 }], {
    columns: width,
    environment: { NO_COLOR: "1" },
  });
  for (const line of text.trimEnd().split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(width);
});

it("shrinks the widest column first, and only columns that may", () => {
  const text = tabulate([{ name: "abcdefghij", count: 12_345 }], { columns: 24, environment: { NO_COLOR: "1" } });
  expect(text.split("\n")[1]).toBe("abcdef…  12345  abcdefg…");
});

it("keeps the widths of its first block, and writes one heading", () => {
  const { output, text } = keptOutput();
  const table = tableWriter(output, columns);
  table.write([]);
  table.write([{ name: "first", count: 1 }]);
  table.write([{ name: "a", count: 2 }]);
  expect(text()).toBe(["NAME   COUNT  AGAIN", "first      1  first", "a          2  a", ""].join("\n"));
});

it("shows colours on a terminal alone, and not against NO_COLOR", () => {
  const rows = [{ name: "a", count: 1 }];
  expect(tabulate(rows)).not.toContain("\u001b");
  expect(tabulate(rows, { columns: 80 })).toContain("\u001b[31m");
  expect(tabulate(rows, { columns: 80, environment: { NO_COLOR: "1" } })).not.toContain("\u001b");
  expect(tabulate(rows, { columns: 80, environment: { NO_COLOR: "" } })).toContain("\u001b[31m");
  expect(tabulate(rows, { columns: 80, environment: { TERM: "dumb" } })).not.toContain("\u001b");
});

it("keeps a hostile cell in its place", () => {
  const text = tabulate([{ name: "a\n\u001b[2Jb\u202ec", count: 1 }]);
  expect(text).toBe(["NAME  COUNT  AGAIN", "a bc      1  a bc", ""].join("\n"));
});
