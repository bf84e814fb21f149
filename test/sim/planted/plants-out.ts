/** Faults on the way out: threshold, payout, conversion, swap order, transfer. */
import type { Plant } from './plant.ts';

const ACCUMULATE_CREDIT = 'processors/accumulate/credit.ts';
const FUNDS = 'processors/swap/funds.ts';
const ORDER = 'processors/swap/order.ts';
const OUTCOME = 'processors/swap/outcome.ts';
const OWNER = 'processors/swap/owner.ts';
const SWAP = 'processors/swap/transition.ts';
const TRANSFER = 'processors/hostpay/transition.ts';
const FINISH = 'processors/hostpay/finish.ts';
const POSTING = 'ledger/posting.ts';

export const OUT_PLANTS: readonly Plant[] = [
  {
    name: 'threshold left to the sweep',
    from: '59, 10, D8',
    text: 'a threshold that is reached is seen minutes later, with whatever came in between',
    edits: [
      {
        file: ACCUMULATE_CREDIT,
        find: 'const payout = payoutIfDue(work, clientId, asset, context.usdtPerEth);',
        replace: 'const payout = undefined as ReturnType<typeof payoutIfDue>;',
      },
    ],
  },
  {
    name: 'threshold tested once per batch',
    from: 'D8',
    text: 'a batch is credited as a whole before its thresholds are looked at',
    edits: [
      {
        file: ACCUMULATE_CREDIT,
        find: 'const payout = payoutIfDue(work, clientId, asset, context.usdtPerEth);',
        replace: 'const payout = undefined as ReturnType<typeof payoutIfDue>;',
      },
      {
        file: 'processors/accumulate/wiring.ts',
        find: '      await write(tx, work, deps.codec);\n      failPoint',
        replace: `      for (const row of work.all(clientAccounts)) payoutIfDue(work, row.client_id, row.asset as 'ETH', context.usdtPerEth);
      await write(tx, work, deps.codec);
      failPoint`,
      },
      {
        file: 'processors/accumulate/wiring.ts',
        find: "import { quarantined } from '../../ledger/tables.ts';",
        replace: `import { clientAccounts, quarantined } from '../../ledger/tables.ts';
import { payoutIfDue } from './payout.ts';`,
      },
    ],
  },
  {
    name: 'late entry joins a payout',
    from: 'H5, H6',
    text: 'what was credited after a payout was made is sent along with it',
    edits: [
      {
        file: OWNER,
        find: 'amount: money(asset, row.amount),',
        replace:
          'amount: money(asset, row.amount + work.must(clientAccounts, row.client_id, asset).available),',
      },
    ],
  },
  {
    name: 'range given back twice',
    from: 'money.md, ranges',
    text: 'a cancelled payout gives back its amount and its range, too',
    edits: [
      {
        file: 'processors/swap/decisions.ts',
        find: 'work.put(clientAccounts, settleReserved(account, row.amount));',
        replace:
          'work.put(clientAccounts, { ...settleReserved(account, row.amount), paid_seq: row.from_seq });',
      },
    ],
  },
  {
    name: 'paid at enqueue',
    from: 'H7',
    text: 'a payout counts as paid when its coins have left for the swap provider',
    edits: [
      {
        file: FINISH,
        find: "    move(work, owner!, 'funded');\n    wakeOwner(work, owner!);",
        replace: `    if (owner!.kind === 'payout') completePayout(work, owner!, payoutSwapCompleted(owner!.amount), '1', transfer.hash!);
    else move(work, owner!, 'funded');
    wakeOwner(work, owner!);`,
      },
      {
        file: FINISH,
        find: 'import { gasSpent, transferFinal } from',
        replace: 'import { gasSpent, payoutSwapCompleted, transferFinal } from',
      },
    ],
  },
  {
    name: 'paid money stays reserved',
    from: 'H6, H7',
    text: 'a payout that is completed does not leave the client’s reserved balance',
    edits: [
      {
        file: OUTCOME,
        find: '  work.put(clientAccounts, settleReserved(account, row.amount));\n',
        replace: '  void settleReserved(account, row.amount);\n',
      },
    ],
  },
  {
    name: 'unconfirmed money paid out',
    from: '49, D7',
    text: 'a payout goes out before the coins behind it have arrived',
    edits: [
      {
        file: FUNDS,
        find: "  if (funds.unconfirmed > 0) return 'awaiting_confirmation';\n",
        replace: '',
      },
    ],
  },
  {
    name: 'leftover locked and kept',
    from: 'flow.md, strategy',
    text: 'ETH left from an earlier strategy becomes USDT and stays ETH as well',
    edits: [
      {
        file: 'processors/accumulate/sweep.ts',
        find: "    work.entry('converted', clientId, negate(eth), cause),\n",
        replace: '',
      },
    ],
  },
  {
    name: 'conversion ranges overlap',
    from: 'H5, flow.md, conversions',
    text: 'a conversion begins with the last credit batch of the one before',
    edits: [
      {
        file: 'ledger/sql/open-positions.ts',
        find: 'b.number > o.from_batch',
        replace: 'b.number >= o.from_batch',
      },
    ],
  },
  {
    name: 'variance not booked',
    from: '8, D7',
    text: 'what a conversion brought less than expected stays in the position for ever',
    edits: [
      {
        file: POSTING,
        find: "platform:rate_variance', over],\n    shortfall,",
        replace: "platform:rate_variance', over],",
      },
    ],
  },
  {
    name: 'provider’s number booked',
    from: '4, flow.md: postings follow our chain',
    text: 'a conversion is booked at what the provider says, not at what arrived',
    edits: [
      {
        file: OUTCOME,
        find: "const got = money('USDT', deposit.amount);",
        replace:
          "const got = money('USDT', BigInt(Math.round(Number.parseFloat(order.received ?? '0') * 1e6)));",
      },
    ],
  },
  {
    name: 'refunded swap pays less',
    from: 'H18, money.md',
    text: 'what a swap provider kept of a refund is taken from the client',
    edits: [
      {
        file: OUTCOME,
        find: "  move(work, owner, 'refunded');\n",
        replace: `  if (isPayout) work.put(payoutBatches, { ...payoutOf(work, owner.id), amount: back.minor });
  move(work, owner, 'refunded');
`,
      },
      {
        file: OUTCOME,
        find: '  conversions,\n  type SwapOrderRow,',
        replace: '  conversions,\n  payoutBatches,\n  type SwapOrderRow,',
      },
    ],
  },
  {
    name: 'order made again after a timeout',
    from: 'H8, D9',
    text: 'an order of unknown outcome is made once more without looking for it',
    edits: [
      {
        file: SWAP,
        find: 'return createCall(again, policy, true);',
        replace: 'return createCall(again, policy, false);',
      },
    ],
  },
  {
    name: 'order amount in another unit',
    from: '1, 2',
    text: 'a swap of ETH is ordered with the decimals of USDT',
    edits: [
      {
        file: ORDER,
        find: 'fromAmount: formatMoney(money(order.asset as LedgerAsset, order.amount)),',
        replace: "fromAmount: formatMoney(money('USDT', order.amount)),",
      },
    ],
  },
  {
    name: 'swap pays to ourselves',
    from: '11, 64',
    text: 'a payout’s order names our own address as the recipient',
    edits: [
      {
        file: ORDER,
        find: '    address: order.to_address,',
        replace: '    address: host,',
      },
    ],
  },
  {
    name: 'reply not compared',
    from: '11, flow.md, swap orders',
    text: 'an order is funded although the provider’s reply is not what was asked for',
    edits: [
      {
        file: ORDER,
        find: '  return [...found, ...payinProblems(request, reply)];',
        replace: '  return payinProblems(request, reply);',
      },
    ],
  },
  {
    name: 'wrong asset funded',
    from: '3',
    text: 'every transfer is one of ETH',
    edits: [{ file: FUNDS, find: '    asset: owner.amount.asset,', replace: "    asset: 'ETH'," }],
  },
  {
    name: 'swap given up after an error',
    from: '51, 55',
    text: 'one unanswered question about a funded order ends its following',
    edits: [
      {
        file: SWAP,
        find: "  if (error.kind !== 'permanent') return { retry: text };\n  if (owner.state !== 'failed')",
        replace: "  if (error.kind !== 'permanent') return { done: true };\n  if (owner.state !== 'failed')",
      },
    ],
  },
  {
    name: 'set-aside not undone',
    from: '18, money.md',
    text: 'the money of a transfer that was given up before it was signed stays set aside',
    edits: [
      {
        file: FUNDS,
        find: `  work.post(
    { kind: 'set_aside_undone', id: transfer.transfer_id },
    setAsideUndone(amountOf(transfer), money('ETH', transfer.gas_held)),
    scopeOf(owner),
  );`,
        replace: '  void [setAsideUndone, scopeOf, owner];',
      },
    ],
  },
  {
    name: 'nonce reused',
    from: 'H10',
    text: 'the next transfer draws the same nonce',
    edits: [
      {
        file: TRANSFER,
        find: 'next_nonce: wallet.next_nonce + 1n });',
        replace: 'next_nonce: wallet.next_nonce });',
      },
    ],
  },
  {
    name: 'unknown broadcast sent anew',
    from: 'H9',
    text: 'a transfer whose broadcast was not answered is signed again with a new nonce',
    edits: [
      {
        file: TRANSFER,
        find: '  // An unknown outcome may be out there: from here on',
        replace: `  const { wallet } = context;
  if (error?.kind === 'unknown_outcome' && wallet && wallet.next_nonce !== null) {
    const { gas_limit: gasLimit, max_fee: maxFee, priority_fee: priorityFee } = transfer;
    const again = { kind: 'replacement', target: targetOf(transfer), nonce: wallet.next_nonce } as const;
    signNext(work, context, { ...again, gasLimit, maxFee, priorityFee, reserve: 0n });
    work.put(wallets, { ...wallet, next_nonce: wallet.next_nonce + 1n });
    return { pollAt: work.now };
  }
  // An unknown outcome may be out there: from here on`,
      },
    ],
  },
  {
    name: 'replacement of another amount',
    from: 'flow.md, transfers',
    text: 'a transfer that is sent again with more fee takes the fee from its amount',
    edits: [
      {
        file: TRANSFER,
        find: "{ to: policy.host, asset: 'ETH', amount: 0n } : targetOf(transfer);",
        replace:
          "{ to: policy.host, asset: 'ETH', amount: 0n } : { ...targetOf(transfer), amount: (transfer.amount * 99n) / 100n };",
      },
    ],
  },
  {
    name: 'gas not given back',
    from: 'money.md, gas',
    text: 'what a transfer’s gas cost less than was held stays held',
    edits: [
      {
        file: POSTING,
        find: "    ['wallet:gas', 'wallet:gas_held', subtract(held, actual)],\n",
        replace: "    ['wallet:gas', 'wallet:gas_held', subtract(held, held)],\n",
      },
    ],
  },
  {
    name: 'reverted counts as sent',
    from: 'H9',
    text: 'a transfer that the chain reverted is booked as one that went out',
    edits: [
      {
        file: FINISH,
        find: "const isOut = tx.kind !== 'cancel' && receipt.status === 1;",
        replace: "const isOut = tx.kind !== 'cancel';",
      },
    ],
  },
  {
    name: 'final at the head',
    from: 'flow.md: final = the finalized block',
    text: 'a transfer is final as soon as it is mined',
    edits: [
      {
        file: 'processors/hostpay/wiring.ts',
        find: 'const { finalized } = await chain.head();',
        replace: 'const { latest: finalized } = await chain.head();',
      },
    ],
  },
];
