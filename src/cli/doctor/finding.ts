/** What the doctor says of one thing: fine, worth knowing, or wrong, and then what to do about it. */

/** One line of the doctor's report. */
export interface Finding {
  readonly level: "ok" | "note" | "wrong";
  /** What was looked at; stable, for programs. */
  readonly name: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Nothing to do. */
export function ok(name: string, message: string): Finding {
  return { level: "ok", name, message };
}

/** Worth knowing, and no fault. */
export function note(name: string, message: string, hint?: string): Finding {
  return hint === undefined ? { level: "note", name, message } : { level: "note", name, message, hint };
}

/** Something has to be done. */
export function wrong(name: string, message: string, hint: string): Finding {
  return { level: "wrong", name, message, hint };
}
