/** Thrown while rows are loaded: the step and another one wait for each other, so it is over, without a trace, and to be done again. */

import type { Want } from "./wants.ts";

export class StepLost extends Error {
  override readonly name = "StepLost";
  /** What the next try should begin with, so that it is not lost again in the same way. */
  readonly wants: readonly Want[];

  constructor(wants: readonly Want[]) {
    super("the step was lost to another one");
    this.wants = wants;
  }
}
