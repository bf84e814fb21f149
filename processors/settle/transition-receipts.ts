/**
 * What a webhook promised becomes settled money only when the provider confirms it by GET and the coins stand on
 * chain, to us, in that amount, once. GET wins over a webhook; whatever contradicts is a discrepancy, never a guess.
 */
import { receiptConfirmed } from '../../ledger/posting.ts';
import { type ChainDepositRow, type PaymentStatusRow, paymentStatus } from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { ASSETS, assetOfNowpaymentsCode, type LedgerAsset } from '../../schemas/assets.ts';
import { eventId } from '../../schemas/event-id.ts';
import { MoneyError, money, parseUnits } from '../../schemas/money.ts';
import { paymentEntity } from '../accumulate/facts.ts';
import { refundPayment } from '../accumulate/refund.ts';
import { chainHash, depositsOf, useDeposit } from '../swap/deposit.ts';

/** What GET says, as far as it matters here; amounts are exact decimal text. */
export interface PaymentNow {
  readonly status: string;
  readonly orderId: string | null;
  readonly outcomeAmount: string | null;
  readonly outcomeCurrency: string | null;
  /** Hash of the transfer of the outcome to us. */
  readonly payoutHash: string | null;
}

export type Verdict =
  | { readonly is: 'confirmed'; readonly hash: string }
  | { readonly is: 'not_yet' }
  | { readonly is: 'refunded' }
  | { readonly is: 'contradicted'; readonly detail: string };

const NOT_YET: Verdict = { is: 'not_yet' };
const UNDER_WAY = ['waiting', 'confirming', 'confirmed', 'sending'];
const FIRST_LOOK_MS = 1_000;
const SLOWEST_LOOK_MS = 60_000;
const CONTRADICTED_LOOK_MS = 60 * 60_000;

/** The provider's word against what was booked; the chain is asked after. @param got null: no such payment there */
export function compareReceipt(row: PaymentStatusRow, got: PaymentNow | null): Verdict {
  if (got === null) return contradicted('the provider does not know the payment');
  if (got.orderId !== row.order_id) return contradicted(`order ${got.orderId}, booked for ${row.order_id}`);
  if (got.status === 'refunded') return { is: 'refunded' };
  if (UNDER_WAY.includes(got.status)) return NOT_YET;
  // Booked without a value yet is booked, too: its coins are here.
  const isBooked = row.legs === 1 || row.state === 'unvalued';
  const isPartial = got.status === 'partially_paid' && row.status === 'partially_paid' && isBooked;
  if (got.status !== 'finished' && !isPartial)
    return contradicted(`status ${got.status}, booked ${row.status}`);
  const asset = assetOfNowpaymentsCode(got.outcomeCurrency ?? '');
  if (asset !== row.received_asset || !isAmount(got.outcomeAmount, asset as LedgerAsset, row.incoming)) {
    // A partial payment that was finished meanwhile: its webhook brings the second leg.
    if (row.status === 'partially_paid' && got.status === 'finished') return NOT_YET;
    const booked = `${row.incoming} minor units of ${row.received_asset}`;
    return contradicted(`outcome ${got.outcomeAmount} ${got.outcomeCurrency}, booked ${booked}`);
  }
  const hash = chainHash(got.payoutHash);
  return hash === null ? NOT_YET : { is: 'confirmed', hash };
}

function contradicted(detail: string): Verdict {
  return { is: 'contradicted', detail };
}

function isAmount(text: string | null, asset: LedgerAsset, minor: bigint): boolean {
  if (text === null) return false;
  try {
    return parseUnits(text, ASSETS[asset].decimals) === minor;
  } catch (error) {
    if (error instanceof MoneyError) return false;
    throw error;
  }
}

/** Applies one verdict. @returns the amount confirmed in this step, minor units of the asset received */
export function applyReceipt(work: Work, row: PaymentStatusRow, verdict: Verdict): bigint {
  switch (verdict.is) {
    case 'not_yet':
      lookAgain(work, row);
      return 0n;
    case 'refunded':
      refunded(work, row);
      return 0n;
    case 'contradicted':
      contradiction(work, row, verdict.detail);
      return 0n;
    case 'confirmed':
      return confirm(work, row, verdict.hash);
  }
}

