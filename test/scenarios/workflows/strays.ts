/**
 * Bodies that fail in every way that is no proper error, each in a branch of its own beside healthy ones: promises left
 * behind and rejected, and things thrown that nobody can handle with care. The join tells what became of each.
 */

import { setTimeout as passed } from "node:timers/promises";
import { join, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";

/** What a body does. */
export const MISDEEDS = [
  "nothing",
  "reject null",
  "reject an error",
  "reject later",
  "throw null",
  "throw undefined",
  "throw text",
  "throw a symbol",
  "throw a trap",
  "throw an error without a message",
  "reject a trap",
  "return nothing",
  "return a broken promise",
] as const;

export type Misdeed = (typeof MISDEEDS)[number];

/** Throws whatever is done to it. */
function trap(): unknown {
  const refuse = (): never => {
    throw new RangeError("do not touch");
  };
  return new Proxy(
    {},
    { get: refuse, has: refuse, ownKeys: refuse, getPrototypeOf: refuse, getOwnPropertyDescriptor: refuse },
  );
}

function raise(thrown: unknown): never {
  throw thrown;
}

/** An error whose every property throws. */
function hostileError(): Error {
  const error = new Error("unseen");
  for (const name of ["message", "name", "stack", "cause", "code"]) {
    Object.defineProperty(error, name, { get: () => raise(new RangeError("do not look")) });
  }
  return error;
}

async function misbehave(misdeed: Misdeed): Promise<unknown> {
  switch (misdeed) {
    case "nothing":
      return undefined;
    case "reject null":
      void Promise.reject(null);
      return undefined;
    case "reject an error":
      void Promise.reject(new TypeError("left behind"));
      return undefined;
    case "reject later":
      void passed(10).then(() => raise(new TypeError("left behind")));
      return undefined;
    case "reject a trap":
      void Promise.reject(trap());
      return undefined;
    case "throw null":
      return raise(null);
    case "throw undefined":
      return raise(undefined);
    case "throw text":
      return raise("just text");
    case "throw a symbol":
      return raise(Symbol("sign"));
    case "throw a trap":
      return raise(trap());
    case "throw an error without a message":
      return raise(hostileError());
    case "return nothing":
      return "nothing";
    case "return a broken promise":
      return Promise.reject("broken");
  }
}

/** A body in plain JavaScript may return what no compiler would let pass. */
const nothing = [].at(0) as never;

interface Fate {
  readonly misdeed: Misdeed;
  readonly became: string;
  readonly message: string;
}

const scatter = node({
  input: unchecked<readonly Misdeed[]>(),
  run: ({ input }) => nextAll(input.map((misdeed) => ({ misdeed }))),
});

const act = node({
  input: unchecked<{ readonly misdeed: Misdeed }>(),
  retry: false,
  async run({ input: { misdeed } }) {
    const transition = next({ misdeed, became: "completed", message: "" });
    const instead = await misbehave(misdeed);
    await passed(50);
    return instead === "nothing" ? nothing : transition;
  },
});

const bury = node({
  input: unchecked<{ readonly misdeed: Misdeed }>(),
  run: ({ input: { misdeed }, error }) =>
    next({ misdeed, became: error?.code ?? "without a code", message: error?.message ?? "" }),
});

const collect = join({ of: "scatter", input: unchecked<Fate>(), run: ({ inputs }) => next([...inputs]) });

export const strays = workflow({
  name: "strays",
  version: "1.0.0",
  nodes: { scatter, act, bury, collect },
  start: "scatter",
  edges: { scatter: "act", act: { to: "collect", onFailure: "bury" }, bury: "collect", collect: [] },
});
