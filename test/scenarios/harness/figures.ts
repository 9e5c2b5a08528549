/**
 * Tells what a scenario went through, in one line of its output: a suite that survives faults has to show that there
 * were any.
 */

import process from "node:process";

export function tellFigures(scenario: string, figures: Readonly<Record<string, number>>): void {
  const told = Object.entries(figures).map(([name, figure]) => `${name} ${figure}`);
  process.stdout.write(`${scenario}: ${told.join(", ")}\n`);
}
