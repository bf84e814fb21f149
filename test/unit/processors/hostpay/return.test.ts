/** A payment that we send back: what must hold before, and that the credit is undone only when our transfer is final. */
import { expect, test } from 'vitest';
import { clientAccounts, paymentStatus, transfers, transferTxs, wallets } from '../../../../ledger/tables.ts';
import type { Work } from '../../../../ledger/work.ts';
import { accumulate } from '../../../../processors/accumulate/transition.ts';
import { finishTransfer } from '../../../../processors/hostpay/finish.ts';
import { chooseReturn, ReturnRefused } from '../../../../processors/hostpay/return.ts';
import { applyBroadcast, applyPrepared } from '../../../../processors/hostpay/transition.ts';
import {
  CLIENT,
  CONTEXT,
  eth,
  PARTITION,
  proposed,
  recordOf,
  workWith,
} from '../../../fixtures/ledger-rows.ts';
import { PAPER_SIGNER, PAYIN, POLICY, QUOTE, WALLET } from '../../../fixtures/out-rows.ts';

const ID = '00000000-0000-4000-8000-0000000000ee';
const RICH = { host: eth('1').minor, gas: eth('1').minor };
const REQUEST = {
  clientId: CLIENT,
  provider: 'nowpayments',
  paymentId: '5077125051',
  to: PAYIN,
  quote: QUOTE,
};

/** Credited, confirmed, then reported as refunded. */
function refundedWork(part: object = {}): Work {
  const work = workWith();
  accumulate(work, recordOf(proposed()), CONTEXT);
  const row = work.all(paymentStatus)[0]!;
  work.load(paymentStatus, [{ ...row, status: 'refunded', confirmed: row.incoming, ...part }]);
  work.load(wallets, [WALLET]);
  return work;
}

function choose(work: Work, balances = RICH): void {
  chooseReturn(work, work.all(paymentStatus)[0]!, ID, REQUEST, balances, POLICY);
}

function context(work: Work) {
  return {
    transfer: work.must(transfers, ID),
    owner: undefined,
    scope: { clientId: CLIENT, partition: PARTITION },
    wallet: work.all(wallets)[0],
    gas: RICH.gas,
    policy: POLICY,
    signer: PAPER_SIGNER,
  };
}

function finish(work: Work, status: 0 | 1): void {
  const ok = { do: 'prepare', latestNonce: 0n, quote: QUOTE, balance: RICH.host } as const;
  applyPrepared(work, context(work), { ok });
  applyBroadcast(work, context(work), { ok: { do: 'broadcast' } });
  const tx = work.all(transferTxs)[0]!;
  const receipt = { hash: tx.hash, block: 9n, status, gasUsed: 21_000n, effectiveGasPrice: 10n ** 9n };
  finishTransfer(work, context(work), tx, receipt);
}

test('final: the coins left, the credit is undone, nothing stays set aside', () => {
  const work = refundedWork();
  choose(work);
  expect(work.must(clientAccounts, CLIENT, 'USDT').available).toBe(48_500_000n);
  finish(work, 1);
  expect(work.must(clientAccounts, CLIENT, 'USDT').available).toBe(0n);
  expect(work.all(paymentStatus)[0]).toMatchObject({ state: 'closed', incoming: 0n });
  expect(work.walletDeltas.get('wallet:host|ETH')).toBe(-eth('0.0125').minor);
  expect(work.walletDeltas.get('wallet:sending|ETH')).toBe(0n);
  expect(work.walletDeltas.get('wallet:gas_held|ETH')).toBe(0n);
});

test('reverted: the coins are here again and nothing of the client changed', () => {
  const work = refundedWork();
  choose(work);
  finish(work, 0);
  expect(work.must(clientAccounts, CLIENT, 'USDT').available).toBe(48_500_000n);
  expect(work.walletDeltas.get('wallet:host|ETH')).toBe(0n);
});

test.each([
  [{ status: 'finished' }, RICH, /says finished, not refunded/],
  [{ state: 'closed' }, RICH, /it is closed/],
  [{ confirmed: 0n }, RICH, /not confirmed/],
  [{}, { ...RICH, host: eth('0.0124').minor }, /0.0125 ETH are not free/],
  [{}, { ...RICH, gas: 0n }, /gas account/],
])('%o is refused', (part, balances, why) => {
  const work = refundedWork(part);
  expect(() => choose(work, balances)).toThrow(ReturnRefused);
  expect(() => choose(work, balances)).toThrow(why);
});
