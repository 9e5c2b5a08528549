/**
 * An agent: a model decides, a tool is used, and the result goes back to the model, until it answers. Routes send each
 * kind of decision its own way, a loop leads back, and the transcript is an event log in the shared context, so every
 * step is a committed work item with its own retry. The model is a local stand-in; see `model.ts`.
 *
 *     node examples/agent-loop/main.ts
 *
 *     think ─┬ call ─► useTool ─► (think)
 *            └ answer ─► reply
 */

import { context, field, next, node, run, unchecked, variantBy, workflow } from "millrace";
import { type Decision, decide, type Turn } from "./model.ts";

const Conversation = context({
  transcript: field.eventLog<Turn>(),
  modelCalls: field.counter(),
});

type Call = Extract<Decision, { type: "call" }>;

const think = node({
  context: Conversation,
  input: unchecked<null>(),
  retry: { maxAttempts: 4, initialBackoff: "500ms", jitter: "full" },
  timeout: "2m",
  async run({ context, signal }) {
    context.modelCalls.add();
    const decision = await decide(context.transcript.events, signal);
    // The kind of the variant is the value of `type`, and each route receives the member of the union with that type.
    return next(variantBy("type", decision));
  },
});

const distances: Readonly<Record<string, number>> = { "Basel Bern": 100, "Bern Geneva": 160 };

const useTool = node({
  context: Conversation,
  input: unchecked<Call>(),
  run({ input: { tool, values }, context }) {
    const [a = 0, b = 0] = values;
    const result = tool === "divide" ? Number(a) / Number(b) : (distances[`${a} ${b}`] ?? Number.NaN);
    if (!Number.isFinite(result)) throw new Error(`${tool} has no answer for ${values.join(", ")}`);
    context.transcript.append({ from: "model", text: `${tool}(${values.join(", ")})` });
    context.transcript.append({ from: "tool", tool, result });
    return next(null);
  },
});

const reply = node({
  context: Conversation,
  input: unchecked<Extract<Decision, { type: "answer" }>>(),
  run({ input, context }) {
    context.transcript.append({ from: "model", text: input.text });
    return next(input.text);
  },
});

const agent = workflow({
  name: "agent-loop",
  version: "1.0.0",
  context: Conversation,
  // A loop that does not end is stopped here, with TOO_MANY_ITEMS.
  maxItems: 50,
  nodes: { think, useTool, reply },
  start: "think",
  edges: {
    think: { route: { call: "useTool", answer: "reply" } },
    useTool: "think",
    reply: [],
  },
});

const question = "How long is it from Basel to Bern at 80 km/h?";
const { output, context: conversation } = await run(agent, null, {
  context: { transcript: [{ from: "user", text: question }] },
});
for (const { event } of conversation.transcript) {
  console.log(`${event.from}: ${event.from === "tool" ? event.result : event.text}`);
}
console.log(`${conversation.modelCalls.value} calls of the model`);
console.log(output);
