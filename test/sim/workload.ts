/** Invents clients and their payments by the seed, and knows what must become of each. */
import type { NewClient } from '../../gateway/api/clients.ts';
import type { ClientRow } from '../../ledger/tables.ts';
import { makeOrderId, type OrderMac } from '../../schemas/order-id.ts';
import { orderMac } from '../../schemas/order-mac.ts';
import { partitionOf } from '../../schemas/partition.ts';
import type { ReasonCode } from '../../schemas/reasons.ts';
import { SIM_START } from './clock.ts';
import type { Faults } from './faults.ts';
import type { PaymentScript, PaymentStep } from './providers/nowpayments.ts';
import type { Random } from './random.ts';
import { ORDER_SECRET } from './settings.ts';

/**
 * credited: at the final outcome; refunded: whatever was credited is undone; none: never in the books; either: what is
 * right depends on what comes first, and both are.
 */
export type Fate = 'credited' | 'refunded' | 'none' | 'either';

export interface Expected {
  readonly script: PaymentScript;
  readonly clientId: bigint;
  readonly fate: Fate;
  /** It gets a row in the books, whatever becomes of it: its client exists, and we hold what it brings. */
  readonly isKept: boolean;
  /** The reason with which it must stand in quarantine; null: it must not. */
  readonly parked: ReasonCode | null;
}

export interface Workload {
  readonly clients: readonly ClientRow[];
  /** Nobody pays it anything, and its policy stays as it is; nonsense is told about it. */
  readonly bystander: ClientRow | null;
  /** Registered in the middle, after payments for it came. */
  readonly late: NewClient | null;
  readonly payments: readonly Expected[];
}

/** The last payment begins before this, virtual ms. */
const SPAN_MS = 240_000;

interface Policy {
  readonly strategy: 'instant' | 'threshold';
  readonly threshold: string | null;
  readonly currency: string;
  readonly network: string;
  readonly address: string;
}

const XMR = '4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2684Rge';
const OTHER_XMR =
  '888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H';
const [ONE, TWO, SIX] = ['1', '2', '6'].map((digit) => `0x${digit.repeat(40)}`) as [string, string, string];

const POLICIES: readonly Policy[] = [
  { strategy: 'threshold', threshold: '150.00', currency: 'xmr', network: 'xmr', address: XMR },
  { strategy: 'threshold', threshold: '100.00', currency: 'usdt', network: 'eth', address: TWO },
  {
    strategy: 'instant',
    threshold: null,
    currency: 'btc',
    network: 'btc',
    address: 'bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq',
  },
  { strategy: 'instant', threshold: null, currency: 'eth', network: 'eth', address: ONE },
  { strategy: 'threshold', threshold: '60.00', currency: 'sol', network: 'sol', address: 'sol-wallet-4' },
  { strategy: 'threshold', threshold: '100000.00', currency: 'xmr', network: 'xmr', address: OTHER_XMR },
];

/** Payments that the late client gets. */
const LATE_PAYMENTS = [2, 6] as const;

export function inventWorkload(random: Random, faults: Faults): Workload {
  const clients = POLICIES.slice(0, random.int(3, POLICIES.length)).map((policy, index) =>
    clientOf(random, policy, index),
  );
  const payments: Expected[] = [];
  const count = random.int(20, 60);
  for (let i = 0; i < count; i++) payments.push(inventPayment(random, clients, i, faults));
  const repeats = payments.filter(
    (payment) => payment.fate === 'credited' && faults.strikes('payments', 1 / 6),
  );
  for (const { script, clientId } of repeats) {
    const id = `9${script.id}`;
    const again = {
      ...script,
      id,
      parentId: script.id,
      steps: straight(random, random.int(0, SPAN_MS), outcomeOf(random, script)),
    };
    payments.push({ script: again, clientId, fate: 'credited', isKept: true, parked: null });
  }
  const bystander = faults.strikes('odd-bodies') ? clientOf(random, POLICIES[0]!, BYSTANDER) : null;
  const late = faults.strikes('late-client') ? lateClient(faults.chanceOf('late-client')) : null;
  if (late) payments.push(...latePayments(late, faults.chanceOf('late-client')));
  return { clients, bystander, late, payments };
}

const [BYSTANDER, LATE] = [8, 9];

function lateClient(random: Random): NewClient {
  return {
    clientId: String(clientIdOf(random, LATE)),
    title: 'late channel',
    strategy: 'threshold',
    thresholdUsd: '60.00',
    maxWaitMs: null,
    currency: 'usdt',
    network: 'eth',
    address: SIX,
    memo: null,
    plans: [],
  };
}

