/** Faults on the way in: webhook, value, credit, refund. */
import type { Plant } from './plant.ts';

const VALUE = 'processors/convert/value.ts';
const CREDIT = 'processors/accumulate/credit.ts';
const TRANSITION = 'processors/accumulate/transition.ts';
const REFUND = 'processors/accumulate/refund.ts';
const QUARANTINE = 'processors/accumulate/quarantine.ts';

export const CREDIT_PLANTS: readonly Plant[] = [
  {
    name: 'forged signature accepted',
    from: '111',
    text: 'a webhook whose signature matches nothing is taken for an authentic one',
    edits: [
      {
        file: 'gateway/ipn/signature.ts',
        find: "if (secret) return { authentic: true, form: 'raw', secret, body: readBody(raw) };",
        replace: "return { authentic: true, form: 'raw', secret: secret ?? 'current', body: readBody(raw) };",
      },
    ],
  },
  {
    name: 'order id not authenticated',
    from: 'H15, flow.md orders',
    text: 'the code in an order id is not checked: a payment is booked for whatever client the id names',
    edits: [
      {
        file: 'schemas/order-id.ts',
        find: 'return authentic && isClientId(client) ?',
        replace: 'return isClientId(client) ?',
      },
    ],
  },
  {
    name: 'price valued instead of receipts',
    from: '12, 14',
    text: 'the amount asked for is booked, not the amount that arrived',
    edits: [
      {
        file: VALUE,
        find: 'parseUnits(facts.outcome_amount, ASSETS[asset].decimals)',
        replace: 'parseUnits(facts.price_amount ?? facts.outcome_amount, ASSETS[asset].decimals)',
      },
    ],
  },
  {
    name: 'every outcome is ETH',
    from: 'H3, 3',
    text: 'the currency of what arrived is not looked at',
    edits: [
      {
        file: VALUE,
        find: 'const asset = assetOfNowpaymentsCode(facts.outcome_currency);',
        replace: "const asset = 'ETH' as LedgerAsset;",
      },
    ],
  },
  {
    name: 'fee skipped',
    from: '6',
    text: 'one of two ways to value a payment takes no fee',
    edits: [
      {
        file: VALUE,
        find: 'return valued(received, received, strategy, feeBps, undefined);',
        replace: 'return valued(received, received, strategy, 0, undefined);',
      },
    ],
  },
  {
    name: 'fee rounded up',
    from: 'money.md, rounding',
    text: 'the fee is rounded to the platform',
    edits: [
      {
        file: 'schemas/money.ts',
        find: '(gross.minor * BigInt(bps)) / 10_000n);',
        replace: '(gross.minor * BigInt(bps) + 9_999n) / 10_000n);',
      },
    ],
  },
  {
    name: 'value rounded up',
    from: 'money.md, rounding',
    text: 'the locked value is rounded to the client',
    edits: [
      {
        file: 'schemas/money.ts',
        find: '(amount.minor * numerator * up) / (denominator * down)',
        replace: '(amount.minor * numerator * up + denominator * down - 1n) / (denominator * down)',
      },
    ],
  },
  {
    name: 'gross paid instead of net',
    from: '5, H4',
    text: 'the client is credited with what arrived, the fee included',
    edits: [
      {
        file: CREDIT,
        find: "work.entry('payment', clientId, value.net,",
        replace: "work.entry('payment', clientId, value.gross,",
      },
    ],
  },
  {
    name: 'rate guessed',
    from: 'D6, 8',
    text: 'without a usable rate a payment is credited at a constant one',
    edits: [
      {
        file: VALUE,
        find: 'if (!rate) return unvalued(received, strategy);',
        replace:
          "if (!rate) return valueReceived(received, { ...context, rate: { rate_id: '00000000-0000-0000-0000-000000000000', usdt_per_eth: '4000' } });",
      },
    ],
  },
  {
    name: 'rate of any age',
    from: 'money.md, rates',
    text: 'a usable rate is used however old it is',
    edits: [
      {
        file: 'ledger/sql/latest-rate.ts',
        find: 'if (!row?.usable || now.getTime() - row.at.getTime() > maxAgeMs) return undefined;',
        replace: 'if (!row?.usable) return undefined;',
      },
    ],
  },
  {
    name: 'rate not compared',
    from: 'money.md, rates',
    text: 'a quote that the second source contradicts is used all the same',
    edits: [
      {
        file: 'processors/settle/transition-rates.ts',
        find: 'if (apart.gt(bounds.deviationBps)) {',
        replace: 'if (apart.gt(bounds.deviationBps * 100)) {',
      },
    ],
  },
  {
    name: 'rate of a repeat booked',
    from: 'flow.md: the first record with a value',
    text: 'a batch is folded from its end, so that of two records of a payment the later one counts',
    edits: [
      {
        file: 'processors/accumulate/wiring.ts',
        find: 'const ended = parsed.map((item) =>',
        replace: 'const ended = parsed.toReversed().map((item) =>',
      },
    ],
  },
  {
    name: 'duplicate credited',
    from: '38, 40',
    text: 'a repeat of a credited payment is credited as its next leg',
    edits: [
      {
        file: TRANSITION,
        find: 'if (same) return reject(work, record, repeatReason(work, record, row));',
        replace: 'if (same) return first(work, record, context, row);',
      },
    ],
  },
  {
    name: 'second leg credited in full',
    from: 'H21',
    text: 'a partial payment that is finished later is credited once more as a whole',
    edits: [
      {
        file: TRANSITION,
        find: 'const rest = valueOfRest(record, row.incoming);',
        replace: 'const rest = valueOfRest(record, 0n);',
      },
    ],
  },
  {
    name: 'stale status applied',
    from: '46, H21',
    text: 'a status that comes late sets a payment back',
    edits: [
      {
        file: TRANSITION,
        find: "if (before === undefined || before > rankOf(payment_status)! || row.state !== 'open')",
        replace: "if (before === undefined || row.state !== 'open')",
      },
    ],
  },
  {
    name: 'credited before it is finished',
    from: '46',
    text: 'a payment is credited as soon as its outcome is known, whatever its status',
    edits: [
      {
        file: 'processors/convert/transition.ts',
        find: "if (payment.payment_status !== 'finished')",
        replace: "if (payment.payment_status !== 'finished' && payment.payment_status !== 'sending')",
      },
      {
        file: TRANSITION,
        find: "    case 'finished':\n",
        replace: "    case 'sending':\n    case 'finished':\n",
      },
    ],
  },
  {
    name: 'closed payment credited',
    from: 'flow.md, payments',
    text: 'a finished that comes after the refund is credited',
    edits: [
      {
        file: TRANSITION,
        find: `      return reject(
        work,
        record,
        'closed_by_refund',`,
        replace: `      return first(work, record, context, row);
      reject(
        work,
        record,
        'closed_by_refund',`,
      },
    ],
  },
  {
    name: 'refund ignored',
    from: 'H21',
    text: 'what the provider took back stays credited',
    edits: [
      {
        file: TRANSITION,
        find: "  refundPayment(work, row, 'wallet:incoming');\n  return APPLIED;",
        replace: '  return APPLIED;',
      },
    ],
  },
  {
    name: 'debt forgotten',
    from: 'money.md, entries',
    text: 'what a refund finds already paid out is nobody’s debt',
    edits: [{ file: REFUND, find: 'debt: after.debt + owed.minor', replace: 'debt: after.debt' }],
  },
  {
    name: 'debt not recovered',
    from: 'money.md, entries',
    text: 'credits that follow a debt do not pay it back',
    edits: [{ file: CREDIT, find: '  recoverDebt(work, clientId, asset, event_id);\n', replace: '' }],
  },
  {
    name: 'unvalued payment forgotten',
    from: 'H1',
    text: 'the value that comes with the next rate is taken for a duplicate',
    edits: [
      {
        file: TRANSITION,
        find: "if (record.value.kind === 'unvalued') return reject(work, record, 'duplicate');",
        replace:
          "if (record.value.kind !== 'valued' || row.incoming > 0n) return reject(work, record, 'duplicate');",
      },
    ],
  },
  {
    name: 'quarantine drops the record',
    from: '57, D10',
    text: 'a record that is set aside is counted and thrown away',
    edits: [
      {
        file: QUARANTINE,
        find: `  const id = quarantineId(record);
  work.put(quarantined, {`,
        replace: `  const id = quarantineId(record);
  ((_table: unknown, _row: unknown) => {})(quarantined, {`,
      },
    ],
  },
  {
    name: 'receipt believed without the chain',
    from: '50, D7',
    text: 'the provider’s word alone makes coins settled',
    edits: [
      {
        file: 'processors/settle/transition-receipts.ts',
        find: '  if (!exact) {\n',
        replace: '  if (!exact && found.length > 0) {\n',
      },
      {
        file: 'processors/settle/transition-receipts.ts',
        find: 'for (const deposit of exact) useDeposit',
        replace: 'for (const deposit of exact ?? []) useDeposit',
      },
    ],
  },
  {
    name: 'coins used twice',
    from: 'flow.md: each hash and log index at most once',
    text: 'a deposit that was booked can be booked again',
    edits: [
      {
        file: 'processors/swap/deposit.ts',
        find: 'work.put(chainDeposits, { ...row, used_for: use, used_id: id });',
        replace: 'work.put(chainDeposits, { ...row, used_id: [use, id].join() });',
      },
    ],
  },
];
