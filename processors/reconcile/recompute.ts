/**
 * Invariant (7): the ledger recomputed from payments.valued (the first value of a payment wins) and the journal alone.
 * A second, naive bookkeeper: it shares nothing with the processors but the topics.
 */
import type { JournalRecord, PaymentValued } from '../../schemas/events.ts';
import { convertFloor, feeOf, type Money, money, Rate } from '../../schemas/money.ts';

interface Seen {
  /** Received so far, in minor units of its asset. */
  readonly received: bigint;
  readonly state: 'unvalued' | 'credited';
  readonly status: string;
}

/** Where a record of payments.valued stands. */
export interface Place {
  readonly partition: number;
  readonly offset: bigint;
  /** Above 0 for a redriven one, whose postings the journal has. */
  readonly attempt: number;
}

/** Sums by `account|asset`, and for client accounts also by `client:<id>:<part>|asset`. Debit +, credit -. */
export class Recomputation {
  readonly balances = new Map<string, bigint>();
  private readonly notCredited = new Set<string>();
  private readonly payments = new Map<string, Seen>();

  /** All journal records must be seen before the first value: they name what was not credited. @param key of the record */
  journal(record: JournalRecord, key: string): void {
    if (record.cause_kind === 'not_credited') this.notCredited.add(record.cause_id);
    const client = /^-?\d+$/.test(key) ? key : undefined;
    for (const { debit, credit, amount } of record.transfers) this.transfer(debit, credit, amount, client);
  }

  valued(record: PaymentValued, { partition, offset, attempt }: Place): void {
    if (this.notCredited.has(`${record.event_id}:${partition}:${offset}`)) return;
    if (record.kind !== 'valued' && record.kind !== 'unvalued') return;
    const { payment, received } = record;
    if (!received) return;
    const id = `${payment.client_id}|${payment.provider}|${payment.payment_id}`;
    const seen = this.payments.get(id);
    if (attempt > 0) {
      // Its postings are in the journal; that the payment has its value now is only here.
      const state = record.kind === 'valued' ? 'credited' : (seen?.state ?? 'unvalued');
      this.payments.set(id, { received: received.minor, state, status: payment.payment_status });
      return;
    }
    if (record.kind === 'unvalued') {
      if (!seen) this.unvalued(id, record, received);
    } else if (!seen) {
      this.credit(record, received, record.net!, record.fee!, 'wallet:incoming');
      this.payments.set(id, { received: received.minor, state: 'credited', status: payment.payment_status });
    } else if (seen.state === 'unvalued') {
      this.credit(record, received, record.net!, record.fee!, 'client:unvalued');
      this.payments.set(id, { ...seen, state: 'credited' });
    } else if (seen.status === 'partially_paid' && payment.payment_status === 'finished') {
      if (received.minor > seen.received)
        this.secondLeg(record, money(received.asset, received.minor - seen.received));
      this.payments.set(id, { received: received.minor, state: 'credited', status: 'finished' });
    }
  }

  private unvalued(id: string, record: PaymentValued, received: Money): void {
    this.transfer('wallet:incoming', 'client:unvalued', received, record.payment.client_id);
    this.payments.set(id, {
      received: received.minor,
      state: 'unvalued',
      status: record.payment.payment_status,
    });
  }

  private secondLeg(record: PaymentValued, rest: Money): void {
    const gross =
      record.net!.asset === rest.asset ? rest : convertFloor(rest, new Rate(record.rate!), record.net!.asset);
    const fee = feeOf(gross, record.fee_bps!);
    this.credit(record, rest, money(gross.asset, gross.minor - fee.minor), fee, 'wallet:incoming');
  }

  private credit(record: PaymentValued, received: Money, net: Money, fee: Money, from: string): void {
    const client = record.payment.client_id;
    let source = from;
    if (received.asset !== net.asset) {
      this.transfer(from, 'position:open', received, client);
      source = 'position:open';
    }
    this.transfer(source, 'client:available', net, client);
    this.transfer(source, 'platform:fees', fee, client);
  }

  private transfer(debit: string, credit: string, amount: Money, client: string | undefined): void {
    this.add(debit, amount.asset, amount.minor, client);
    this.add(credit, amount.asset, -amount.minor, client);
  }

  private add(account: string, asset: string, change: bigint, client: string | undefined): void {
    bump(this.balances, `${account}|${asset}`, change);
    if (client !== undefined && account.startsWith('client:')) {
      bump(this.balances, `client:${client}:${account.slice('client:'.length)}|${asset}`, change);
    }
  }
}

function bump(map: Map<string, bigint>, key: string, change: bigint): void {
  const next = (map.get(key) ?? 0n) + change;
  if (next === 0n) map.delete(key);
  else map.set(key, next);
}

/** Where the two differ: `account|asset` and the ledger's figure less the recomputed one. Empty: equal. */
export function differences(
  ledger: ReadonlyMap<string, bigint>,
  recomputed: ReadonlyMap<string, bigint>,
): { key: string; difference: bigint }[] {
  const keys = new Set([...ledger.keys(), ...recomputed.keys()]);
  return [...keys]
    .map((key) => ({ key, difference: (ledger.get(key) ?? 0n) - (recomputed.get(key) ?? 0n) }))
    .filter(({ difference }) => difference !== 0n)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}
