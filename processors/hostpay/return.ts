/**
 * `payments return`: coins of a payment that the provider calls refunded go back by our own transfer. Only when that
 * is final the credit is undone (money.md); until then nothing of the client changes.
 */
import type { Database } from '../../ledger/db.ts';
import { setAside } from '../../ledger/posting.ts';
import { walletBalance } from '../../ledger/sql/wallet-balance.ts';
import { write } from '../../ledger/store.ts';
import { type PaymentStatusRow, paymentStatus, transfers } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import type { Codec } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import { formatMoney, money } from '../../schemas/money.ts';
import { feesOf, type GasQuote, wakeTransfer } from '../swap/funds.ts';
import { lockWallet } from '../swap/load.ts';
import type { OutPolicy } from '../swap/policy.ts';
import { loadReturn } from './load.ts';

export interface ReturnDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly policy: OutPolicy;
}

export interface ReturnRequest {
  readonly clientId: bigint;
  readonly provider: string;
  readonly paymentId: string;
  /** Where the coins go: the address that the provider gave for it. */
  readonly to: string;
  /** Current prices for that transfer (Chain.quote). */
  readonly quote: GasQuote;
}

export class ReturnRefused extends Error {
  override name = 'ReturnRefused';
}

/** @returns the transfer's id @throws ReturnRefused with what stands against it */
export function returnPayment(deps: ReturnDeps, request: ReturnRequest, now: Date): Promise<string> {
  const ownerId = `${request.clientId}|${request.provider}|${request.paymentId}`;
  return deps.db.transaction(async (tx) => {
    const work = new Work(now);
    const id = eventId('transfer', 'return', ownerId, 1);
    await loadReturn(tx, work, ownerId, id);
    await lockWallet(tx, work, deps.policy);
    const row = work.must(paymentStatus, ...ownerId.split('|'));
    if (work.get(transfers, id))
      throw new ReturnRefused(`payment ${request.paymentId} is being returned already`);
    const balances = {
      host: await walletBalance(tx, 'wallet:host', row.received_asset ?? 'ETH'),
      gas: await walletBalance(tx, 'wallet:gas', 'ETH'),
    };
    chooseReturn(work, row, id, request, balances, deps.policy);
    await write(tx, work, deps.codec);
    return id;
  });
}

/** Pure part: checks, sets aside, chooses the transfer. @throws ReturnRefused */
export function chooseReturn(
  work: Work,
  row: PaymentStatusRow,
  id: string,
  request: ReturnRequest,
  balances: { readonly host: bigint; readonly gas: bigint },
  policy: OutPolicy,
): void {
  const { paymentId, quote, to } = request;
  const refuse = (why: string): never => {
    throw new ReturnRefused(`payment ${paymentId} cannot be returned: ${why}`);
  };
  if (row.status !== 'refunded') refuse(`the provider says ${row.status}, not refunded`);
  if (row.state !== 'credited' && row.state !== 'unvalued') refuse(`it is ${row.state}`);
  if (row.confirmed === 0n || row.confirmed !== row.incoming) refuse('its receipt is not confirmed');
  const value = money(row.received_asset as LedgerAsset, row.confirmed);
  if (balances.host < value.minor)
    refuse(`${formatMoney(value)} ${value.asset} are not free in the host wallet`);
  const fees = feesOf(quote, policy.gasMax) ?? refuse('the gas price is above GAS_MAX_GWEI');
  const gas = quote.gasLimit * fees.maxFee;
  if (balances.gas - gas < policy.gasReserve) refuse('the gas account does not suffice');
  const transfer = work.put(transfers, {
    transfer_id: id,
    owner_kind: 'return',
    owner_id: `${row.client_id}|${row.provider}|${row.payment_id}`,
    client_id: row.client_id,
    attempt: 1,
    asset: value.asset,
    amount: value.minor,
    to_address: to,
    kind: 'return',
    state: 'chosen',
    nonce: null,
    gas_limit: quote.gasLimit,
    max_fee: fees.maxFee,
    priority_fee: fees.priorityFee,
    gas_held: gas,
    hash: null,
    block: null,
    gas_spent: null,
    cancel_wanted: false,
    reason: null,
    revision: 1n,
    created_at: work.now,
    updated_at: work.now,
  });
  const scope = { clientId: row.client_id, partition: row.partition };
  work.post({ kind: 'set_aside', id }, setAside(value, money('ETH', gas)), scope);
  wakeTransfer(work, transfer);
}
