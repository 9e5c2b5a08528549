/**
 * Reads the part of YAML that files of examples are written in: maps and lists by indentation, lists in brackets, quoted and
 * plain words, comments. Whatever else a line may be is refused with its number, so that nothing is read as what it is not.
 */

export type Yaml = string | readonly Yaml[] | { readonly [key: string]: Yaml };

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly text: string;
}

export function parseYaml(source: string): Yaml {
  const lines = source.split("\n").flatMap((text, at) => lineOf(text, at + 1));
  const [value, rest] = block(lines, 0);
  if (rest.length > 0) throw wrong(rest[0], "is indented like nothing before it");
  return value;
}

function lineOf(text: string, number: number): readonly Line[] {
  const content = text.replace(/(^|\s)#.*$/u, "").trimEnd();
  if (content === "") return [];
  if (content.includes("\t")) throw new Error(`line ${number} has a tab`);
  const indent = content.length - content.trimStart().length;
  return [{ number, indent, text: content.trimStart() }];
}

function block(lines: readonly Line[], indent: number): readonly [Yaml, readonly Line[]] {
  const [first] = lines;
  if (first === undefined || first.indent < indent) return ["", lines];
  return first.text.startsWith("- ") ? list(lines, first.indent) : map(lines, first.indent);
}

function list(lines: readonly Line[], indent: number): readonly [Yaml, readonly Line[]] {
  const entries: Yaml[] = [];
  let rest = lines;
  for (let [line] = rest; line?.indent === indent && line.text.startsWith("- "); [line] = rest) {
    entries.push(scalar(line.text.slice(2).trim(), line));
    rest = rest.slice(1);
  }
  return [entries, rest];
}

function map(lines: readonly Line[], indent: number): readonly [Yaml, readonly Line[]] {
  const entries = new Map<string, Yaml>();
  let rest = lines;
  for (let [line] = rest; line?.indent === indent; [line] = rest) {
    const [, key, value = ""] = /^([\w-]+):(?:\s+(.+))?$/u.exec(line.text) ?? [];
    if (key === undefined || entries.has(key)) throw wrong(line, "is no entry of a map, or one that was there before");
    rest = rest.slice(1);
    if (value !== "") entries.set(key, scalar(value, line));
    else {
      const [inner, after] = block(rest, indent + 1);
      entries.set(key, inner);
      rest = after;
    }
  }
  return [Object.fromEntries(entries), rest];
}

function scalar(text: string, line: Line): Yaml {
  if (text.startsWith("[")) {
    // What JSON is, too.
    const parsed: unknown = JSON.parse(text);
    if (!Array.isArray(parsed) || !parsed.every((entry) => typeof entry === "string")) throw wrong(line, "is no list");
    return parsed;
  }
  if (/^"[^"\\]*"$/u.test(text)) return text.slice(1, -1);
  if (/^[[{&*!|>'"%@`-]/u.test(text) && !/^--[\w-]+$/u.test(text))
    throw wrong(line, "is written in a way that is not known here");
  return text;
}

function wrong(line: Line | undefined, problem: string): Error {
  return new Error(`line ${line?.number}: ${JSON.stringify(line?.text)} ${problem}`);
}
