/** Parked records on their way back: in order, one by one, and what tells a recomputation that a value was not booked. */
import { describe, expect, it } from 'vitest';
import { paymentStatus, type QuarantinedRow, quarantined } from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import type { ValuedRecord } from '../../../../processors/accumulate/record.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import { eventId } from '../../../../schemas/event-id.ts';
import type { JournalRecord, PaymentValued } from '../../../../schemas/events.ts';
import { TOPIC } from '../../../../schemas/topology.ts';
import {
  CLIENT,
  CONTEXT,
  facts,
  NOW,
  PARTITION,
  proposed,
  recordOf,
  workWith,
} from '../../../fixtures/ledger-rows.ts';

const ENTITY = `payment:${CLIENT}:nowpayments:5077125051`;
const status = (work: Work) => work.must(paymentStatus, CLIENT, 'nowpayments', '5077125051');
const sentOn = (work: Work) => work.outbox.filter(({ topic }) => topic === TOPIC.valued);

function parkedRow(offset: bigint, part: Partial<QuarantinedRow> = {}): QuarantinedRow {
  return {
    event_id: eventId('parked', String(offset)),
    topic: TOPIC.valued,
    part: PARTITION,
    source_offset: offset,
    attempt: 0,
    entity: ENTITY,
    reason: 'behind_quarantined',
    detail: 'behind',
    key: String(CLIENT),
    value: Buffer.from(`record ${offset}`),
    signature_form: null,
    at: NOW,
    redriven_at: null,
    ...part,
  };
}

/** The payment is parked, and so are these records of it. */
function closedDoor(...rows: readonly QuarantinedRow[]): Work {
  const work = workWith();
  accumulate(work, recordOf(proposed({ payment_status: 'waiting' })), CONTEXT);
  work.load(paymentStatus, [{ ...status(work), quarantined: true }]);
  work.load(quarantined, rows);
  work.outbox.length = 0;
  return work;
}

const last: Partial<ValuedRecord> = { attempt: 1, lastOfRedrive: true };
const redrive = (work: Work, value: PaymentValued = proposed()) =>
  accumulate(work, recordOf(value, last), CONTEXT);

describe('the last record of a redrive', () => {
  it('opens the door when nothing of the payment is parked any more', () => {
    const work = closedDoor(
      parkedRow(1n, { redriven_at: NOW }),
      parkedRow(2n, { entity: `payment:${CLIENT}:nowpayments:other` }),
    );
    expect(redrive(work).end).toBe('applied');
    expect(status(work).quarantined).toBe(false);
    expect(sentOn(work)).toEqual([]);
  });

  it('sends the next one that was only behind: as it was, one try on, and marked as the last', () => {
    const work = closedDoor(parkedRow(5n, { attempt: 2 }));
    redrive(work);
    const row = parkedRow(5n);
    expect(sentOn(work)).toMatchObject([
      {
        key: String(CLIENT),
        type: 'payment.redriven',
        value: { event_id: row.event_id, bytes: row.value },
        headers: { 'redrive-attempt': '3', 'redrive-last': '1' },
      },
    ]);
    expect(work.must(quarantined, row.event_id).redriven_at).toEqual(NOW);
    expect(status(work).quarantined).toBe(true);
  });

  it('lets them follow in the order in which they came, whatever the order of the rows', () => {
    const early = new Date(NOW.getTime() - 60_000);
    const work = closedDoor(
      parkedRow(9n),
      parkedRow(30n, { at: early }),
      parkedRow(8n),
      parkedRow(20n, { at: early }),
    );
    for (let n = 0; n < 5; n++) redrive(work);
    const order = sentOn(work).map(({ value }) => value.bytes?.toString());
    expect(order).toEqual(['record 20', 'record 30', 'record 8', 'record 9']);
    expect(status(work).quarantined).toBe(false);
  });

  it('sends nothing on while one is parked for a reason of its own: a person decides about that first', () => {
    const work = closedDoor(parkedRow(5n), parkedRow(6n, { reason: 'field_invalid' }));
    redrive(work);
    expect([sentOn(work), status(work).quarantined]).toEqual([[], true]);
  });

  it('parked again, it opens nothing', () => {
    const work = closedDoor(parkedRow(5n));
    expect(redrive(work, { ...proposed(), net: null }).end).toBe('quarantined');
    expect([sentOn(work), status(work).quarantined]).toEqual([[], true]);
  });
});

describe('a record that convert refused because the client was not there yet', () => {
  const refused = (payment = facts()): PaymentValued => ({
    ...proposed({ payment_status: 'waiting' }),
    payment,
    kind: 'rejected',
    reason: 'unknown_client',
  });

  it('is parked, and sent back to be valued anew', () => {
    const work = workWith();
    const value = refused();
    expect(accumulate(work, recordOf(value, { attempt: 3 }), CONTEXT)).toEqual({
      end: 'quarantined',
      reason: 'unknown_client',
    });
    expect(work.changed(quarantined)).toMatchObject([{ attempt: 3, redriven_at: NOW }]);
    expect(work.outbox).toMatchObject([
      { topic: TOPIC.quarantine, type: 'quarantine.unknown_client' },
      {
        topic: TOPIC.received,
        key: String(CLIENT),
        type: 'payment.received',
        value: {
          event_id: value.received_id,
          payment: value.payment,
          raw_digest: '',
          signature_form: 'none',
          source: 'redrive',
        },
        headers: { 'redrive-attempt': '4', 'redrive-last': '1' },
      },
    ]);
    expect(status(work).quarantined).toBe(true);
  });
});

describe('a value that was not booked is noted', () => {
  const notes = (work: Work) =>
    work.outbox
      .filter(({ topic }) => topic === TOPIC.journal)
      .map(({ value }) => value as JournalRecord)
      .filter(({ cause_kind }) => cause_kind === 'not_credited')
      .map(({ cause_id }) => cause_id);
  const noRate = { rate: null };

  it('by its event and its place in the log', () => {
    const work = workWith();
    accumulate(work, recordOf(proposed()), CONTEXT);
    const clash = recordOf(proposed({ outcome_amount: '0.02' }), { offset: 77n });
    accumulate(work, clash, CONTEXT);
    expect(notes(work)).toEqual([`${clash.value.event_id}:${PARTITION}:77`]);
  });

  it('without a rate, too', () => {
    const work = workWith();
    accumulate(work, recordOf(proposed()), CONTEXT);
    accumulate(work, recordOf(proposed({ outcome_amount: '0.02' }, noRate)), CONTEXT);
    expect(notes(work)).toHaveLength(1);
  });

  it('and so is its repeat while it waits for confirmation', () => {
    const work = workWith();
    accumulate(work, recordOf(proposed({ payment_status: 'expired' })), CONTEXT);
    for (let n = 0; n < 2; n++) accumulate(work, recordOf(proposed()), CONTEXT);
    expect(notes(work)).toHaveLength(2);
  });

  it('a status has no value that could be booked', () => {
    const work = workWith();
    accumulate(work, recordOf(proposed()), CONTEXT);
    expect(accumulate(work, recordOf(proposed({ payment_status: 'sending' })), CONTEXT).reason).toBe(
      'stale_status',
    );
    expect(notes(work)).toEqual([]);
  });
});
