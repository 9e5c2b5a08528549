/**
 * Loggers that take the data before the message, as pino, bunyan and their likes do. It turns the order around and adds
 * nothing: levels, redaction and destinations are the logger's own.
 */

import type { Logger } from "../core/ports.ts";

type DataFirst = (data: object, message: string) => void;

/** A logger in the manner of pino: the data, then the message. */
export interface PinoLike {
  debug: DataFirst;
  info: DataFirst;
  warn: DataFirst;
  error: DataFirst;
}

/**
 * Passes lines on to a logger that takes the data first. A pino logger itself is known as one where a `logger` is taken;
 * this is for its likes. What it throws, this throws.
 */
export function pinoLogger(pino: PinoLike): Logger {
  return {
    debug: (message, data = {}) => pino.debug(data, message),
    info: (message, data = {}) => pino.info(data, message),
    warn: (message, data = {}) => pino.warn(data, message),
    error: (message, data = {}) => pino.error(data, message),
  };
}

/** Public in pino, so that loggers of different versions know each other. */
const PINO = Symbol.for("pino.serializers");

/** Whether this is a logger of pino itself, or a child of one. */
export function isPino(logger: object): logger is PinoLike {
  return PINO in logger;
}
