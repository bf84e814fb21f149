/** What the ledger says about some clients at one moment: balances, payouts, what is on its way. Reads only. */
import type { Database } from '../../ledger/db.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { type Money, money } from '../../schemas/money.ts';

export interface AccountView {
  readonly clientId: string;
  readonly asset: LedgerAsset;
  readonly available: Money;
  readonly reserved: Money;
  readonly unvalued: Money;
  /** Sum of the net of all credited payments in this asset. */
  readonly credited: Money;
  readonly payments: number;
  /** Credited payments whose payout has arrived. */
  readonly paidOut: number;
}

export interface PayoutView {
  readonly id: string;
  readonly clientId: string;
  readonly amount: Money;
  /** Fine state of flow.md, and the word that users of the original know. */
  readonly state: string;
  readonly status: string;
  readonly reason: string | null;
  readonly parked: boolean;
  readonly payments: number;
  readonly currency: string;
  readonly address: string;
  /** What the swap paid out; null for a direct transfer. */
  readonly received: string | null;
  readonly payoutHash: string | null;
  /** Hashes of our transfers for it that are final. */
  readonly finalTransfers: readonly string[];
  readonly direct: boolean;
}

export interface ConversionView {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly eth: Money<'ETH'>;
  readonly expected: Money<'USDT'>;
  readonly received: Money<'USDT'> | null;
}

export interface LedgerView {
  readonly accounts: readonly AccountView[];
  /** Oldest first. */
  readonly payouts: readonly PayoutView[];
  /** All of the system since `since`: what is converted together belongs to no single client. */
  readonly conversions: readonly ConversionView[];
}

const ACCOUNTS = `SELECT a.client_id::text AS client, a.asset, a.available::text AS available, a.reserved::text AS reserved,
    a.unvalued::text AS unvalued, coalesce(p.net, 0)::text AS credited, coalesce(p.payments, 0)::int AS payments,
    coalesce(p.paid_out, 0)::int AS paid_out
  FROM client_accounts a LEFT JOIN (
    SELECT client_id, asset, sum(net) AS net, count(*) AS payments, count(*) FILTER (WHERE is_paid_out) AS paid_out
      FROM payout_accumulation_paid WHERE client_id = ANY($1::bigint[]) GROUP BY 1, 2) p
    ON p.client_id = a.client_id AND p.asset = a.asset
  WHERE a.client_id = ANY($1::bigint[]) ORDER BY a.client_id, a.asset`;
const PAYOUTS = `SELECT p.payout_id::text AS id, p.client_id::text AS client, p.asset, p.amount::text AS amount, p.state, p.status,
    p.reason, p.parked, p.payment_count AS payments, p.currency, p.address, p.received, p.payout_hash,
    coalesce((SELECT array_agg(t.hash ORDER BY t.attempt) FROM transfers t WHERE t.owner_kind = 'payout'
      AND t.owner_id = p.payout_id::text AND t.state = 'final'), '{}') AS final_transfers,
    EXISTS (SELECT 1 FROM transfers t WHERE t.owner_kind = 'payout' AND t.owner_id = p.payout_id::text AND t.kind = 'direct') AS direct
  FROM payout_batches p WHERE p.client_id = ANY($1::bigint[]) ORDER BY p.created_at, p.client_id, p.to_seq`;
const CONVERSIONS = `SELECT conversion_id::text AS id, state, reason, eth::text AS eth, usdt_expected::text AS expected,
    usdt_received::text AS received
  FROM conversions WHERE created_at >= $1::timestamptz ORDER BY created_at, conversion_id`;

interface AccountLine {
  readonly client: string;
  readonly asset: LedgerAsset;
  readonly available: string;
  readonly reserved: string;
  readonly unvalued: string;
  readonly credited: string;
  readonly payments: number;
  readonly paid_out: number;
}

interface PayoutLine {
  readonly id: string;
  readonly client: string;
  readonly asset: LedgerAsset;
  readonly amount: string;
  readonly state: string;
  readonly status: string;
  readonly reason: string | null;
  readonly parked: boolean;
  readonly payments: number;
  readonly currency: string;
  readonly address: string;
  readonly received: string | null;
  readonly payout_hash: string | null;
  readonly final_transfers: string[];
  readonly direct: boolean;
}

interface ConversionLine {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly eth: string;
  readonly expected: string;
  readonly received: string | null;
}

/** @param since conversions made before are left out */
export async function viewLedger(
  db: Database,
  clientIds: readonly string[],
  since: Date,
): Promise<LedgerView> {
  const ids = [`{${clientIds.join(',')}}`];
  return db.transaction(
    async (tx) => ({
      accounts: (await tx.query<AccountLine>(ACCOUNTS, ids)).map(accountOf),
      payouts: (await tx.query<PayoutLine>(PAYOUTS, ids)).map(payoutOf),
      conversions: (await tx.query<ConversionLine>(CONVERSIONS, [since])).map(conversionOf),
    }),
    { isolation: 'repeatable read', readOnly: true },
  );
}

function accountOf(row: AccountLine): AccountView {
  const amount = (minor: string) => money(row.asset, BigInt(minor));
  return {
    clientId: row.client,
    asset: row.asset,
    available: amount(row.available),
    reserved: amount(row.reserved),
    unvalued: amount(row.unvalued),
    credited: amount(row.credited),
    payments: row.payments,
    paidOut: row.paid_out,
  };
}

function payoutOf(row: PayoutLine): PayoutView {
  const { client, asset, amount, payout_hash, final_transfers, ...same } = row;
  return {
    ...same,
    clientId: client,
    amount: money(asset, BigInt(amount)),
    payoutHash: payout_hash,
    finalTransfers: final_transfers,
  };
}

function conversionOf(row: ConversionLine): ConversionView {
  return {
    id: row.id,
    state: row.state,
    reason: row.reason,
    eth: money('ETH', BigInt(row.eth)),
    expected: money('USDT', BigInt(row.expected)),
    received: row.received === null ? null : money('USDT', BigInt(row.received)),
  };
}
