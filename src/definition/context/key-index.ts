/**
 * A persistent index from strings to numbers: adding gives a new index and leaves the old one as it was, at the cost of
 * one path of a wide search tree. A tree and not a table of hashes, since keys come from outside and nobody must be able
 * to choose them so that they collide. It refuses to remove; a key that means nothing any more is pointed elsewhere.
 * Invariant: keys ascend within a node, and a branch has one separator less than children.
 */

/** The most keys of a leaf and children of a branch. */
const WIDTH = 32;

/** Numbers by key. Values of this type are immutable. */
export type KeyIndex = IndexLeaf | IndexBranch;

interface IndexLeaf {
  readonly keys: readonly string[];
  readonly values: readonly number[];
}

interface IndexBranch {
  /** The smallest key that may be under the child after it. */
  readonly separators: readonly string[];
  readonly children: readonly KeyIndex[];
}

/** What became of a node: one node, or two and the smallest key of the second. */
type Grown = readonly [KeyIndex] | readonly [KeyIndex, string, KeyIndex];

/** An index without keys. */
export function emptyIndex(): KeyIndex {
  return { keys: [], values: [] };
}

/** The number of a key. */
export function numberOf(index: KeyIndex, key: string): number | undefined {
  let node = index;
  while ("children" in node) {
    const child: KeyIndex | undefined = node.children[countUpTo(node.separators, key)];
    if (child === undefined) {
      return undefined;
    }
    node = child;
  }
  const after = countUpTo(node.keys, key);
  return node.keys[after - 1] === key ? node.values[after - 1] : undefined;
}

/** The index with the key leading to `value`, whether it was known or not. */
export function pointTo(index: KeyIndex, key: string, value: number): KeyIndex {
  const [left, separator, right] = grow(index, key, value);
  return separator === undefined || right === undefined ? left : { separators: [separator], children: [left, right] };
}

function grow(node: KeyIndex, key: string, value: number): Grown {
  return "children" in node ? growBranch(node, key, value) : growLeaf(node, key, value);
}

function growLeaf(leaf: IndexLeaf, key: string, value: number): Grown {
  const at = countUpTo(leaf.keys, key);
  if (leaf.keys[at - 1] === key) {
    return [{ keys: leaf.keys, values: leaf.values.with(at - 1, value) }];
  }
  const keys = leaf.keys.toSpliced(at, 0, key);
  const values = leaf.values.toSpliced(at, 0, value);
  if (keys.length <= WIDTH) {
    return [{ keys, values }];
  }
  // Keys that ascend, such as dates and counters, fill their leaves instead of leaving halves behind.
  const half = at === leaf.keys.length ? at : keys.length >>> 1;
  const left = { keys: keys.slice(0, half), values: values.slice(0, half) };
  const right = { keys: keys.slice(half), values: values.slice(half) };
  return [left, right.keys[0] ?? key, right];
}

function growBranch(branch: IndexBranch, key: string, value: number): Grown {
  const at = countUpTo(branch.separators, key);
  const child = branch.children[at];
  if (child === undefined) {
    throw new RangeError("an index branch lacks a child");
  }
  const [left, separator, right] = grow(child, key, value);
  if (separator === undefined || right === undefined) {
    return [{ separators: branch.separators, children: branch.children.with(at, left) }];
  }
  const separators = branch.separators.toSpliced(at, 0, separator);
  const children = branch.children.toSpliced(at, 1, left, right);
  const middle = children.length >>> 1;
  const lifted = separators[middle - 1];
  if (children.length <= WIDTH || lifted === undefined) {
    return [{ separators, children }];
  }
  return [
    { separators: separators.slice(0, middle - 1), children: children.slice(0, middle) },
    lifted,
    { separators: separators.slice(middle), children: children.slice(middle) },
  ];
}

/** How many of the ascending keys are not greater than `key`. */
function countUpTo(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = keys[middle];
    if (candidate !== undefined && candidate <= key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
