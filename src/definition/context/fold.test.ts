// The laws of folding, for every kind of field at once, against a naive model: one plain structure per field.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../core/digest.ts";
import { contextView } from "./context-view.ts";
import {
  applyDelta,
  type Delta,
  decodeDelta,
  encodeDelta,
  encodeFork,
  type FoldedContext,
  foldDeltas,
  type SequencedDelta,
} from "./delta.ts";
import { context, type FieldsOf, field, type LiveContext } from "./field.ts";
import { openContext } from "./live-context.ts";
import { shapeOf } from "./shape.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { bytesOf, type ContextState, initialState } from "./state.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const Everything = context({
  region: field.fixed("eu"),
  status: field.register<Json>("new"),
  log: field.eventLog<Json>(),
  total: field.counter(3),
  seen: field.set<Json>(),
  notes: field.map<Json>(),
  high: field.maximum(),
  low: field.minimum(),
  words: field.merged<string[]>({ empty: [], merge: (left, right) => [...left, ...right] }),
});
type Live = LiveContext<FieldsOf<typeof Everything>>;
const shape = shapeOf(Everything);

/** One change as user code makes it: on the live context, and on the model. */
interface Action {
  readonly name: string;
  readonly live: (live: Live) => void;
  readonly model: (model: Model, stamp: { item: string; epoch: number; at: number; next: () => number }) => void;
}

interface Model {
  region: string;
  status: Json;
  log: { id: string; at: number; event: Json }[];
  total: number;
  seen: Map<string, Json>;
  notes: Map<string, Json>;
  high: number | undefined;
  low: number | undefined;
  words: string[];
}

const emptyModel = (): Model => ({
  region: "eu",
  status: "new",
  log: [],
  total: 3,
  seen: new Map(),
  notes: new Map(),
  high: undefined,
  low: undefined,
  words: [],
});

// Small, so that elements and keys meet.
const element: fc.Arbitrary<Json> = fc.constantFrom<Json[]>(
  1,
  "1",
  null,
  true,
  0,
  [],
  { a: 1, b: [2] },
  { b: [2], a: 1 },
  { a: 2 },
  "x",
);
const key = fc.constantFrom("__proto__", "constructor", "toJSON", "", "a", "b", "\u0000", "\ud800");
const value = fc
  .jsonValue({ maxDepth: 3 })
  .filter((json): json is Json => !/__proto|constr/.test(JSON.stringify(json)));
/** Multiples of 1/8, so that the model's plain addition is exact too. */
const step = fc.integer({ min: -80_000, max: 80_000 }).map((eighths) => eighths / 8);
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

const action: fc.Arbitrary<Action> = fc.oneof(
  value.map(
    (v): Action => ({
      name: `status.set(${JSON.stringify(v)})`,
      live: ({ status }) => status.set(v),
      model: (model) => {
        model.status = v;
      },
    }),
  ),
  fc.nat(9).map(
    (n): Action => ({
      name: `status.update(${n})`,
      live: ({ status }) => status.update((old) => [n, JSON.stringify(old).length]),
      model: (model) => {
        model.status = [n, JSON.stringify(model.status).length];
      },
    }),
  ),
  value.map(
    (v): Action => ({
      name: `log.append(${JSON.stringify(v)})`,
      live: ({ log }) => log.append(v),
      model: (model, { item, epoch, at, next }) => {
        model.log.push({ id: `${item}/${epoch}/${next()}`, at, event: v });
      },
    }),
  ),
  step.map(
    (n): Action => ({
      name: `total.add(${n})`,
      live: ({ total }) => total.add(n),
      model: (model) => {
        model.total += n;
      },
    }),
  ),
  element.map(
    (v): Action => ({
      name: `seen.add(${JSON.stringify(v)})`,
      live: ({ seen }) => seen.add(v),
      model: (model) => {
        if (!model.seen.has(canonicalJson(v))) {
          model.seen.set(canonicalJson(v), v);
        }
      },
    }),
  ),
  element.map(
    (v): Action => ({
      name: `seen.delete(${JSON.stringify(v)})`,
      live: ({ seen }) => seen.delete(v),
      model: (model) => {
        model.seen.delete(canonicalJson(v));
      },
    }),
  ),
  fc.tuple(key, value).map(
    ([k, v]): Action => ({
      name: `notes.set(${JSON.stringify(k)}, ${JSON.stringify(v)})`,
      live: ({ notes }) => notes.set(k, v),
      model: (model) => {
        model.notes.set(k, v);
      },
    }),
  ),
  key.map(
    (k): Action => ({
      name: `notes.delete(${JSON.stringify(k)})`,
      live: ({ notes }) => notes.delete(k),
      model: (model) => {
        model.notes.delete(k);
      },
    }),
  ),
  finite.map(
    (n): Action => ({
      name: `offer(${n})`,
      live: ({ high, low }) => {
        high.offer(n);
        low.offer(n);
      },
      model: (model) => {
        model.high = Math.max(model.high ?? n, n);
        model.low = Math.min(model.low ?? n, n);
      },
    }),
  ),
  fc.array(fc.constantFrom("x", "y", "z"), { maxLength: 2 }).map(
    (words): Action => ({
      name: `words.merge(${words})`,
      live: ({ words: field }) => field.merge(words),
      model: (model) => {
        model.words.push(...words);
      },
    }),
  ),
);

