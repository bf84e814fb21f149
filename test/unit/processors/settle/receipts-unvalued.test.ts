/** A partial payment that was booked without a value: its coins are here, so GET's `partially_paid` confirms them. */
import { describe, expect, it } from 'vitest';
import type { PaymentStatusRow } from '../../../../ledger/tables.ts';
import { newStatus } from '../../../../processors/accumulate/status.ts';
import { compareReceipt } from '../../../../processors/settle/transition-receipts.ts';
import { eth, facts, proposed, recordOf, workWith } from '../../../fixtures/ledger-rows.ts';

const HASH = `0x${'ab'.repeat(32)}`;
const told = {
  status: 'partially_paid',
  orderId: facts().order_id,
  outcomeAmount: '0.01',
  outcomeCurrency: 'eth',
  payoutHash: HASH,
};

function booked(part: Partial<PaymentStatusRow>): PaymentStatusRow {
  const record = recordOf(proposed({ payment_status: 'partially_paid', outcome_amount: '0.01' }));
  return { ...newStatus(workWith(), record), received_asset: 'ETH', incoming: eth('0.01').minor, ...part };
}

describe('partially paid, said GET', () => {
  it.each([
    ['credited as leg 1', { state: 'credited', legs: 1 }, 'confirmed'],
    ['booked without a value', { state: 'unvalued', legs: 0 }, 'confirmed'],
    ['not booked', { state: 'open', legs: 0 }, 'contradicted'],
  ])('%s', (_name, part, verdict) => {
    expect(compareReceipt(booked(part), told).is).toBe(verdict);
  });
});
