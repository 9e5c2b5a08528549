/**
 * A local stand-in for a language model: it reads the transcript and answers with either a tool call or a final answer.
 * It follows rules instead of weights and calls nobody, so that the example runs anywhere and always the same way.
 */

/** What was said so far, in order. */
export type Turn =
  | { readonly from: "user"; readonly text: string }
  | { readonly from: "model"; readonly text: string }
  | { readonly from: "tool"; readonly tool: string; readonly result: number };

/** What the model wants next. */
export type Decision =
  | { readonly type: "call"; readonly tool: "distance" | "divide"; readonly values: (string | number)[] }
  | { readonly type: "answer"; readonly text: string };

/** The next step, given everything so far. A real model would be asked here, over the network, by the same signature. */
export async function decide(transcript: readonly Turn[], signal: AbortSignal): Promise<Decision> {
  signal.throwIfAborted();
  const question = transcript.find((turn) => turn.from === "user")?.text ?? "";
  const [, from, to, speed] = /from (\w+) to (\w+) at (\d+) km\/h/.exec(question) ?? [];
  if (from === undefined || to === undefined || speed === undefined) {
    return { type: "answer", text: "I can only tell how long a journey takes." };
  }
  const results = transcript.flatMap((turn) => (turn.from === "tool" ? [turn] : []));
  const distance = results.find(({ tool }) => tool === "distance")?.result;
  if (distance === undefined) return { type: "call", tool: "distance", values: [from, to] };
  const hours = results.find(({ tool }) => tool === "divide")?.result;
  if (hours === undefined) return { type: "call", tool: "divide", values: [distance, Number(speed)] };
  return { type: "answer", text: `${from} to ${to} is ${distance} km: ${hours} h at ${speed} km/h.` };
}
