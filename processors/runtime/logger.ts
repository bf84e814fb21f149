/**
 * Logs of a role: JSON lines for machines; in a terminal pretty lines, each led by the emoji of its kind. Whole
 * payloads, signatures and secrets are never passed here.
 */
import { type Logger, type LoggerOptions, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type Log = Logger;

/** The kinds of the original system (architecture §5); a line names its kind in the field `kind`. */
export const EMOJI = {
  start: '🚀',
  success: '✅',
  failure: '❌',
  database: '💾',
  user: '👤',
  payment: '💰',
  wallet: '🏦',
  network: '🌐',
  endpoint: '🎯',
  status: '📊',
  ids: '🆔',
  retry: '🔄',
  completion: '🎉',
} as const;

export type LogKind = keyof typeof EMOJI;

export interface LoggerSettings {
  readonly role: string;
  readonly level: string;
  /** Pretty lines; by default when standard output is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go instead of standard output (tests). */
  readonly write?: (line: string) => void;
}

const PINO_ERROR = 50;
const PINO_WARN = 40;

export function createLogger(settings: LoggerSettings): Log {
  const options: LoggerOptions = {
    level: settings.level,
    base: { role: settings.role },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    // A value that cannot be written down must not fail the work that it tells of.
    hooks: {
      logMethod(line, write) {
        try {
          write.apply(this, line);
        } catch (error) {
          write.call(this, { err: error }, 'a line could not be logged');
        }
      },
    },
    // A last line of defence; nobody should log these in the first place.
    redact: {
      paths: ['*.secret', '*.password', '*.apiKey', '*.privateKey', '*.signature', '*.authorization'],
      remove: true,
    },
  };
  const write = settings.write ?? ((line: string) => void process.stdout.write(line));
  if (!(settings.pretty ?? process.stdout.isTTY)) return pino(options, { write });
  const { formatters: _labels, timestamp: _iso, ...plain } = options;
  const toPretty = prettyFactory({
    colorize: settings.write === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,role,kind',
    messageFormat: (line, messageKey) => `${emojiOf(line)} ${line.role}: ${line[messageKey]}`,
  });
  return pino(plain, { write: (line) => write(toPretty(line)) });
}

/** The emoji of the line's kind; without a kind, what its level says. */
export function emojiOf(line: Record<string, unknown>): string {
  const kind = line.kind;
  if (typeof kind === 'string' && kind in EMOJI) return EMOJI[kind as LogKind];
  const level = typeof line.level === 'number' ? line.level : 0;
  if (level >= PINO_ERROR) return EMOJI.failure;
  return level >= PINO_WARN ? EMOJI.retry : EMOJI.status;
}
