/**
 * How many columns of a terminal a text takes, and how to cut it to fit. Wide (East Asian, emoji) characters take two,
 * combining ones none. Terminals differ in rare cases; being off by one there misaligns a line and nothing more.
 */

const ASCII = /^[ -~]*$/;
const ZERO = /^[\p{M}\p{Cf}\p{Cc}]/u;
const WIDE =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}])/u;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Columns that one line of text takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** The text, cut to at most `columns`, with an ellipsis where something is missing. */
export function cutTo(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (text.length <= columns && ASCII.test(text)) return text;
  let width = 0;
  let kept = "";
  for (const { segment } of graphemes.segment(text)) {
    const next = graphemeWidth(segment);
    if (width + next > columns) return `${cutLast(kept, width, columns)}…`;
    kept += segment;
    width += next;
  }
  return kept;
}

/** As `cutTo`, but what is missing is missing at the start: ids differ at their ends. */
export function cutStartTo(text: string, columns: number): string {
  if (columns <= 0 || widthOf(text) <= columns) return columns <= 0 ? "" : text;
  let kept = "";
  for (const { segment } of [...graphemes.segment(text)].reverse()) {
    if (widthOf(kept) + graphemeWidth(segment) > columns - 1) break;
    kept = segment + kept;
  }
  return `…${kept}`;
}

/** The text and the spaces that make it `columns` wide. */
export function pad(text: string, columns: number, side: "left" | "right"): string {
  const spaces = " ".repeat(Math.max(0, columns - widthOf(text)));
  return side === "left" ? text + spaces : spaces + text;
}

/** Makes room for the ellipsis. */
function cutLast(kept: string, width: number, columns: number): string {
  if (width < columns) return kept;
  let cut = "";
  for (const { segment } of graphemes.segment(kept)) {
    if (widthOf(cut) + graphemeWidth(segment) > columns - 1) break;
    cut += segment;
  }
  return cut;
}

function graphemeWidth(grapheme: string): number {
  if (ZERO.test(grapheme)) return 0;
  return WIDE.test(grapheme) || grapheme.includes("\ufe0f") ? 2 : 1;
}
