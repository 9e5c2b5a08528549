/**
 * A persistent vector: appending and replacing give a new vector and leave the old one as it was, at the cost of one
 * path of a wide tree and not of the whole. Two vectors grown from the same one never see each other's elements. It
 * refuses to shrink; who removes, writes a hole and builds anew when there are too many. After Bagwell's tries, as in
 * Clojure. Invariant: every leaf in the tree is full; only the tail, kept outside of it, may be shorter.
 */

const BITS = 5;
const WIDTH = 1 << BITS;
const MASK = WIDTH - 1;

/** Elements by position, from 0. Values of this type are immutable. */
export interface Vector<T> {
  readonly length: number;
  /** Bits of a position that the levels below the root take. */
  readonly shift: number;
  readonly root: Branch<T>;
  readonly tail: readonly T[];
}

interface Branch<T> {
  readonly children: readonly (Branch<T> | Leaf<T>)[];
}

interface Leaf<T> {
  readonly elements: readonly T[];
}

/** A vector without elements. */
export function emptyVector<T>(): Vector<T> {
  return { length: 0, shift: BITS, root: { children: [] }, tail: [] };
}

/** The vector with `elements` after its own. Costs about the number of elements added. */
export function appendTo<T>(vector: Vector<T>, elements: Iterable<T>): Vector<T> {
  let { length, shift, root } = vector;
  let tail = [...vector.tail];
  for (const element of elements) {
    if (tail.length === WIDTH) {
      const full = length - WIDTH;
      if (full >= WIDTH << shift) {
        root = { children: [root, chain(shift, { elements: tail })] };
        shift += BITS;
      } else {
        root = hang(root, shift, full, { elements: tail });
      }
      tail = [];
    }
    tail.push(element);
    length += 1;
  }
  return { length, shift, root, tail };
}

/** The vector with the element at an existing position replaced. */
export function replaceAt<T>(vector: Vector<T>, position: number, element: T): Vector<T> {
  const start = vector.length - vector.tail.length;
  if (position >= start) {
    return { ...vector, tail: vector.tail.with(position - start, element) };
  }
  return { ...vector, root: replaceIn(vector.root, vector.shift, position, element) };
}

/** The element at a position; `undefined` outside of the vector. */
export function elementAt<T>(vector: Vector<T>, position: number): T | undefined {
  if (position < 0 || position >= vector.length) {
    return undefined;
  }
  const start = vector.length - vector.tail.length;
  if (position >= start) {
    return vector.tail[position - start];
  }
  let node: Branch<T> | Leaf<T> | undefined = vector.root;
  let shift = vector.shift;
  while (node !== undefined && "children" in node) {
    node = node.children[(position >>> shift) & MASK];
    shift -= BITS;
  }
  return node?.elements[position & MASK];
}

/** The elements in order. */
export function* elementsOf<T>(vector: Vector<T>): Generator<T, void> {
  yield* elementsUnder(vector.root);
  yield* vector.tail;
}

function* elementsUnder<T>(node: Branch<T> | Leaf<T>): Generator<T, void> {
  if ("elements" in node) {
    yield* node.elements;
    return;
  }
  for (const child of node.children) {
    yield* elementsUnder(child);
  }
}

/** A branch of the given height that holds one leaf. */
function chain<T>(shift: number, leaf: Leaf<T>): Branch<T> | Leaf<T> {
  return shift === 0 ? leaf : { children: [chain(shift - BITS, leaf)] };
}

/** The branch with a full leaf added for the positions from `position`. */
function hang<T>(branch: Branch<T>, shift: number, position: number, leaf: Leaf<T>): Branch<T> {
  const slot = (position >>> shift) & MASK;
  const child = branch.children[slot];
  if (child === undefined || "elements" in child) {
    return { children: [...branch.children, chain(shift - BITS, leaf)] };
  }
  return { children: branch.children.with(slot, hang(child, shift - BITS, position, leaf)) };
}

function replaceIn<T>(branch: Branch<T>, shift: number, position: number, element: T): Branch<T> {
  const slot = (position >>> shift) & MASK;
  const child = branch.children[slot];
  if (child === undefined) {
    throw new RangeError(`no element at position ${position}`);
  }
  const replaced =
    "elements" in child
      ? { elements: child.elements.with(position & MASK, element) }
      : replaceIn(child, shift - BITS, position, element);
  return { children: branch.children.with(slot, replaced) };
}
