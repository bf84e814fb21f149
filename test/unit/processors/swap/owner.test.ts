/** What others see of payouts and conversions: why they wait, what is parked, each change once. */
import { describe, expect, test } from 'vitest';
import { conversions, payoutBatches, swapOrders, transfers } from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { emitConversion } from '../../../../processors/swap/conversion-event.ts';
import { explain, markParked, move, ownerOf, payoutOf } from '../../../../processors/swap/owner.ts';
import { eventId } from '../../../../schemas/event-id.ts';
import type { ConversionEvent } from '../../../../schemas/events.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import { CLIENT, eth, NOW, usdt } from '../../../fixtures/ledger-rows.ts';
import { Desk } from '../../../fixtures/out-desk.ts';
import {
  CONVERSION_ID,
  conversionWork,
  HOST,
  outWork,
  PAYIN,
  PAYOUT_ID,
  payoutRow,
  QUOTE,
  replyTo,
} from '../../../fixtures/out-rows.ts';

interface Shown {
  readonly state: string;
  readonly reason: string | null;
  readonly parked: boolean;
}

/** The same rules for both kinds. */
const KINDS = [
  {
    kind: 'payout',
    id: PAYOUT_ID,
    with: (part: object): Work => outWork(part),
    row: (work: Work): Shown => work.must(payoutBatches, CLIENT, PAYOUT_ID),
  },
  {
    kind: 'conversion',
    id: CONVERSION_ID,
    with: (part: object): Work => conversionWork(part),
    row: (work: Work): Shown => work.must(conversions, CONVERSION_ID),
  },
] as const;

describe.each(KINDS)('a $kind', (one) => {
  const owner = { kind: one.kind, id: one.id };

  test('parking shows in the row and on the topic, with the reason it had or that nobody answered', () => {
    const silent = one.with({ reason: null });
    markParked(silent, owner, true);
    expect(one.row(silent)).toMatchObject({ parked: true, reason: 'provider_unavailable' });
    expect(silent.outbox).toMatchObject([{ value: { parked: true } }]);

    const held = one.with({ reason: 'provider_hold' });
    markParked(held, owner, true);
    expect(one.row(held).reason).toBe('provider_hold');
  });

  test('it is said once, and taken back once it goes on', () => {
    const work = one.with({ parked: true, reason: 'provider_hold' });
    markParked(work, owner, true);
    expect(work.outbox).toEqual([]);
    markParked(work, owner, false);
    expect(one.row(work)).toMatchObject({ parked: false, reason: 'provider_hold' });
  });

  test('why it waits is an event when that is news', () => {
    const work = one.with({ reason: 'gas_low' });
    explain(work, owner, 'gas_low');
    expect(work.outbox).toEqual([]);
    explain(work, owner, 'gas_price_high');
    expect(one.row(work)).toMatchObject({ reason: 'gas_price_high', parked: false });
    explain(work, owner, 'gas_price_high', true);
    expect(one.row(work).parked).toBe(true);
    explain(work, owner, null, true);
    expect(one.row(work)).toMatchObject({ reason: null, parked: true });
    expect(work.outbox).toHaveLength(3);
  });

  test('a step forgets why it waited, unless it says so itself', () => {
    const work = one.with({ reason: 'gas_low', parked: true });
    move(work, owner, 'on_hold', { reason: 'operator' });
    expect(one.row(work)).toMatchObject({ state: 'on_hold', reason: 'operator', parked: false });
    move(work, owner, 'awaiting_funds');
    expect(one.row(work)).toMatchObject({ state: 'awaiting_funds', reason: null, parked: false });
  });
});

test('a payout is found among others by its id, and a missing one is a fault of ours', () => {
  const work = outWork();
  const other = '00000000-0000-4000-8000-000000000001';
  work.load(payoutBatches, [payoutRow({ payout_id: other })]);
  for (const id of [PAYOUT_ID, other]) expect(payoutOf(work, id).payout_id).toBe(id);
  expect(() => payoutOf(work, 'gone')).toThrow('payout gone was not loaded');
});

describe('the event of a conversion', () => {
  const eventOf = (work: Work) => {
    work.outbox.length = 0;
    emitConversion(work, work.must(conversions, CONVERSION_ID));
    return work.outbox[0]!;
  };

  test('before anything came', () => {
    expect(eventOf(conversionWork({ reason: 'gas_low', parked: true }))).toMatchObject({
      topic: TOPIC.conversions,
      key: CONVERSION_ID,
      type: 'conversion.awaiting_funds',
      value: {
        conversion_id: CONVERSION_ID,
        occurred_at: NOW,
        status: 'awaiting_funds',
        reason: 'gas_low',
        parked: true,
        amount: eth('0.1375'),
        expected: usdt('550'),
        received: null,
        swap: null,
        transfer: null,
        attempt: 0,
        revision: 1n,
      },
    });
  });

  test('with what came', () => {
    const { value } = eventOf(conversionWork({ state: 'completed', usdt_received: 548_900_000n }));
    expect((value as ConversionEvent).received).toEqual(usdt('548.9'));
  });

  test('with its order and its transfer', () => {
    const desk = new Desk(conversionWork(), 'conversion', CONVERSION_ID);
    const step = desk.plan();
    if (!('call' in step) || step.call.do !== 'create') throw new Error('no order');
    desk.answer(step, { ok: { do: 'created', order: replyTo(step.call.request) } });
    desk.answer(desk.plan(), { ok: { do: 'quote', quote: QUOTE } });
    desk.send();
    const order = desk.work.must(swapOrders, 'conversion', CONVERSION_ID, 1);
    const transfer = desk.work.must(transfers, eventId('transfer', 'conversion', CONVERSION_ID, 1));
    expect(eventOf(desk.work).value).toMatchObject({
      swap: { id: order.provider_id },
      transfer: { hash: transfer.hash, to: PAYIN, amount: eth('0.1375') },
    });
  });

  test('has an id for each revision', () => {
    const ids = [1n, 2n].map((revision) => eventOf(conversionWork({ revision })).value.event_id);
    expect(new Set(ids).size).toBe(2);
  });

  test('comes with every change', () => {
    const work = conversionWork();
    move(work, ownerOf(work, 'conversion', CONVERSION_ID, HOST), 'on_hold');
    expect(work.outbox).toMatchObject([{ type: 'conversion.on_hold', value: { revision: 2n } }]);
  });
});
