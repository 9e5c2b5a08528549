/**
 * The type of what a node may emit, as far as inference goes. The constraint accepts every type; it is written so that
 * literals stay literal ("paid" stays "paid", for unions downstream) without arrays becoming readonly tuples. Whether a
 * value can be stored is decided at run time, by `core/values.ts`.
 */

type Literals = string | number | boolean | null | undefined | Literals[] | { [key: string]: Literals };

/** Every type, with literals kept. */
export type Emittable = Literals | NonNullable<unknown> | null | undefined;