function latePayments({ clientId }: NewClient, random: Random): Expected[] {
  return Array.from({ length: random.int(...LATE_PAYMENTS) }, (_, index) => {
    const base = {
      id: String(6_000_000_000 + index),
      orderId: makeOrderId({ client: clientId, random: random.bytes(10), mac: OURS }),
      parentId: null,
      priceUsd: String(random.int(5, 90)),
      outcomeCurrency: random.pick(['eth', 'usdterc20'] as const),
    };
    const steps = straight(random, random.int(0, SPAN_MS), outcomeOf(random, base));
    const script = { ...base, steps };
    return { script, clientId: BigInt(clientId), fate: 'credited', isKept: true, parked: null };
  });
}

function clientIdOf(random: Random, index: number): bigint {
  return -1_000_000_000_000n - BigInt(random.int(1, 999_999) * 10 + index);
}

function clientOf(random: Random, policy: Policy, index: number): ClientRow {
  const client_id = clientIdOf(random, index);
  const at = new Date(SIM_START);
  return {
    client_id,
    title: `channel ${index}`,
    payout_strategy: policy.strategy,
    payout_threshold_usd: policy.threshold,
    payout_threshold_updated_at: at,
    max_wait_ms: null,
    payout_currency: policy.currency,
    payout_network: policy.network,
    wallet_address: policy.address,
    wallet_memo: null,
    partition: partitionOf(String(client_id)),
    revision: 1n,
    created_at: at,
    updated_at: at,
  };
}

/** One wei: nothing of it is left in USDT. */
const TOO_LITTLE = '0.000000000000000001';

const KINDS = [
  'partial',
  'partial then all',
  'partial then all at once',
  'failed then finished',
  'expired',
  'failed while sending',
  'refunded early',
  'refunded late',
  'refunded after the receipt',
  'refunded, then finished',
  'failed, then finished and refunded',
  'no outcome',
  'too little',
  'too fine',
  'unknown client',
  'not held',
  'forged order',
] as const;

type Kind = (typeof KINDS)[number] | 'straight';

const PARKED: Readonly<Partial<Record<Kind, ReasonCode>>> = {
  'unknown client': 'unknown_client',
  'not held': 'outcome_asset_not_held',
  'forged order': 'order_forged',
  'too fine': 'amount_inexact',
};

const OURS = orderMac(ORDER_SECRET);
const MACS: Readonly<Partial<Record<Kind, OrderMac>>> = { 'forged order': orderMac('somebody else’s') };

function inventPayment(
  random: Random,
  clients: readonly ClientRow[],
  index: number,
  faults: Faults,
): Expected {
  const client = random.pick(clients);
  const kind = faults.strikes('payments') ? random.pick(KINDS) : 'straight';
  const clientId = kind === 'unknown client' ? -42n : client.client_id;
  const inUsdt = random.chance(0.12);
  const start = random.int(0, SPAN_MS);
  const base = {
    id: String(5_000_000_000 + index),
    orderId: makeOrderId({ client: String(clientId), random: random.bytes(10), mac: MACS[kind] ?? OURS }),
    parentId: null,
    priceUsd: String(random.int(5, 90)),
    outcomeCurrency: kind === 'not held' ? 'btc' : inUsdt && kind !== 'too little' ? 'usdterc20' : 'eth',
  };
  const outcome = outcomeOf(random, base);
  const { steps, fate } = lifeOf(random, kind, start, outcome);
  const isKept = PARKED[kind] === undefined;
  return { script: { ...base, steps }, clientId, fate, isKept, parked: PARKED[kind] ?? null };
}

/** About what the price is worth, with awkward last digits. */
function outcomeOf(random: Random, payment: Pick<PaymentScript, 'priceUsd' | 'outcomeCurrency'>): string {
  const usd = Number.parseInt(payment.priceUsd, 10);
  if (payment.outcomeCurrency === 'usdterc20')
    return `${usd}.${String(random.int(1, 999_999)).padStart(6, '0')}`;
  const e8 = Math.floor((usd * 100_000_000) / 4_000) + random.int(1, 99_999);
  return `${Math.floor(e8 / 100_000_000)}.${String(e8 % 100_000_000).padStart(8, '0')}${String(random.int(0, 999_999)).padStart(6, '0')}1`;
}

