/**
 * Makes text from the store safe for a terminal. Whatever a node, a caller or another machine wrote is data: nothing of
 * it may move the cursor, set a colour, make a link, or turn the direction of what follows. It removes such characters
 * and refuses nothing. Every text of others passes here once, right before it is written.
 */

/** The end of a control string: BEL, ST as one character, or ST as ESC and a backslash. */
const END = "(?:\\u0007|\\u009c|\\u001b\\\\)";

/**
 * Whole sequences, so that their parameters do not stay behind as litter. The bodies take no control characters, so that
 * a sequence without its end loses no more than its first two, and the search stays linear.
 */
const SEQUENCES = new RegExp(
  [
    `(?:\\u001b[\\]PX^_]|[\\u009d\\u0090\\u0098\\u009e\\u009f])[^\\u0000-\\u001f\\u007f-\\u009f]*${END}`, // OSC, DCS, SOS, PM, APC
    "(?:\\u001b\\[|\\u009b)[0-?]*[ -/]*[@-~]", // CSI
    "\\u001b[ -/]*[0-~]", // two-character sequences and character sets
    "\\ufffd\\[[0-9;?]*[A-Za-z]", // a CSI whose first character the store has replaced
  ].join("|"),
  "gu",
);

const CONTROLS = "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f";
const DIRECTIONS = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069";
/** Hidden copies of ASCII, which a reader cannot see and another program may obey. */
const TAGS = "\\u{e0000}-\\u{e007f}";

const LEFT_OVER = new RegExp(`[${CONTROLS}${DIRECTIONS}${TAGS}]`, "gu");
/** What JSON text may hold unescaped though a terminal obeys it. Line feeds stay: in JSON they are never part of a value. */
const HIDDEN_IN_JSON = new RegExp(`[${CONTROLS}\\t${DIRECTIONS}${TAGS}\\u2028\\u2029]`, "gu");

/** The text without control sequences and control characters; line feeds stay, tabs become spaces. */
export function plainText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?|[\u2028\u2029\u0085]/gu, "\n")
    .replaceAll(SEQUENCES, "")
    .replaceAll(LEFT_OVER, "")
    .replaceAll("\t", "  ");
}

/** The text in one line: every run of white space is one space. */
export function plainLine(text: string): string {
  return plainText(text).replaceAll(/\s+/gu, " ").trim();
}

/** JSON text that means the same and shows every hidden character as an escape. */
export function plainJson(json: string): string {
  return json.replaceAll(HIDDEN_IN_JSON, (hidden) =>
    Array.from({ length: hidden.length }, (_, at) => `\\u${hidden.charCodeAt(at).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );
}
