/**
 * The logger that a part of the engine works with: the one it was given, made harmless, or what `MILLRACE_LOG` asks
 * for, or none. Silent unless somebody asked. Invariant: what it gives never throws.
 */

import { env, stderr } from "node:process";
import { MillraceError } from "../core/errors.ts";
import { type Logger, silentLogger, systemClock } from "../core/ports.ts";
import { consoleLogger } from "./console-logger.ts";
import { readLogLevel } from "./log-level.ts";
import { isPino, pinoLogger } from "./pino-logger.ts";

/** Throws `INVALID_CONFIG` for what is no logger. */
export function loggerFor(given: Logger | undefined): Logger {
  if (given === undefined) return environmentLogger();
  checkLogger(given);
  return harmless(isPino(given) ? pinoLogger(given) : given);
}

const complained = new Set<string>();

function environmentLogger(): Logger {
  const { level, complaint } = readLogLevel(env.MILLRACE_LOG);
  if (level === "silent") return silentLogger;
  const logger = consoleLogger({ level, stream: stderr, environment: env, clock: systemClock });
  if (complaint !== undefined && !complained.has(complaint)) {
    complained.add(complaint);
    logger.warn(complaint);
  }
  return logger;
}

function checkLogger(given: unknown): void {
  const isObject = (typeof given === "object" || typeof given === "function") && given !== null;
  const missing = SEVERITIES.filter((severity) => !isObject || typeof Reflect.get(given, severity) !== "function");
  if (missing.length === 0) return;
  throw new MillraceError("INVALID_CONFIG", `logger must have the methods ${SEVERITIES.join(", ")}`, {
    hints: ["Pass console, a pino logger, or pinoLogger(yours) for another that takes the data before the message."],
  });
}

const SEVERITIES = ["debug", "info", "warn", "error"] as const;

/** A logger that fails loses lines; it must not cost an attempt or a worker. */
function harmless(logger: Logger): Logger {
  const at =
    (severity: (typeof SEVERITIES)[number]): Logger["info"] =>
    (message, data) => {
      try {
        logger[severity](message, data);
      } catch {
        // There is nowhere left to say so.
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