function lifeOf(
  random: Random,
  kind: Kind,
  start: number,
  outcome: string,
): { steps: PaymentStep[]; fate: Fate } {
  const gap = () => random.int(1_000, 20_000);
  const begin: PaymentStep[] = [
    { at: start, status: 'waiting', outcome: null, forward: null },
    { at: start + gap(), status: 'confirming', outcome: null, forward: null },
  ];
  const then = (
    steps: PaymentStep[],
    ...more: (Omit<PaymentStep, 'at'> & { after: number })[]
  ): PaymentStep[] => {
    for (const { after, ...step } of more) steps.push({ ...step, at: steps.at(-1)!.at + after });
    return steps;
  };
  const part = half(outcome);
  switch (kind) {
    case 'partial':
      return {
        steps: then(begin, { status: 'partially_paid', outcome: part, forward: part, after: gap() }),
        fate: 'credited',
      };
    case 'partial then all':
      return {
        steps: then(
          begin,
          { status: 'partially_paid', outcome: part, forward: part, after: gap() },
          { status: 'finished', outcome: sum(part, part), forward: part, after: 540_000 },
        ),
        fate: 'credited',
      };
    case 'partial then all at once':
      return {
        steps: then(
          begin,
          { status: 'partially_paid', outcome: part, forward: null, after: gap() },
          { status: 'finished', outcome, forward: outcome, after: gap() },
        ),
        fate: 'credited',
      };
    case 'failed then finished':
      return {
        steps: then(
          begin,
          { status: 'failed', outcome: null, forward: null, after: gap() },
          { status: 'finished', outcome, forward: outcome, after: gap() },
        ),
        fate: 'credited',
      };
    case 'expired':
      return {
        steps: then(begin, { status: 'expired', outcome: null, forward: null, after: gap() }),
        fate: 'none',
      };
    case 'failed while sending':
      return {
        steps: then(
          begin,
          { status: 'sending', outcome, forward: null, after: gap() },
          { status: 'failed', outcome: null, forward: null, after: gap() },
        ),
        fate: 'none',
      };
    case 'refunded early':
      return {
        steps: then(begin, { status: 'refunded', outcome: null, forward: null, after: gap() }),
        fate: 'none',
      };
    case 'refunded late':
      return {
        steps: then(
          begin,
          { status: 'finished', outcome, forward: null, after: gap() },
          { status: 'refunded', outcome, forward: null, after: random.int(5_000, 200_000) },
        ),
        fate: 'refunded',
      };
    case 'refunded after the receipt':
      return {
        steps: then(
          begin,
          { status: 'finished', outcome, forward: outcome, after: gap() },
          { status: 'refunded', outcome, forward: null, after: random.int(30_000, 200_000) },
        ),
        fate: 'either',
      };
    case 'refunded, then finished':
      return {
        steps: then(
          begin,
          { status: 'refunded', outcome: null, forward: null, after: gap() },
          { status: 'finished', outcome, forward: outcome, after: gap() },
          { status: 'refunded', outcome, forward: null, after: gap() },
        ),
        fate: 'either',
      };
    case 'failed, then finished and refunded':
      return {
        steps: then(
          begin,
          { status: 'failed', outcome: null, forward: null, after: gap() },
          { status: 'finished', outcome, forward: null, after: gap() },
          { status: 'refunded', outcome, forward: null, after: random.int(500, 3_000) },
        ),
        fate: 'either',
      };
    case 'no outcome':
      return {
        steps: then(begin, { status: 'finished', outcome: null, forward: null, after: gap() }),
        fate: 'none',
      };
    case 'too little':
      return {
        steps: then(begin, { status: 'finished', outcome: TOO_LITTLE, forward: TOO_LITTLE, after: gap() }),
        fate: 'either',
      };
    case 'too fine':
      return {
        steps: then(begin, {
          status: 'finished',
          outcome: `${outcome}${'0'.repeat(18)}1`,
          forward: outcome,
          after: gap(),
        }),
        fate: 'none',
      };
    case 'unknown client':
    case 'not held':
    case 'forged order':
      return {
        steps: then(begin, { status: 'finished', outcome, forward: null, after: gap() }),
        fate: 'none',
      };
    default:
      return { steps: straight(random, start, outcome), fate: 'credited' };
  }
}

function straight(random: Random, start: number, outcome: string): PaymentStep[] {
  let at = start;
  const step = (status: string, known: boolean, forward = false): PaymentStep => {
    at += random.int(500, 15_000);
    return { at, status, outcome: known ? outcome : null, forward: forward ? outcome : null };
  };
  return [
    step('waiting', false),
    step('confirming', false),
    step('confirmed', false),
    step('sending', true, true),
    step('finished', true),
  ];
}

/** Half of a decimal text, floored at its last digit. */
function half(text: string): string {
  const [whole = '0', fraction = ''] = text.split('.');
  return place(BigInt(whole + fraction) / 2n, fraction.length);
}

function sum(a: string, b: string): string {
  const places = a.split('.')[1]?.length ?? 0;
  return place(BigInt(a.replace('.', '')) + BigInt(b.replace('.', '')), places);
}

function place(digits: bigint, places: number): string {
  const text = digits.toString().padStart(places + 1, '0');
  return `${text.slice(0, text.length - places)}.${text.slice(text.length - places)}`;
}
