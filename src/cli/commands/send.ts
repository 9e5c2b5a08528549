/** `millrace send`: sends an event, to the runs that wait for it or to the first that will. */

import type { Command } from "commander";
import { DistributedOrchestrator, type SendResult } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { readJsonOption } from "../input/json-input.ts";
import { jsonLine } from "../output/json-output.ts";
import { plainLine } from "../output/plain-text.ts";
import { onExistingStore } from "../store.ts";

interface SendOptions extends CommonOptions {
  readonly key: string;
  readonly payload?: string | undefined;
  readonly id?: string | undefined;
}

export function sendCommand(run: Run): Command {
  return describeCommand({
    name: "send",
    summary: "Send an event to the runs that wait for it",
    details:
      "Every run that waits for the event and the key takes it; if there is none, it is kept for the first that comes. With --id, sending twice is sending once.",
    examples: [
      [`send order.paid --key o-1 --payload '{"amount":12}'`, "Tell the run of an order that it is paid"],
      ["send order.paid --key o-1 --payload @paid.json --id message-17", "Once, however often this is typed"],
    ],
  })
    .argument("<event>", "name of the event")
    .requiredOption("--key <key>", "which of the events of this name, such as the id of an order")
    .option("--payload <json>", "the payload: JSON, @FILE, or - for standard input (default: null)")
    .option("--id <id>", "an id of the sender's: a second event under it has no effect")
    .action(acting(run, (event: string, options: SendOptions) => send(run, event, options)));
}

async function send({ around }: Run, event: string, options: SendOptions): Promise<void> {
  const { key, id } = options;
  const payload = options.payload === undefined ? null : await readJsonOption("--payload", options.payload, around);
  await onExistingStore(options, around, async (backend) => {
    const result = await new DistributedOrchestrator({ backend }).sendEvent(event, { key, payload, id });
    around.out.line(options.json === true ? jsonLine({ event, key, id, ...result }) : plainLine(told(event, result)));
  });
}

function told(event: string, { outcome, waits }: SendResult): string {
  switch (outcome) {
    case "delivered":
      return `${event} was taken by ${waits} ${waits === 1 ? "wait" : "waits"}`;
    case "buffered":
      return `${event} is kept: nobody waits for it yet`;
    case "duplicate":
      return `${event} was sent under this id before`;
  }
}
