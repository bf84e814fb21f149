/** Loads what `explain` speaks about: one moment of the ledger, nothing locked, nothing written. */
import type { Database, Db } from '../../ledger/db.ts';
import { coveredLegs, intentStates, ownersLike, parkedPayment } from '../../ledger/sql/explain-rows.ts';
import { fundsOfConversion } from '../../ledger/sql/funds-of-conversion.ts';
import { fundsOfPayout } from '../../ledger/sql/funds-of-payout.ts';
import { payoutsSpent } from '../../ledger/sql/payouts-spent.ts';
import { load } from '../../ledger/store.ts';
import {
  clientAccounts,
  clients,
  conversions,
  type PaymentStatusRow,
  paymentStatus,
  payoutBatches,
  type QuarantinedRow,
  quarantined,
  swapOrders,
  transfers,
  wallets,
} from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import { ASSETS } from '../../schemas/assets.ts';
import { eventId } from '../../schemas/event-id.ts';
import { parseUnits } from '../../schemas/money.ts';
import { paymentEntity } from '../accumulate/facts.ts';
import { loadLimits, usableRate } from '../accumulate/load.ts';
import { payoutOf } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';
import { type Explanation, explainClient, explainOwner, type OwnerWorld } from './explain.ts';
import { explainPayment, quarantined as quarantinedText } from './explain-payment.ts';

/**
 * What an id stands for, explained: a client (-100...), a payout or conversion (a uuid or the beginning of one, four
 * digits at least), a payment. One id may stand for several. @returns none: nobody knows it
 */
export function explainId(db: Database, id: string, policy: OutPolicy, now: Date): Promise<Explanation[]> {
  return db.transaction(
    async (tx) => {
      const desk = new Desk(tx, policy, now);
      const found: Explanation[] = [];
      if (/^-?\d{1,19}$/.test(id)) found.push(...(await desk.client(BigInt(id))));
      if (/^\d{1,30}$/.test(id)) found.push(...(await desk.payments(id)));
      if (/^[0-9a-f]{4}[0-9a-f-]{0,32}$/.test(id)) {
        for (const owner of await ownersLike(tx, id)) found.push(await desk.owner(owner.kind, owner.id));
      }
      return found;
    },
    { isolation: 'repeatable read', readOnly: true },
  );
}

const usd = (text: string) => parseUnits(text, ASSETS.USDT.decimals);

class Desk {
  readonly #tx: Db;
  readonly #policy: OutPolicy;
  readonly #work: Work;

  constructor(tx: Db, policy: OutPolicy, now: Date) {
    this.#tx = tx;
    this.#policy = policy;
    this.#work = new Work(now);
  }

