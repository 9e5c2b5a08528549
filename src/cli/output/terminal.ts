/**
 * Where a command's words go. It knows how wide the terminal is and whether it shows colours, and goes on quietly when
 * the reader has gone (`millrace list | head`). It adds nothing to what it is given; cleaning is the caller's part.
 */

import { styleText } from "node:util";

/** The part of a Node stream that is used. */
export interface OutputStream {
  write(text: string): boolean;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly writableNeedDrain?: boolean | undefined;
  on(event: "error", listener: (error: Error) => void): unknown;
  once(event: "drain" | "close", listener: () => void): unknown;
  off(event: "drain" | "close", listener: () => void): unknown;
}

export type Tone = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** One of a program's two outputs. */
export interface Output {
  /** Writes a line. */
  line(text: string): void;
  /**
   * Shows text in place, over what was shown so before; "" removes it. Lines go above it. Shows nothing but on a
   * terminal.
   */
  status(text: string): void;
  /** Resolves when the reader has kept up, or has gone. */
  drained(): Promise<void>;
  /** The text in a colour, where colours are shown. */
  tint(tone: Tone, text: string): string;
  /** Columns of the terminal; `undefined` where lines may be of any length. */
  readonly columns: number | undefined;
  readonly isTerminal: boolean;
  /** True when nobody reads any more. */
  readonly gone: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An output on a stream. Colour needs a terminal that is not `dumb`, and no `NO_COLOR`. */
export function output(stream: OutputStream, environment: Environment): Output {
  const isTerminal = stream.isTTY === true;
  const colour = isTerminal && (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb";
  let gone = false;
  let shown: readonly string[] = [];
  const show = (lines: readonly string[]): void => {
    if (gone || (shown.length === 0 && lines.length === 0)) return;
    // Back to the first line of what is shown, which is cleared to the end of the screen.
    const back = shown.length > 1 ? `\u001b[${shown.length - 1}A` : "";
    stream.write(`${shown.length > 0 ? `\r${back}\u001b[J` : ""}${lines.join("\n")}`);
    shown = lines;
  };
  stream.on("error", () => {
    // A broken pipe; there is nobody left to tell about any other error of this stream either.
    gone = true;
  });
  return {
    line(text) {
      const below = shown;
      show([]);
      if (!gone) stream.write(`${text}\n`);
      show(below);
    },
    status(text) {
      if (isTerminal) show(text === "" ? [] : text.split("\n"));
    },
    drained: () => (gone || stream.writableNeedDrain !== true ? Promise.resolve() : nextDrain(stream)),
    tint: (tone, text) => (colour && text !== "" ? styleText(tone, text, { validateStream: false }) : text),
    isTerminal,
    get columns() {
      const { columns } = stream;
      return isTerminal && columns !== undefined && columns > 0 ? columns : undefined;
    },
    get gone() {
      return gone;
    },
  };
}

function nextDrain(stream: OutputStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.once("drain", done);
    stream.once("close", done);
  });
}