/** The bodies of some attempts; `behind` is how many commits an attempt had not seen when it ran. */
const bodies = fc.array(fc.record({ actions: fc.array(action, { maxLength: 12 }), behind: fc.nat(3) }), {
  maxLength: 12,
});
type Bodies = typeof bodies extends fc.Arbitrary<infer B> ? B : never;

interface History {
  readonly deltas: readonly SequencedDelta[];
  /** By sequence. */
  readonly states: readonly ContextState[];
  /** By sequence, what the model reads. */
  readonly models: readonly unknown[];
}

/** Runs the bodies, each on the context as of some commits ago, and commits them one after the other. */
function commitAll(all: Bodies): History {
  const states = [initialState(shape)];
  const model = emptyModel();
  const models = [readModel(model)];
  const deltas: SequencedDelta[] = [];
  for (const [at, { actions, behind }] of all.entries()) {
    const newest = states.length - 1;
    const latest = stateAt(states, newest);
    const base = stateAt(states, Math.max(0, newest - behind));
    const stamp = { item: `item-${at % 3}`, epoch: at, at: 1_000 + at };
    const attempt = openContext(shape, base, stamp);
    for (const { live } of actions) {
      live(attempt.live as Live);
    }
    attempt.close();
    const isConflict = attempt.updates().some((number) => base.fields[number] !== latest.fields[number]);
    const rebased = isConflict ? attempt.rebase(latest) : undefined;
    expect(rebased?.kind).not.toBe("stale");
    const delta = attempt.delta() ?? [];
    const sequenced = { sequence: states.length, ...stamp, delta: decodeDelta(encodeDelta(delta)) };
    deltas.push(sequenced);
    states.push(applyDelta(shape, latest, sequenced.delta, sequenced));
    let index = 0;
    for (const change of actions) {
      change.model(model, { ...stamp, next: () => index++ });
    }
    models.push(readModel(model));
  }
  return { deltas, states, models };
}

const stateAt = (states: readonly ContextState[], at: number) => states[at] ?? initialState(shape);
const lastOf = ({ states }: History) => stateAt(states, states.length - 1);

function readModel(model: Model): unknown {
  return {
    region: model.region,
    status: model.status,
    log: [...model.log],
    total: model.total,
    seen: [...model.seen.values()],
    notes: [...model.notes],
    high: model.high,
    low: model.low,
    words: [...model.words],
  };
}

