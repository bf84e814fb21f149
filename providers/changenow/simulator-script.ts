/**
 * What `POST /_control/script` may say about orders to come. Unknown words are refused: a test whose fault
 * has a typing error would pass for the wrong reason.
 */
import { z } from 'zod';
import type { json } from '../http.ts';
import type { SwapPair } from './swap.ts';

const amount = z.string().regex(/^\d+(\.\d+)?$/, 'exact decimal text');
const wait = z.number().int().min(0).max(86_400_000);
const overrides = z.record(z.string(), z.unknown());

const MATCH = z.strictObject({
  fromCurrency: z.string().optional(),
  fromNetwork: z.string().optional(),
  toCurrency: z.string().optional(),
  toNetwork: z.string().optional(),
  reference: z.string().optional(),
  payoutAddress: z.string().optional(),
});

const PLAN = z.strictObject({
  /** 1 = what the rate says; 0.996 = 0.4 % less received. */
  ratio: amount.default('1'),
  outcome: z.enum(['finish', 'refund', 'fail', 'hold']).default('finish'),
  /** Share of the deposit that a refund gives back. */
  refundRatio: amount.default('1'),
  /** A held order goes on by itself after this; null: only by `/_control/orders/:id`. */
  holdMs: wait.nullable().default(null),
  /** The word for held: `hold`, or `verifying` as in the documentation. */
  holdStatus: z.string().default('verifying'),
  /** Wait before each status; null = the simulator's pace. */
  delayMs: wait.nullable().default(null),
  /** Statuses of a funded order before its outcome; repeat some for a status that flaps. */
  statuses: z.array(z.string()).default(['confirming', 'exchanging', 'sending']),
  /** Statuses after the outcome, which contradict it. */
  after: z.array(z.strictObject({ status: z.string(), afterMs: wait })).default([]),
  /** Without a deposit the order turns overdue (a later deposit is still taken) or expired (it is not). */
  overdueMs: wait.nullable().default(null),
  expireMs: wait.nullable().default(null),
  /** `none`: says finished, names a hash, and sends nothing. */
  payout: z.enum(['real', 'none']).default('real'),
  /** Fields that answer something else than the truth: in the reply to the order, and by id. */
  reply: overrides.default({}),
  statusReply: overrides.default({}),
  /** Two orders for one request; the reply names the first. */
  duplicate: z.boolean().default(false),
  /** The order is refused: 400 with this code. */
  refuse: z
    .strictObject({
      status: z.number().int().default(400),
      error: z.string(),
      message: z.string().default(''),
    })
    .nullable()
    .default(null),
  addressRefused: z.boolean().default(false),
});

const SCRIPT = z.strictObject({
  match: MATCH.default({}),
  /** How many orders it is for; null = every one. Matching orders before are let through by `skip`. */
  times: z.number().int().min(1).nullable().default(1),
  skip: z.number().int().min(0).default(0),
  ...PLAN.shape,
});

export type Plan = z.infer<typeof PLAN>;
export type Script = z.infer<typeof SCRIPT>;
export interface ScriptSubject extends SwapPair {
  readonly reference: string | null;
  readonly payoutAddress: string;
}

export const NORMAL: Plan = PLAN.parse({});

/** One script or a list of them. @throws z.ZodError */
export function readScripts(body: json.Json | undefined): Script[] {
  const value: unknown = plain(body ?? null);
  return (Array.isArray(value) ? value : [value]).map((one) => SCRIPT.parse(one));
}

/** The plan of an order: the oldest script that matches, which is used up by it. */
export function takePlan(scripts: Script[], subject: ScriptSubject): Plan {
  for (const script of scripts) {
    if (!matches(script, subject)) continue;
    if (script.skip > 0) {
      script.skip -= 1;
      continue;
    }
    if (script.times !== null) {
      script.times -= 1;
      if (script.times === 0) scripts.splice(scripts.indexOf(script), 1);
    }
    const { match: _match, times: _times, skip: _skip, ...plan } = script;
    return plan;
  }
  return NORMAL;
}

function matches(script: Script, subject: ScriptSubject): boolean {
  return Object.entries(script.match).every(([name, wanted]) => {
    const found = subject[name as keyof ScriptSubject];
    return wanted === undefined || (found ?? '').toLowerCase() === wanted.toLowerCase();
  });
}

/** Control bodies hold waits, which are numbers, and amounts, which must be written as text. */
export function plain(value: json.Json): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plain);
  if ('isLosslessNumber' in value) return Number(String(value));
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part as json.Json)]));
}
