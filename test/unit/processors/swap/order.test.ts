/** Orders: numbering, the request, and every field in which a reply may contradict it. */
import { describe, expect, test } from 'vitest';
import { swapOrders } from '../../../../ledger/tables.ts';
import {
  adoptOrder,
  beginOrder,
  canonical,
  closeOrder,
  contradictions,
  openOrder,
  ordersOf,
  requestOf,
  sameAmount,
} from '../../../../processors/swap/order.ts';
import { ownerOf } from '../../../../processors/swap/owner.ts';
import {
  CONVERSION_ID,
  conversionWork,
  HOST,
  outWork,
  PAYIN,
  PAYOUT_ID,
  replyTo,
  XMR,
} from '../../../fixtures/out-rows.ts';

function begun(part = {}) {
  const work = outWork(part);
  const owner = ownerOf(work, 'payout', PAYOUT_ID, HOST);
  const order = beginOrder(work, owner);
  return { work, owner, order, request: requestOf(order, HOST) };
}

test('the request names the pair, the exact amount, both addresses and our reference [failures 2, 5, 11, H8, H22]', () => {
  const { request } = begun({ address: XMR, memo: '77' });
  expect(request).toEqual({
    pair: { fromCurrency: 'usdt', fromNetwork: 'eth', toCurrency: 'xmr', toNetwork: 'xmr' },
    fromAmount: '48.5',
    address: XMR,
    memo: '77',
    refundAddress: HOST,
    reference: `payout-${PAYOUT_ID}-1`,
  });
});

test('a conversion is paid to our own wallet', () => {
  const work = conversionWork();
  const order = beginOrder(work, ownerOf(work, 'conversion', CONVERSION_ID, HOST));
  const request = requestOf(order, HOST);
  expect(request).toMatchObject({ fromAmount: '0.1375', address: HOST, refundAddress: HOST });
  expect(contradictions(request, replyTo(request))).toEqual([]);
});

test('a closed order is never taken up again: the next one has the next number', () => {
  const { work, owner, order } = begun();
  closeOrder(work, order);
  expect(openOrder(work, owner)).toBeUndefined();
  expect(beginOrder(work, owner)).toMatchObject({ attempt: 2, reference: `payout-${PAYOUT_ID}-2` });
});

test('an order of an attempt that was funded is not open', () => {
  const { work, order, request } = begun();
  adoptOrder(work, order, replyTo(request));
  expect(openOrder(work, { ...ownerOf(work, 'payout', PAYOUT_ID, HOST), attempt: 1 })).toBeUndefined();
  expect(work.all(swapOrders)).toHaveLength(1);
});

describe('orders of an owner', () => {
  test('are its own alone, by attempt', () => {
    const { work, order } = begun();
    const row = { ...order, state: 'closed' };
    work.load(swapOrders, [
      { ...row, attempt: 3, reference: 'three' },
      { ...row, attempt: 2, reference: 'two' },
      { ...row, owner_id: CONVERSION_ID, attempt: 8 },
      { ...row, owner_kind: 'conversion', attempt: 9 },
    ]);
    const owner = ownerOf(work, 'payout', PAYOUT_ID, HOST);
    expect(ordersOf(work, owner).map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(beginOrder(work, owner).attempt).toBe(4);
  });

  test('number on from the attempt that the owner is in', () => {
    const work = outWork({ attempt: 5 });
    expect(beginOrder(work, ownerOf(work, 'payout', PAYOUT_ID, HOST)).attempt).toBe(6);
  });
});

test.each([
  ['48.5', '48.500', true],
  ['48.5', '48.51', false],
  ['48.5', 'many', false],
  ['', '', false],
])('amounts %s and %s are the same: %s', (a, b, same) => {
  expect(sameAmount(a, b)).toBe(same);
});

test('addresses of our chain are the same in any case, others only as they are', () => {
  expect(canonical(HOST)).toBe(canonical(HOST.toLowerCase()));
  for (const other of [XMR, `${HOST}A`, `A${HOST}`]) expect(canonical(other)).toBe(other);
});

describe('a reply', () => {
  test('that says what was asked may be funded, whatever the case of EVM addresses and tickers', () => {
    const { request } = begun();
    const reply = { refundAddress: HOST.toLowerCase(), fromCurrency: 'USDT', fromAmount: '48.500' };
    expect(contradictions(request, replyTo(request, reply))).toEqual([]);
  });

  test('without a refund address is as documented', () => {
    const { request } = begun();
    expect(contradictions(request, replyTo(request, { refundAddress: null }))).toEqual([]);
  });

  test.each([
    [{ fromCurrency: 'usdc' }, /fromCurrency usdc/],
    [{ fromNetwork: 'trx' }, /fromNetwork trx/],
    [{ toCurrency: 'xmrt' }, /toCurrency/],
    [{ toNetwork: 'bsc' }, /toNetwork/],
    [{ fromAmount: '48.51' }, /amount 48.51/],
    [{ fromAmount: 'many' }, /amount many/],
    [{ payoutAddress: '4Other' }, /payout address 4Other/],
    [{ payoutAddress: XMR.toLowerCase() }, /payout address/],
    [{ payoutExtraId: '9' }, /payout memo 9/],
    [{ refundAddress: '0x0000000000000000000000000000000000000bad' }, /refund address/],
    [{ reference: 'payout-of-another' }, /reference/],
    [{ payinAddress: 'TNonEvm' }, /deposit address/],
    [{ payinAddress: `0x${'0'.repeat(40)}` }, /deposit address/],
    [{ payinAddress: `${PAYIN}0` }, /deposit address/],
    [{ payinAddress: ` ${PAYIN}` }, /deposit address/],
    [{ payinAddress: HOST }, /not the provider’s own/],
    [{ payinExtraId: '5' }, /needs a memo/],
  ])('that says %o is not funded [failures 1, 5, 11]', (part, what) => {
    const { request } = begun({ memo: null });
    expect(contradictions(request, replyTo(request, part)).join('; ')).toMatch(what);
  });
});