  async client(id: bigint): Promise<Explanation[]> {
    if (!(await this.#loadClient(id))) return [];
    const accounts = this.#work.all(clientAccounts).filter((row) => row.client_id === id);
    const rows = await load(
      this.#tx,
      this.#work,
      payoutBatches,
      "WHERE r.client_id = $1::bigint AND r.state NOT IN ('completed', 'cancelled') ORDER BY r.created_at, r.payout_id",
      [String(id)],
    );
    const first = rows[0] && (await this.owner('payout', rows[0].payout_id));
    const open = first && { first, count: rows.length };
    return [explainClient(this.#work, id, accounts, open, await this.#usdtPerEth())];
  }

  async #loadClient(id: bigint): Promise<boolean> {
    const known = await load(this.#tx, this.#work, clients, 'WHERE r.client_id = $1::bigint', [String(id)]);
    await load(this.#tx, this.#work, clientAccounts, 'WHERE r.client_id = $1::bigint ORDER BY r.asset', [
      String(id),
    ]);
    await loadLimits(this.#tx, this.#work);
    return known.length > 0;
  }

  async owner(kind: 'payout' | 'conversion', id: string): Promise<Explanation> {
    const [tx, work] = [this.#tx, this.#work];
    if (kind === 'payout') {
      await load(tx, work, payoutBatches, 'WHERE r.payout_id = $1::uuid', [id]);
      await this.#loadClient(payoutOf(work, id).client_id);
    } else await load(tx, work, conversions, 'WHERE r.conversion_id = $1::uuid', [id]);
    const owned = [kind, id];
    await load(
      tx,
      work,
      swapOrders,
      'WHERE r.owner_kind = $1 AND r.owner_id = $2::uuid ORDER BY r.attempt',
      owned,
    );
    const sent = await load(
      tx,
      work,
      transfers,
      'WHERE r.owner_kind = $1 AND r.owner_id = $2 ORDER BY r.attempt',
      owned,
    );
    await load(tx, work, wallets, 'WHERE r.chain_id = $1::bigint AND r.address = $2', [
      String(this.#policy.chainId),
      this.#policy.host,
    ]);
    const transferKey = `transfer:${sent.at(-1)?.transfer_id ?? eventId('transfer', kind, id, 1)}`;
    const intents = await intentStates(tx, [`${kind}:${id}`, transferKey]);
    const parkedOf = (key: string) => {
      const intent = intents.get(key);
      return intent?.isParked ? { key, error: intent.error } : undefined;
    };
    return explainOwner(work, kind, id, {
      ...(await this.#funds(kind, id)),
      policy: this.#policy,
      parked: parkedOf(`${kind}:${id}`),
      transferParked: parkedOf(transferKey),
    });
  }

  async #funds(
    kind: 'payout' | 'conversion',
    id: string,
  ): Promise<Pick<OwnerWorld, 'funds' | 'spent' | 'converting'>> {
    const [tx, work] = [this.#tx, this.#work];
    const isPayout = kind === 'payout';
    const funds = isPayout
      ? await fundsOfPayout(tx, payoutOf(work, id).client_id, id)
      : await fundsOfConversion(tx, id);
    const { day, month } = isPayout ? await payoutsSpent(tx, work.now, id) : { day: '0', month: '0' };
    const converting = await load(
      tx,
      isPayout ? work : new Work(work.now),
      conversions,
      "WHERE r.state NOT IN ('completed', 'cancelled') ORDER BY r.created_at, r.conversion_id LIMIT 1",
      [],
    );
    return { funds, converting, spent: { day: usd(day), month: usd(month) } };
  }

  async payments(id: string): Promise<Explanation[]> {
    const rows = await load(
      this.#tx,
      this.#work,
      paymentStatus,
      'WHERE r.payment_id = $1 ORDER BY r.client_id LIMIT 10',
      [id],
    );
    if (rows.length === 0) return this.#parkedOnly(id);
    const found: Explanation[] = [];
    for (const row of rows) found.push(await this.#payment(row));
    return found;
  }

  /** Nothing of it was ever applied. */
  async #parkedOnly(id: string): Promise<Explanation[]> {
    const entity = await parkedPayment(this.#tx, id);
    if (entity === undefined) return [];
    const [, client] = entity.split(':');
    const { rule, text } = quarantinedText(await this.#parked(entity));
    const sentence = `Payment ${id} of client ${client} ${text}.`;
    return [{ kind: 'payment', id, rule, sentence, facts: { state: 'never applied' } }];
  }

  #parked(entity: string): Promise<QuarantinedRow[]> {
    return load(
      this.#tx,
      this.#work,
      quarantined,
      'WHERE r.entity = $1 AND r.redriven_at IS NULL ORDER BY r.at, r.source_offset',
      [entity],
    );
  }

  async #payment(row: PaymentStatusRow): Promise<Explanation> {
    await this.#loadClient(row.client_id);
    const legs = await coveredLegs(this.#tx, row);
    const confirm = `confirm:${row.client_id}|${row.provider}|${row.payment_id}`;
    const intents = await intentStates(this.#tx, [confirm]);
    const open = legs.find((leg) => !leg.is_paid_out) ?? legs.at(-1);
    const next = open && (await this.#next(row.client_id, open.payout_id));
    return explainPayment(row, {
      legs: legs.map(({ leg, seq, asset, net, payout_id }) => ({
        leg,
        seq: BigInt(seq),
        asset,
        net: BigInt(net),
        payoutId: payout_id,
      })),
      parked: row.quarantined
        ? await this.#parked(paymentEntity({ ...row, client_id: String(row.client_id) }))
        : [],
      asking: intents.get(confirm),
      strategy: this.#work.get(clients, row.client_id)?.payout_strategy,
      usdtPerEth: await this.#usdtPerEth(),
      next,
    });
  }

  /** Of its payout; while none covers it, of what is free. */
  async #next(clientId: bigint, payoutId: string | null): Promise<Explanation | undefined> {
    if (payoutId !== null) return this.owner('payout', payoutId);
    await this.#loadClient(clientId);
    const accounts = this.#work.all(clientAccounts).filter((account) => account.client_id === clientId);
    const usdtPerEth = await this.#usdtPerEth();
    return explainClient(this.#work, clientId, accounts, undefined, usdtPerEth);
  }

  async #usdtPerEth(): Promise<string | undefined> {
    const rate = await usableRate(this.#tx, this.#work, this.#policy.rateMaxAgeMs);
    return rate?.usdt_per_eth;
  }
}
