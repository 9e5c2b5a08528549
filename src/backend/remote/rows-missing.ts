/** Ends a run of a step that needs rows which are not there yet. Whoever runs the step loads them and runs it again. */

import type { Want } from "./wants.ts";

export class RowsMissing extends Error {
  override readonly name = "RowsMissing";
  readonly wants: readonly Want[];

  constructor(wants: readonly Want[]) {
    super("rows are missing");
    this.wants = wants;
  }
}
