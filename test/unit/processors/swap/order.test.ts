/** Orders: numbering, the request, and every field in which a reply may contradict it. */
import { describe, expect, test } from 'vitest';
import { swapOrders } from '../../../../ledger/tables.ts';
import {
  adoptOrder,
  beginOrder,
  closeOrder,
  contradictions,
  openOrder,
  requestOf,
} from '../../../../processors/swap/order.ts';
import { ownerOf } from '../../../../processors/swap/owner.ts';
import {
  CONVERSION_ID,
  conversionWork,
  HOST,
  outWork,
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
    [{ payinAddress: HOST }, /not the provider’s own/],
    [{ payinExtraId: '5' }, /needs a memo/],
  ])('that says %o is not funded [failures 1, 5, 11]', (part, what) => {
    const { request } = begun({ memo: null });
    expect(contradictions(request, replyTo(request, part)).join('; ')).toMatch(what);
  });
});
