/** Orders: one per invoice, stored with its plan before the provider is asked. */
import { load, write } from '../../ledger/store.ts';
import { type OrderRow, orders, plans } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import type { NowPayments } from '../../providers/nowpayments/client.ts';
import { makeOrderId, ORDER_RANDOM_BYTES, type OrderMac } from '../../schemas/order-id.ts';
import { type ApiDeps, readClientId } from './clients.ts';
import { InputError } from './input-error.ts';

export interface OrderDeps extends ApiDeps {
  readonly nowpayments: Pick<NowPayments, 'createInvoice'>;
  readonly mac: OrderMac;
  readonly random: (bytes: number) => Uint8Array;
  /** Where NOWPayments sends its IPNs and payers come back to. */
  readonly publicUrl: string;
}

export interface NewOrder {
  readonly clientId: string;
  readonly tier: number;
  readonly userId: bigint | null;
}

const MAX_USER = 2n ** 63n;

/** @throws InputError, or ProviderError: the order then stays without an invoice, which costs nothing */
export async function createOrder(deps: OrderDeps, input: NewOrder): Promise<OrderRow> {
  const clientId = readClientId(input.clientId);
  const { tier, userId } = input;
  if (!Number.isInteger(tier) || tier < 1 || tier > 9)
    throw new InputError('tier', String(tier), 'give 1 to 9');
  if (userId !== null && (userId <= 0n || userId >= MAX_USER))
    throw new InputError('user', String(userId), 'give a Telegram id');
  const order = await deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    await load(tx, work, plans, 'WHERE r.client_id = $1::bigint', [clientId.toString()]);
    const plan = work.get(plans, clientId, tier);
    if (!plan) throw new InputError('tier', String(tier), `client ${input.clientId} has no such plan`);
    const id = makeOrderId({
      client: input.clientId,
      random: deps.random(ORDER_RANDOM_BYTES),
      mac: deps.mac,
    });
    const row = work.put(orders, {
      client_id: clientId,
      order_id: id,
      user_id: userId,
      tier,
      price_usd: plan.price_usd,
      days: plan.days,
      invoice_id: null,
      invoice_url: null,
      created_at: work.now,
    });
    await write(tx, work, deps.codec);
    return row;
  });
  const invoice = await deps.nowpayments.createInvoice({
    orderId: order.order_id,
    priceUsd: order.price_usd,
    description: `Access for ${order.days} days`,
    ipnUrl: `${deps.publicUrl}/webhooks/nowpayments`,
  });
  return deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    const row = work.put(orders, {
      ...order,
      invoice_id: invoice.invoiceId,
      invoice_url: invoice.invoiceUrl,
    });
    await write(tx, work, deps.codec);
    return row;
  });
}
