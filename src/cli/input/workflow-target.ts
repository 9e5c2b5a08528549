/** Which workflow a typed name means, and the project's code for it where that is at hand: it checks inputs. */

import type { Config, Workflow } from "../../index.ts";
import type { Surroundings } from "../surroundings.ts";
import { loadProjectConfig, loadWorkflowsFile } from "./project-configuration.ts";

/** A workflow's name, with `@` and a version behind it if one is meant. */
export interface WorkflowTarget {
  readonly name: string;
  readonly version: string | undefined;
}

/** Reads `name` or `name@version`. */
export function readTarget(text: string): WorkflowTarget {
  const at = text.indexOf("@");
  if (at < 0) return { name: text, version: undefined };
  return { name: text.slice(0, at), version: text.slice(at + 1) };
}

/** The project's configuration, or the workflows of the file named; `undefined` without either. */
export async function findCode(file: string | undefined, around: Surroundings): Promise<Config | undefined> {
  if (file !== undefined) return (await loadWorkflowsFile(file, around.directory)).config;
  return (await loadProjectConfig(around.directory))?.config;
}

/** The code that the configuration has of it. */
export function codeOf(config: Config | undefined, { name, version }: WorkflowTarget): Workflow | undefined {
  return config?.workflows.findLast((one) => one.name === name && (version ?? one.version) === one.version);
}
