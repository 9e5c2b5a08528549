/**
 * Extract, transform, load over the CSV files in `data`: one item per file, one per batch of rows, customers looked up,
 * wrong rows set aside with their reason, and one join that writes the result. It runs in this process and saves a
 * checkpoint after every step into `.millrace` of the current folder: killed and started again, it goes on where it was.
 *
 *     node examples/csv-etl/main.ts
 *
 *     extract ─► readOrders ─► transform ─► load
 */

import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { connect, context, field, join, next, nextAll, node, runWithCheckpoint, unchecked, workflow } from "millrace";
import { z } from "zod";
import { type CsvRecord, readCsv } from "./csv.ts";

const BATCH = 2;

/** What one row of `orders-*.csv` has to be. Text comes in, an amount in cents comes out. */
const OrderRow = z.object({
  order: z.string().regex(/^\d+$/, "is no number"),
  customer: z.string(),
  day: z.iso.date("is no date"),
  amount: z
    .string("is missing")
    .regex(/^[\d,]+(\.\d\d)?$/, "is no amount")
    .transform((text) => Math.round(Number(text.replaceAll(",", "")) * 100)),
});
const CustomerRow = z.object({ id: z.string(), name: z.string(), country: z.string() });

const Job = context({
  countries: field.map<string>(),
  rejected: field.eventLog<string>(),
  rows: field.counter(),
});

type Row = CsvRecord & { readonly file: string };
type Sale = { country: string; month: string; cents: number };

const extract = node({
  context: Job,
  input: z.object({ folder: z.string() }),
  async run({ input: { folder }, context }) {
    for (const { fields } of readCsv(await readFile(`${folder}/customers.csv`, "utf8"))) {
      const { id, country } = CustomerRow.parse(fields);
      context.countries.set(id, country);
    }
    const names = await readdir(folder);
    const files = names.filter((name) => name.startsWith("orders-")).sort();
    return nextAll(files.map((file) => ({ folder, file })));
  },
});

const readOrders = node({
  context: Job,
  input: unchecked<{ folder: string; file: string }>(),
  retry: { maxAttempts: 3, initialBackoff: "100ms" },
  async run({ input: { folder, file }, context }) {
    const rows: Row[] = readCsv(await readFile(`${folder}/${file}`, "utf8")).map((record) => ({ ...record, file }));
    context.rows.add(rows.length);
    const starts = Array.from({ length: Math.ceil(rows.length / BATCH) }, (_, at) => at * BATCH);
    return nextAll(starts.map((start) => rows.slice(start, start + BATCH)));
  },
});

const transform = node({
  context: Job,
  input: unchecked<Row[]>(),
  run({ input, context }) {
    const sales: Sale[] = [];
    for (const { file, line, fields } of input) {
      const { data, error } = OrderRow.safeParse(fields);
      const country = data && context.countries.get(data.customer);
      if (data !== undefined && country !== undefined) {
        sales.push({ country, month: data.day.slice(0, 7), cents: data.amount });
      } else {
        const problem = error?.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join(", ");
        context.rejected.append(`${file}:${line}: ${problem ?? `there is no customer ${data?.customer}`}`);
      }
    }
    return next(sales);
  },
});

/** The batches of all files, in their order: `readOrders` opens no group of its own, since no join names it. */
const load = join({
  of: "extract",
  input: unchecked<Sale[]>(),
  async run({ inputs }) {
    const totals = new Map<string, number>();
    for (const { month, country, cents } of inputs.flat()) {
      const key = `${month},${country}`;
      totals.set(key, (totals.get(key) ?? 0) + cents);
    }
    const lines = [...totals].sort().map(([key, cents]) => `${key},${(cents / 100).toFixed(2)}`);
    // This body may run twice; the second file replaces the first, whole.
    await writeFile("sales.csv.part", `month,country,revenue\n${lines.join("\n")}\n`);
    await rename("sales.csv.part", "sales.csv");
    return next(lines);
  },
});

const etl = workflow({
  name: "csv-etl",
  version: "1.0.0",
  context: Job,
  nodes: { extract, readOrders, transform, load },
  start: "extract",
  edges: { extract: "readOrders", readOrders: "transform", transform: "load", load: [] },
});

await using backend = await connect();
const folder = fileURLToPath(new URL("data", import.meta.url));
const { output, context: job } = await runWithCheckpoint(
  etl,
  { folder },
  { store: backend.checkpoints, id: "csv-etl" },
);
for (const line of output) console.log(line);
console.log(`${job.rows.value} rows, ${job.rejected.length} rejected:`);
for (const problem of [...job.rejected.events].sort()) console.log(problem);