/** Everything that can be read, through the accessors that readers and nodes share. */
function readAll(view: Pick<Live, keyof Live> | ReturnType<typeof contextView<FieldsOf<typeof Everything>>>): unknown {
  return {
    region: view.region.value,
    status: view.status.value,
    log: [...view.log],
    total: view.total.value,
    seen: [...view.seen],
    notes: [...view.notes],
    high: view.high.value,
    low: view.low.value,
    words: view.words.value,
  };
}

const read = (state: ContextState) => readAll(contextView<FieldsOf<typeof Everything>>(shape, state, 0));

describe("folding", () => {
  test("concurrent attempts give what their changes give one after the other, in commit order", () => {
    fc.assert(
      fc.property(bodies, (all) => {
        const { states, models } = commitAll(all);
        expect(states.map(read)).toEqual(models);
      }),
      { numRuns: 400 },
    );
  });

  test("an attempt sees exactly what folding its delta gives", () => {
    fc.assert(
      fc.property(bodies, fc.array(action, { maxLength: 200 }), (all, actions) => {
        const base = lastOf(commitAll(all));
        const stamp = { item: "own", epoch: 1, at: 5 };
        const attempt = openContext(shape, base, stamp);
        for (const { live } of actions) {
          live(attempt.live as Live);
        }
        const committed = applyDelta(shape, base, attempt.delta() ?? [], stamp);
        expect(readAll(attempt.live as Live)).toEqual(read(committed));
      }),
      { numRuns: 100 },
    );
  });

  test("old states stay valid and unchanged, also where two grow from the same one", () => {
    fc.assert(
      fc.property(bodies, (all) => {
        const { deltas, states, models } = commitAll(all);
        // Every delta once more on every state: forks everywhere, all of them dropped.
        for (const state of states) {
          for (const next of deltas) {
            applyDelta(shape, state, next.delta, { ...next, item: "fork" });
          }
        }
        expect(states.map(read)).toEqual(models);
      }),
      { numRuns: 60 },
    );
  });

  test("deltas delivered again, in overlapping pieces, change nothing", () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.tuple(fc.nat(12), fc.nat(12)), { maxLength: 6 }), (all, pieces) => {
        const history = commitAll(all);
        let folded: FoldedContext = { state: initialState(shape), sequence: 0 };
        for (const [from, length] of [...pieces, [0, history.deltas.length] as const]) {
          const start = Math.min(from, folded.sequence);
          folded = foldDeltas(shape, folded, history.deltas.slice(start, Math.max(start + length, start)));
          expect(read(folded.state)).toEqual(read(stateAt(history.states, folded.sequence)));
        }
        expect(folded.sequence).toBe(history.deltas.length);
        expect(foldDeltas(shape, folded, history.deltas)).toEqual(folded);
        expect(foldDeltas(shape, folded, history.deltas).state).toBe(folded.state);
      }),
      { numRuns: 100 },
    );
  });

  test("the empty delta is the identity, and folding is associative over how deltas are grouped", () => {
    fc.assert(
      fc.property(bodies, fc.nat(), (all, seed) => {
        const { deltas, states } = commitAll(all);
        const cut = deltas.length === 0 ? 0 : seed % deltas.length;
        const start = { state: initialState(shape), sequence: 0 };
        const whole = foldDeltas(shape, start, deltas);
        const parts = foldDeltas(shape, foldDeltas(shape, start, deltas.slice(0, cut)), deltas.slice(cut));
        expect(read(parts.state)).toEqual(read(whole.state));
        for (const state of states) {
          expect(applyDelta(shape, state, [], { item: "i", epoch: 1, at: 1 })).toBe(state);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("two deltas of one commit equal their concatenation, event ids included", () => {
    fc.assert(
      fc.property(bodies, bodies, (before, after) => {
        const base = lastOf(commitAll(before));
        const deltas = commitAll(after).deltas.map(({ delta }) => delta);
        const stamp = { item: "i", epoch: 1, at: 9 };
        const one = applyDelta(shape, base, deltas.flat(), stamp);
        const many = deltas.reduce((state, delta) => applyDelta(shape, state, delta, stamp), base);
        expect(read(one)).toEqual(read(many));
      }),
      { numRuns: 60 },
    );
  });

  test("a gap in the sequence is refused as corruption", () => {
    const delta: Delta = [["total", "add", 1]];
    const at = (sequence: number) => ({ sequence, item: "i", epoch: 1, at: 1, delta });
    const folded = { state: initialState(shape), sequence: 0 };
    expect(() => foldDeltas(shape, folded, [at(1), at(3)])).toThrow(
      expect.objectContaining({ code: "BACKEND_CORRUPT", message: expect.stringContaining("delta 2 is missing") }),
    );
  });

  test("the estimate of memory follows what comes and goes", () => {
    fc.assert(
      fc.property(bodies, (all) => {
        const { states, deltas } = commitAll(all);
        const again = foldDeltas(shape, { state: initialState(shape), sequence: 0 }, deltas);
        expect(bytesOf(again.state)).toBe(bytesOf(stateAt(states, states.length - 1)));
        const snapshot = decodeSnapshot(shape, encodeSnapshot(shape, again.state));
        expect(snapshot && bytesOf(snapshot)).toBe(bytesOf(again.state));
      }),
      { numRuns: 60 },
    );
  });
});

describe("what commutes", () => {
  const commutative = ["total", "high", "low"];
  test("counters and extremes do not depend on the order of commits", () => {
    fc.assert(
      fc.property(bodies, (all) => {
        const { deltas } = commitAll(all);
        const parts = deltas.map(({ delta }) => delta.filter(([name]) => commutative.includes(name)));
        const stamp = { item: "i", epoch: 1, at: 9 };
        const fold = (some: readonly Delta[]) =>
          read(some.reduce((state, delta) => applyDelta(shape, state, delta, stamp), initialState(shape)));
        expect(fold(parts.toReversed())).toEqual(fold(parts));
      }),
      { numRuns: 100 },
    );
  });

  test("event logs hold the same events, each once, whatever the order of commits", () => {
    fc.assert(
      fc.property(bodies, (all) => {
        const { deltas } = commitAll(all);
        const ids = (some: readonly SequencedDelta[]) => {
          const state = some.reduce((before, next) => applyDelta(shape, before, next.delta, next), initialState(shape));
          const { log } = contextView<FieldsOf<typeof Everything>>(shape, state, 0);
          return Array.from(log, ({ id }) => id).sort();
        };
        expect(ids(deltas.toReversed())).toEqual(ids(deltas));
        expect(new Set(ids(deltas)).size).toBe(ids(deltas).length);
      }),
      { numRuns: 60 },
    );
  });
});

describe("snapshots and forks", () => {
  test("a snapshot comes back equal in everything that can be read, and folds on the same", () => {
    fc.assert(
      fc.property(bodies, fc.nat(), (all, seed) => {
        const { deltas, states, models } = commitAll(all);
        const at = seed % states.length;
        const restored = decodeSnapshot(shape, encodeSnapshot(shape, stateAt(states, at)));
        const state = restored ?? initialState(shape);
        expect(read(state)).toEqual(models[at]);
        expect(encodeSnapshot(shape, state)).toEqual(encodeSnapshot(shape, stateAt(states, at)));
        expect(read(foldDeltas(shape, { state, sequence: at }, deltas).state)).toEqual(models.at(-1));
      }),
      { numRuns: 100 },
    );
  });

  test("a fork starts with the same context, ids and times of events included, but for what is edited", () => {
    fc.assert(
      fc.property(bodies, (all) => {
        const state = lastOf(commitAll(all));
        const start = (delta: Delta) =>
          read(applyDelta(shape, initialState(shape), decodeDelta(encodeDelta(delta)), { item: "f", epoch: 0, at: 1 }));
        expect(start(encodeFork(shape, state))).toEqual(read(state));
        expect(start(encodeFork(shape, state, { total: 7, seen: ["only"] }))).toEqual({
          ...(read(state) as object),
          total: 7,
          seen: ["only"],
        });
      }),
      { numRuns: 60 },
    );
  });
});