function confirm(work: Work, row: PaymentStatusRow, hash: string): bigint {
  const missing = row.incoming - row.confirmed;
  const asset = row.received_asset as LedgerAsset;
  const found = depositsOf(work, hash, asset);
  const earlier = row.receipt_hash === hash ? [] : depositsOf(work, row.receipt_hash, asset);
  const exact = addingUp(found, earlier, missing);
  if (!exact) {
    // Of a part and its rest only one is here: the other one is not seen, or not told, yet.
    const isOneOfTwo = row.receipt_hash !== null && row.status === 'finished' && row.confirmed === 0n;
    if (found.length > 0 && !(isOneOfTwo && earlier.length === 0))
      contradiction(work, row, `${hash} brought ${found[0]!.amount}, booked ${missing}`);
    else lookAgain(work, row);
    return 0n;
  }
  const id = `${row.client_id}|${row.provider}|${row.payment_id}`;
  for (const deposit of exact) useDeposit(work, deposit, 'receipt', id);
  work.put(paymentStatus, {
    ...row,
    get_confirmed: true,
    confirmed: row.incoming,
    receipt_due_at: null,
    receipt_failures: 0,
    receipt_hash: hash,
  });
  return missing;
}

/** One deposit of the whole amount; or the part that came first and the rest. */
function addingUp(
  found: readonly ChainDepositRow[],
  earlier: readonly ChainDepositRow[],
  missing: bigint,
): ChainDepositRow[] | undefined {
  const whole = found.find((deposit) => deposit.amount === missing);
  if (whole) return [whole];
  for (const part of earlier) {
    const rest = found.find((deposit) => deposit.amount + part.amount === missing);
    if (rest) return [part, rest];
  }
  return undefined;
}

function lookAgain(work: Work, row: PaymentStatusRow): void {
  const delay = Math.min(SLOWEST_LOOK_MS, FIRST_LOOK_MS * 2 ** Math.min(row.receipt_failures, 10));
  work.put(paymentStatus, {
    ...row,
    receipt_failures: row.receipt_failures + 1,
    receipt_due_at: new Date(work.now.getTime() + delay),
  });
}

function contradiction(work: Work, row: PaymentStatusRow, detail: string): void {
  work.discrepancy('receipt_contradicted', entityOf(row), detail);
  work.put(paymentStatus, {
    ...row,
    receipt_failures: row.receipt_failures + 1,
    receipt_due_at: new Date(work.now.getTime() + CONTRADICTED_LOOK_MS),
  });
}

/** GET wins. Coins that were confirmed before are in our wallet: only our own transfer moves them. */
function refunded(work: Work, row: PaymentStatusRow): void {
  if (row.confirmed > 0n) {
    contradiction(work, row, 'the provider says refunded, but a part of it was confirmed');
    return;
  }
  work.discrepancy('refund_after_credit', entityOf(row), 'GET says refunded; the webhook had said finished');
  refundPayment(work, row, 'wallet:incoming');
}

function entityOf(row: PaymentStatusRow): string {
  return paymentEntity({ ...row, client_id: String(row.client_id) });
}

/** Books what a step confirmed, one set per asset, whatever the number of payments. */
export function bookReceipts(
  work: Work,
  partition: number,
  confirmed: readonly { readonly row: PaymentStatusRow; readonly minor: bigint }[],
): void {
  for (const asset of ['ETH', 'USDT'] as const) {
    const of = confirmed.filter(({ row, minor }) => minor > 0n && row.received_asset === asset);
    if (of.length === 0) continue;
    const total = of.reduce((sum, { minor }) => sum + minor, 0n);
    // Which payments, and up to which leg: the same receipts can't be booked twice.
    const names = of.map(({ row }) => `${row.client_id}|${row.provider}|${row.payment_id}|${row.incoming}`);
    const id = eventId('receipts', asset, ...names.sort());
    work.post({ kind: 'receipts', id }, receiptConfirmed(money(asset, total)), { partition });
  }
}
