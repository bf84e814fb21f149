/** What the pipeline benchmark runs on: clients, a rate, received payments; and the yardstick, a bare insert. */
import { addClient } from '../../gateway/api/clients.ts';
import type { Database } from '../../ledger/db.ts';
import { writeRows } from '../../ledger/sql/write-rows.ts';
import { type CreditRow, payoutAccumulation, rates } from '../../ledger/tables.ts';
import type { OutRecord } from '../../processors/runtime/publisher.ts';
import type { Codec } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import { TOPIC } from '../../schemas/topology.ts';

export const BENCH_XMR =
  '888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H';

/** Client ids as decimal text. */
export function benchClients(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(-1_000_000_000_000 - index));
}

/** Registers them as threshold clients, with one usable rate. */
export async function prepareLedger(db: Database, codec: Codec, ids: readonly string[]): Promise<void> {
  const now = () => new Date();
  for (const clientId of ids) {
    await addClient(
      { db, codec, now },
      {
        clientId,
        title: 'bench',
        plans: [],
        strategy: 'threshold',
        thresholdUsd: '500',
        maxWaitMs: null,
        currency: 'xmr',
        network: 'xmr',
        address: BENCH_XMR,
        memo: null,
      },
    );
  }
  const rate = { usdt_per_eth: '4000', quote_usd: '1000', spot_eth_usd: '4000', spot_usdt_usd: '1' };
  await writeRows(
    db,
    rates,
    [{ rate_id: 'bench', at: now(), usable: true, reason: null, ...rate }],
    'insert',
  );
}

/** One received payment of 0.0125 ETH per number, clients in turn. */
export function receivedRecord(codec: Codec, topic: string, clientId: string, n: number): OutRecord {
  const id = eventId('received', 'bench', n);
  const value = codec.encode(TOPIC.received, {
    event_id: id,
    occurred_at: new Date(),
    payment: {
      provider: 'nowpayments',
      payment_id: String(6_000_000_000 + n),
      parent_payment_id: null,
      invoice_id: '4522629741',
      client_id: clientId,
      order_id: `bench-${n}`,
      payment_status: 'finished',
      price_amount: '50',
      price_currency: 'usd',
      pay_amount: '50.214711',
      pay_currency: 'usdttrc20',
      actually_paid: '50.214711',
      pay_address: '0x0944fe0c9dfb369bab13dfae627655daa05f1119',
      outcome_amount: '0.0125',
      outcome_currency: 'eth',
    },
    raw_digest: 'bench',
    signature_form: 'raw',
    source: 'webhook',
  });
  return { topic, key: clientId, value, headers: { 'event-id': id, 'event-type': 'payment.received' } };
}

/**
 * The yardstick of the same run: the sub-ledger's rows alone, one insert of 1,000 rows per transaction on one
 * connection, without locks, balances, postings or outbox. @returns rows a second
 */
export async function bareInsertRate(db: Database, rows: number): Promise<number> {
  const at = new Date();
  const row = (n: number): CreditRow => ({
    client_id: -1n,
    provider: 'yardstick',
    payment_id: String(n),
    leg: 1,
    asset: 'USDT',
    seq: BigInt(n + 1),
    strategy: 'threshold',
    gross: 50_000_000n,
    fee: 1_500_000n,
    net: 48_500_000n,
    received_asset: 'ETH',
    received: 12_500_000_000_000_000n,
    rate_id: 'bench',
    rate: '4000',
    order_id: 'bench',
    facts_digest: 'bench',
    event_id: eventId('yardstick', n),
    source_partition: 0,
    source_offset: BigInt(n),
    posting_set_id: eventId('yardstick', 'set'),
    credited_at: at,
  });
  const batches = Array.from({ length: Math.ceil(rows / 1_000) }, (_, batch) =>
    Array.from({ length: 1_000 }, (_, index) => row(batch * 1_000 + index)),
  );
  const start = performance.now();
  for (const batch of batches)
    await db.transaction((tx) => writeRows(tx, payoutAccumulation, batch, 'insert'));
  const seconds = (performance.now() - start) / 1_000;
  await db.query("DELETE FROM payout_accumulation WHERE provider = 'yardstick'");
  return (batches.length * 1_000) / seconds;
}
