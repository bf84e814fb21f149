/** When a balance is due, with the reason why not; the payout that is made of it; and how its event shows its way. */
import { describe, expect, it } from 'vitest';
import { glTransfers, payoutBatches, swapOrders, transfers } from '../../../../ledger/tables.ts';
import { dueNow, usdValue } from '../../../../processors/accumulate/payout.ts';
import { emitPayout } from '../../../../processors/accumulate/payout-event.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import { eventId } from '../../../../schemas/event-id.ts';
import type { PayoutEvent } from '../../../../schemas/events.ts';
import {
  accountRow,
  CLIENT,
  CONTEXT,
  clientRow,
  eth,
  limitRow,
  NOW,
  PARTITION,
  proposed,
  recordOf,
  usdt,
  workWith,
} from '../../../fixtures/ledger-rows.ts';
import { Desk } from '../../../fixtures/out-desk.ts';
import { outWork, PAYIN, PAYOUT_ID, payoutRow, QUOTE, replyTo } from '../../../fixtures/out-rows.ts';

describe('due', () => {
  const minimum = limitRow('USDT', '10');
  const day = 86_400_000;
  const due = (
    balance: string,
    account: Parameters<typeof accountRow>[1] = {},
    client: Parameters<typeof clientRow>[0] = {},
    limit: typeof minimum | undefined = minimum,
  ) => {
    const row = accountRow('USDT', { available: usdt(balance).minor, ...account });
    const answer = dueNow(clientRow(client), row, limit, NOW);
    return answer.due ? 'due' : answer.reason;
  };
  const waited = (ms: number) => ({ waiting_since: new Date(NOW.getTime() - ms) });

  it.each([
    ['the threshold is reached', () => due('500'), 'due'],
    ['the threshold is not', () => due('499.999999'), 'below_threshold'],
    ['nothing is there', () => due('0'), 'below_threshold'],
    ['a debt is open', () => due('500', { debt: 1n }), 'client_debt'],
    ['a debt is open and nothing is there', () => due('0', { debt: 1n }), 'client_debt'],
    ['below the minimum', () => due('9.999999', {}, { payout_threshold_usd: '5.00' }), 'below_minimum'],
    ['at the minimum', () => due('10', {}, { payout_threshold_usd: '5.00' }), 'due'],
    ['the longest wait is over', () => due('20', waited(day), { max_wait_ms: BigInt(day) }), 'due'],
    ['it is not', () => due('20', waited(day - 1), { max_wait_ms: BigInt(day) }), 'below_threshold'],
    ['there is no longest wait', () => due('20', waited(day)), 'below_threshold'],
    ['nothing waits', () => due('20', { waiting_since: null }, { max_wait_ms: 0n }), 'below_threshold'],
  ])('%s: %s', (_name, answer, expected) => {
    expect(answer()).toBe(expected);
  });

  it('not while the minimum is unknown; a reason that is known already comes first', () => {
    const of = (balance: string, wait: object = {}) =>
      dueNow(clientRow(), accountRow('USDT', { available: usdt(balance).minor, ...wait }), undefined, NOW);
    // Without the provider's word a threshold that is reached is due: the order is refused below the minimum.
    expect(of('500')).toEqual({ due: true });
    expect(of('20')).toEqual({ due: false, reason: 'below_threshold' });
    const instant = clientRow({ payout_strategy: 'instant', payout_threshold_usd: null });
    const row = accountRow('ETH', { available: 1n });
    expect(dueNow(instant, row, undefined, NOW)).toEqual({ due: false, reason: 'minimum_unknown' });
  });
});

describe('in US dollars', () => {
  it('cents are floored; ETH needs a rate', () => {
    expect(usdValue('USDT', usdt('48.509999').minor, undefined)).toBe('48.50');
    expect(usdValue('USDT', usdt('0.009999').minor, undefined)).toBe('0.00');
    expect(usdValue('ETH', eth('0.012125').minor, '4000.99')).toBe('48.51');
    expect(usdValue('ETH', eth('1').minor, undefined)).toBeNull();
  });
});

describe('the payout', () => {
  const work = () => {
    const made = workWith({ payout_threshold_usd: '48.50' });
    accumulate(made, recordOf(proposed()), CONTEXT);
    return made;
  };

  it('starts clean, posted for its client, and is looked at at once', () => {
    const made = work();
    const [row] = made.all(payoutBatches);
    expect(row).toMatchObject({ parked: false, funds_seen: false, attempt: 0, created_at: NOW });
    expect(made.changed(glTransfers)).toMatchObject([
      { cause_kind: 'payout_created', cause_id: row!.payout_id, client_id: CLIENT, partition: PARTITION },
    ]);
    expect(made.intents.get(`payout:${row!.payout_id}`)).toMatchObject({ kind: 'payout', dueAt: NOW });
    expect(made.intents.get('treasury')).toMatchObject({ kind: 'treasury', subject: 'treasury' });
  });
});

describe('its event', () => {
  const eventOf = (desk: Desk) => {
    desk.work.outbox.length = 0;
    emitPayout(desk.work, desk.work.all(payoutBatches)[0]!);
    return desk.work.outbox.at(-1)!.value as PayoutEvent;
  };

  it('before anything was ordered: the destination, no swap, no transfer', () => {
    const desk = new Desk(outWork({ memo: 'm' }), 'payout', PAYOUT_ID);
    const row = payoutRow();
    expect(eventOf(desk)).toMatchObject({
      destination: { currency: 'xmr', network: 'xmr', address: row.address, memo: 'm' },
      swap: null,
      transfer: null,
    });
  });

  it('shows the order once it has an id, and the transfer once it is signed', () => {
    const desk = new Desk(outWork(), 'payout', PAYOUT_ID);
    const made = desk.plan();
    if (!('call' in made) || made.call.do !== 'create') throw new Error('no order');
    desk.apply(made, { ok: { do: 'created', order: replyTo(made.call.request) } });
    desk.apply(desk.plan(), { ok: { do: 'quote', quote: QUOTE } });
    const order = desk.work.must(swapOrders, 'payout', PAYOUT_ID, 1);
    expect(eventOf(desk)).toMatchObject({
      swap: { provider: 'changenow', id: order.provider_id, expected: '0.32', received: null },
      transfer: null,
    });
    desk.send();
    const transfer = desk.work.must(transfers, eventId('transfer', 'payout', PAYOUT_ID, 1));
    expect(eventOf(desk).transfer).toEqual({
      hash: transfer.hash,
      nonce: 7n,
      to: PAYIN,
      amount: usdt('48.5'),
      block: null,
    });
    desk.work.load(swapOrders, [{ ...order, provider_id: null }]);
    expect(eventOf(desk).swap).toBeNull();
  });

  it('has an id for each revision', () => {
    const ids = [1n, 2n].map((revision) => {
      const desk = new Desk(outWork({ revision }), 'payout', PAYOUT_ID);
      return eventOf(desk).event_id;
    });
    expect(new Set(ids).size).toBe(2);
  });
});
