/** What `POST /_control/pay` may say, read into one complete plan per payment; the defaults are the reference scenario. */
import { ASSETS, assetOfNowpaymentsCode } from '../../schemas/assets.ts';
import { Rate } from '../../schemas/money.ts';
import { json } from '../http.ts';
import type { SignatureForm } from './simulator-ipn.ts';

export interface Step {
  readonly status: string;
  /** What the provider says it forwards from this status on; null: it does not say (yet). */
  readonly outcomeAmount: string | null;
  /** What really goes on chain by this status, in total; null: nothing. Differs from the above only in a lie. */
  readonly sendAmount: string | null;
  /** False: the state changes silently and only GET shows it. */
  readonly notify: boolean;
}

export interface PaySpec {
  readonly orderId: string | null;
  readonly invoiceId: string | null;
  readonly description: string | null;
  readonly parentPaymentId: string | null;
  readonly priceUsd: string | null;
  readonly payCurrency: string;
  readonly payAmount: string | null;
  readonly actuallyPaid: string | null;
  readonly outcomeCurrency: string;
  /** Null: from the price. */
  readonly outcomeAmount: string | null;
  readonly sendAmount: string | null;
  readonly steps: readonly { status: string; fields: json.JsonObject }[];
  readonly ipnUrl: string | null;
  /** Extra copies per IPN; 0.2 = every fifth one twice. */
  readonly duplicates: number;
  /** IPNs that are never sent, same counting. */
  readonly lost: number;
  /** Pairs of forged IPNs per payment, same counting. */
  readonly forge: number;
  /** IPNs of a payment go out in another order than its statuses, the last one included. */
  readonly shuffle: boolean;
  /** Wait before each status, ms. */
  readonly delayMs: number;
  readonly form: SignatureForm;
  readonly count: number;
}

const STATUSES = ['waiting', 'confirming', 'confirmed', 'sending', 'finished'];
const COUNT_MAX = 100_000;

/** US dollars per unit, for pay_amount only: what a subscriber sends is an observed quantity, not money of ours. */
const PAY_PRICES: Readonly<Record<string, string>> = {
  btc: '60000',
  eth: '4000',
  ltc: '80',
  xmr: '150',
  trx: '0.29',
};

/** @param body one payment, or `{ "payments": [...] }` */
export function readPaySpecs(body: json.Json | undefined): PaySpec[] {
  const fields = json.object(body, 'control.pay');
  if (fields.payments === undefined) return [readPaySpec(fields)];
  return json
    .array(fields.payments, 'control.payments')
    .map((one) => readPaySpec(json.object(one, 'control.pay')));
}

export function readPaySpec(fields: json.JsonObject): PaySpec {
  // An id may come as a number; a text may be anything, the empty one included, to see what becomes of it.
  const text = (name: string): string | null => {
    const value = fields[name];
    return value === undefined || value === null ? null : String(value);
  };
  const decimal = (name: string): string | null => json.nullableDecimal(fields[name], `control.${name}`);
  const form = Number(decimal('form') ?? '1');
  if (form !== 1 && form !== 2 && form !== 3) throw new Error('form should be 1, 2 or 3');
  const count = Number(decimal('count') ?? '1');
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX)
    throw new Error(`count is 1 to ${COUNT_MAX}`);
  return {
    orderId: text('orderId'),
    invoiceId: text('invoiceId'),
    description: text('description'),
    parentPaymentId: text('parentPaymentId'),
    priceUsd: decimal('priceUsd'),
    payCurrency: text('payCurrency') ?? 'usdttrc20',
    payAmount: decimal('payAmount'),
    actuallyPaid: decimal('actuallyPaid'),
    outcomeCurrency: text('outcomeCurrency') ?? 'eth',
    outcomeAmount: decimal('outcomeAmount'),
    sendAmount: decimal('sendAmount'),
    steps: (fields.statuses === undefined ? STATUSES : json.array(fields.statuses, 'control.statuses')).map(
      readStep,
    ),
    ipnUrl: text('ipnUrl'),
    duplicates: Number(decimal('duplicates') ?? '0'),
    lost: fields.lost === true ? 1 : fields.lost === false ? 0 : Number(decimal('lost') ?? '0'),
    forge: fields.forge === true ? 1 : fields.forge === false ? 0 : Number(decimal('forge') ?? '0'),
    shuffle: fields.shuffle === true,
    delayMs: Number(decimal('delayMs') ?? '0'),
    form,
    count,
  };
}

function readStep(value: json.Json): { status: string; fields: json.JsonObject } {
  if (typeof value === 'string') return { status: value, fields: {} };
  const fields = json.object(value, 'control.statuses');
  return { status: json.text(fields.status, 'control.statuses.status'), fields };
}

/**
 * The steps of one payment with their amounts. The outcome is known, and on chain, from `finished` or `partially_paid`
 * on; a step that names its own amount overrides that.
 * @param outcome exact decimal text
 */
export function planSteps(spec: PaySpec, outcome: string): Step[] {
  let known: string | null = null;
  let sent: string | null = null;
  return spec.steps.map(({ status, fields }) => {
    const own = json.nullableDecimal(fields.outcomeAmount, 'control.statuses.outcomeAmount');
    if (status === 'finished' || status === 'partially_paid' || own !== null) {
      known = own ?? outcome;
      sent =
        json.nullableDecimal(fields.sendAmount, 'control.statuses.sendAmount') ?? spec.sendAmount ?? known;
    }
    if (fields.outcomeAmount === null) known = null;
    return { status, outcomeAmount: known, sendAmount: sent, notify: fields.notify !== false };
  });
}

/** @param ethUsd exact decimal text */
export function outcomeOf(spec: PaySpec, priceUsd: string, ethUsd: string): string {
  if (spec.outcomeAmount !== null) return spec.outcomeAmount;
  const asset = assetOfNowpaymentsCode(spec.outcomeCurrency);
  if (asset !== 'ETH') return new Rate(priceUsd).toDecimalPlaces(ASSETS.USDT.decimals).toFixed();
  // The provider works with 8 decimals whatever the chain has.
  return new Rate(priceUsd).div(ethUsd).toDecimalPlaces(8).toFixed();
}

export function payAmountOf(spec: PaySpec, priceUsd: string): string {
  if (spec.payAmount !== null) return spec.payAmount;
  return new Rate(priceUsd)
    .div(PAY_PRICES[spec.payCurrency] ?? '1')
    .toDecimalPlaces(8)
    .toFixed();
}
