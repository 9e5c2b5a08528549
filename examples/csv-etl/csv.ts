/**
 * Reads CSV as RFC 4180 has it: quoted fields with commas, doubled quotes and line breaks in them, and lines that end in
 * LF or CRLF. The first record names the fields. It refuses nothing: a record with too few fields lacks the last ones.
 */

/** One record, by the names of the first line; `line` is where it begins. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
}

export function readCsv(text: string): CsvRecord[] {
  const [names, ...rows] = records(text.replace(/^\uFEFF/, ""));
  if (names === undefined) return [];
  return rows.map(({ line, values }) => ({
    line,
    fields: Object.fromEntries(names.values.flatMap((name, at) => (at in values ? [[name, values[at] ?? ""]] : []))),
  }));
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

function records(text: string): { line: number; values: string[] }[] {
  const found: { line: number; values: string[] }[] = [];
  let line = 1;
  let values: string[] = [];
  let start = line;
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length) {
    const at = FIELD.lastIndex;
    const [whole, quoted, plain = "", end] = FIELD.exec(text) ?? [];
    if (whole === undefined) throw new Error(`line ${line} is not CSV, at character ${at}`);
    values.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += whole.split("\n").length - 1;
    if (end === ",") continue;
    found.push({ line: start, values });
    values = [];
    start = line;
  }
  return found;
}
