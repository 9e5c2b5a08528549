/**
 * One workflow in three versions: the first, a second with other nodes, and a third that has the nodes of the first and
 * takes over its runs. Outputs tell by whose code they were made and along which edges.
 */

import { next, node, unchecked, workflow } from "../../../src/index.ts";

function says(version: string) {
  return node({ input: unchecked<readonly string[]>(), run: ({ input }) => next([...input, version]) });
}

const name = "order";

export const first = workflow({
  name,
  version: "1.0.0",
  nodes: { receive: says("receive by 1"), ship: says("ship by 1") },
  start: "receive",
  edges: { receive: "ship", ship: [] },
});

export const second = workflow({
  name,
  version: "2.0.0",
  nodes: { receive: says("receive by 2"), pay: says("pay by 2") },
  start: "receive",
  edges: { receive: "pay", pay: [] },
});

export const third = workflow({
  name,
  version: "3.0.0",
  compatible: [first],
  nodes: { receive: says("receive by 3"), pay: says("pay by 3"), ship: says("ship by 3") },
  start: "receive",
  edges: { receive: "pay", pay: "ship", ship: [] },
});
