/**
 * How far a run is, shown in place on a terminal: a bar over all items that were made, and a line per node. It is drawn a
 * few times a second at most, however fast the run is, and never taller than a small terminal. It only shows.
 */

import { type RunEvent, type RunInfo, type RunState, systemClock, type Timer } from "../../index.ts";
import { span } from "../output/moments.ts";
import { plainLine } from "../output/plain-text.ts";
import type { Output } from "../output/terminal.ts";
import { cutTo, pad, widthOf } from "../output/text-width.ts";
import { runTone } from "../views/run-view.ts";

/** Progress that is being shown. */
export interface RunProgressView {
  saw(event: RunEvent): void;
  /** Removes it. */
  end(): Promise<void>;
}

type NodeCounts = Map<string, Set<string>>;

const EVERY_MS = 200;
const MOST_NODES = 12;
const BAR_COLUMNS = 24;
const DEFAULT_COLUMNS = 80;

/** Shows the run until `end`. Events tell of nodes, the state of the whole. */
export function runProgress(
  out: Output,
  run: RunInfo,
  readState: () => Promise<RunState | undefined>,
): RunProgressView {
  const nodes = new Map<string, NodeCounts>();
  const statuses = new Map<string, string>();
  const startedAt = systemClock.monotonic();
  let timer: Timer | undefined;
  let drawing: Promise<void> = Promise.resolve();
  let isOver = false;

  const draw = async (): Promise<void> => {
    const state = await readState();
    if (isOver || state === undefined) return;
    const watchedMs = systemClock.monotonic() - startedAt;
    out.status(progressLines(out, run, state, nodes, watchedMs).join("\n"));
  };
  const tick = (): void => {
    drawing = draw()
      // A look that fails is the watching's to report.
      .catch(() => undefined)
      .finally(() => {
        if (!isOver) timer = systemClock.setTimer(EVERY_MS, tick);
      });
  };
  tick();

  return {
    saw(event) {
      if (event.type === "run") return;
      const { itemId, node, status } = event;
      const counts = nodes.get(node) ?? new Map<string, Set<string>>();
      nodes.set(node, counts);
      const before = statuses.get(itemId);
      if (before !== undefined) counts.get(before)?.delete(itemId);
      statuses.set(itemId, status);
      counts.set(status, (counts.get(status) ?? new Set()).add(itemId));
    },
    async end() {
      isOver = true;
      timer?.cancel();
      await drawing;
      out.status("");
    },
  };
}

/** The lines, each no wider than the terminal. */
export function progressLines(
  out: Output,
  run: Pick<RunInfo, "id" | "workflow" | "version">,
  state: Pick<RunState, "status" | "items" | "open" | "completed" | "failed">,
  nodes: ReadonlyMap<string, NodeCounts>,
  watchedMs: number,
): readonly string[] {
  const columns = out.columns ?? DEFAULT_COLUMNS;
  const { status, items, open, completed, failed } = state;
  const ended = items - open;
  const share = items === 0 ? 0 : ended / items;
  const full = Math.floor(share * BAR_COLUMNS);
  const bar = `${"█".repeat(full)}${"░".repeat(BAR_COLUMNS - full)}`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const figures = `${percent}  ${completed} of ${items} items done, ${open} open, ${failed} failed  ${span(watchedMs, 1)}`;
  const tone = runTone(status);
  const first = cutTo(plainLine(`${run.id} of ${run.workflow}@${run.version} is ${status}`), columns);
  const widest = Math.min(Math.max(0, ...[...nodes.keys()].map((node) => widthOf(plainLine(node)))), 40);
  const shown = [...nodes].slice(0, MOST_NODES).map(([node, counts]) => {
    const told = [...counts].filter(([, ids]) => ids.size > 0).map(([name, ids]) => `${ids.size} ${name}`);
    return cutTo(`  ${pad(cutTo(plainLine(node), widest), widest, "left")}  ${told.join(", ")}`, columns);
  });
  const more = nodes.size > MOST_NODES ? [cutTo(`  … ${nodes.size - MOST_NODES} more nodes`, columns)] : [];
  return [tone === undefined ? first : out.tint(tone, first), cutTo(`${bar} ${figures}`, columns), ...shown, ...more];
}
