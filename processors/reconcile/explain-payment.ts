/** Where one payment is: from the provider's first word to the payout that takes it. Pure; see explain.ts. */
import type { IntentState } from '../../ledger/sql/explain-rows.ts';
import type { PaymentStatusRow, QuarantinedRow } from '../../ledger/tables.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { money } from '../../schemas/money.ts';
import { type ReasonCode, reasonText } from '../../schemas/reasons.ts';
import { amountText } from './audit-compare.ts';
import { type Explanation, type Rule, timeText } from './explain.ts';
import { explainUnvalued } from './explain-unvalued.ts';

export interface CreditedLeg {
  readonly leg: number;
  readonly seq: bigint;
  readonly asset: string;
  readonly net: bigint;
  /** The payout that covers it, also after one before was returned. */
  readonly payoutId: string | null;
}

export interface PaymentWorld {
  readonly legs: readonly CreditedLeg[];
  /** Its records that are parked, in the order in which they came. */
  readonly parked: readonly Pick<QuarantinedRow, 'event_id' | 'reason' | 'detail' | 'at'>[];
  /** The intent that asks the provider about a partial or revived payment. */
  readonly asking: IntentState | undefined;
  /** Of its client, now; undefined: there is no such client. */
  readonly strategy: string | undefined;
  /** Exact text; undefined: no rate is usable. */
  readonly usdtPerEth: string | undefined;
  /** What is said of the payout that covers its first leg that is not paid out, or of the client's free balance. */
  readonly next: Explanation | undefined;
}

export function explainPayment(row: PaymentStatusRow, world: PaymentWorld): Explanation {
  const id = row.payment_id;
  const { rule, text } = said(row, world);
  return {
    kind: 'payment',
    id,
    rule,
    sentence: `Payment ${id} of client ${row.client_id} ${text}.`,
    facts: {
      status: row.status,
      state: row.state,
      outcome: row.outcome_amount === null ? null : `${row.outcome_amount} ${row.outcome_currency}`,
      order: row.order_id,
      receipt: receiptOf(row),
      legs: world.legs.length,
      payouts: world.legs.map((leg) => leg.payoutId ?? 'none').join(', ') || null,
    },
  };
}

function receiptOf(row: PaymentStatusRow): string | null {
  if (row.incoming === 0n) return null;
  return row.confirmed === row.incoming ? `confirmed, ${row.receipt_hash}` : 'not confirmed';
}

function said(row: PaymentStatusRow, world: PaymentWorld): { rule: Rule; text: string } {
  if (row.quarantined && world.parked[0]) return quarantined(world.parked);
  switch (row.state) {
    case 'open':
      return open(row, world);
    case 'confirming':
      return (
        askedAlready(row, world.asking) ?? {
          rule: 'awaiting_confirmation',
          text: `is ${row.status} after it had failed or expired: credited when the provider confirms that by GET`,
        }
      );
    case 'unvalued':
      return unvalued(row, world);
    case 'closed':
      return { rule: 'over', text: closedText(row, world) };
    default:
      return credited(row, world);
  }
}

/** Also of a payment that has nothing but parked records. */
export function quarantined(parked: PaymentWorld['parked']): { rule: Rule; text: string } {
  const [first] = parked;
  const more = parked.length > 1 ? ` (${parked.length - 1} more records behind it)` : '';
  const { reason, detail, at, event_id } = first!;
  return {
    rule: reason as ReasonCode,
    text: `is in quarantine since ${timeText(at)}: ${reasonText(reason)} (${detail})${more}; see \`quarantine show ${event_id}\`, then \`quarantine redrive\``,
  };
}

function open(row: PaymentStatusRow, { asking }: PaymentWorld): { rule: Rule; text: string } {
  if (row.status === 'failed' || row.status === 'expired')
    return {
      rule: 'over',
      text: `${row.status === 'failed' ? 'failed' : 'expired'} at the provider; nothing was credited`,
    };
  if (row.status === 'partially_paid') {
    const when = asking ? `at ${timeText(asking.due_at)}` : 'again';
    const text = `is paid in part; the provider is asked ${when}, and what it has then is credited`;
    return askedAlready(row, asking) ?? { rule: 'partial_after', text };
  }
  return {
    rule: 'not_finished',
    text: `is ${row.status} at the provider since ${timeText(row.updated_at)}; credited when it is finished`,
  };
}

/** The provider has been asked, or nobody asks it any more. */
function askedAlready(
  row: PaymentStatusRow,
  asking: IntentState | undefined,
): { rule: Rule; text: string } | undefined {
  if (asking?.isParked)
    return {
      rule: 'parked',
      text: `is ${row.status}, and asking the provider is parked (${asking.error}) until \`unpark ${asking.key}\``,
    };
  if (!asking?.isDone) return undefined;
  return row.get_confirmed
    ? { rule: 'next_step', text: `is ${row.status}, confirmed by the provider, and is credited next` }
    : { rule: 'over', text: `is ${row.status}, and the provider has nothing of it that could be credited` };
}

/** Booked, so that its client exists. */
function unvalued(
  row: PaymentStatusRow,
  { strategy, usdtPerEth }: PaymentWorld,
): { rule: Rule; text: string } {
  const amount = money(row.received_asset as LedgerAsset, row.incoming);
  const { rule, text } = explainUnvalued(amount, strategy!, usdtPerEth);
  return { rule, text: `brought ${text}` };
}

function closedText(row: PaymentStatusRow, { legs }: PaymentWorld): string {
  return legs.length === 0
    ? `was closed as ${row.status} before it was credited`
    : `was credited and taken back: the provider refunded it`;
}

function credited(row: PaymentStatusRow, world: PaymentWorld): { rule: Rule; text: string } {
  const { legs, next } = world;
  const sums = legs.map(({ asset, net, seq }) => `${amountText(asset, net)}, entry ${seq}`).join('; ');
  const base = `is credited (${sums})`;
  if (row.status === 'refunded' && row.confirmed > 0n)
    return {
      rule: 'refund_after_receipt',
      text: `${base}, and the provider reports a refund although we hold the coins: \`payments return ${row.payment_id}\` sends them back`,
    };
  if (!next) return { rule: 'over', text: base };
  const rest = next.sentence.replace(/\.$/, '').replace(` of client ${row.client_id}`, '');
  const text = `${base}; ${rest.charAt(0).toLowerCase()}${rest.slice(1)}`;
  return { rule: next.rule, text };
}
