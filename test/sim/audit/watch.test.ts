/** The watch sees each wrong commit, call and record at the moment it comes; right ones it lets pass. */
import { describe, expect, it } from 'vitest';
import type { Committed } from '../database.ts';
import { Watch } from './watch.ts';
import { StepsWatch } from './watch-steps.ts';
import { type Credit, ThresholdsWatch } from './watch-thresholds.ts';
import { type Proposal, ValuesWatch } from './watch-values.ts';

type Rows = Readonly<Record<string, readonly object[]>>;

/** As ledger/store.ts writes: one statement, a parameter of rows per table. */
function commit(tables: Rows): Committed {
  const names = Object.keys(tables);
  const text = names
    .map((table, index) => {
      const verb = table === 'wallet_accounts' ? 'UPDATE wallet_accounts w' : `INSERT INTO ${table} (a)`;
      return `p${index} AS (${verb} SELECT x FROM json_to_recordset($${index + 1}::json) AS x)`;
    })
    .join(', ');
  return { name: undefined, text, values: names.map((table) => JSON.stringify(tables[table])), rows: [] };
}

function watched(...commits: Rows[]): string[] {
  const problems: string[] = [];
  const watch = new Watch((error) => problems.push(...error.message.split('\n')));
  for (const tables of commits) watch.committed([commit(tables)]);
  return problems;
}

const line = (debit: string, credit: string, amount: string, part: object = {}) => ({
  posting_set_id: 's',
  line: 0,
  cause_kind: 'k',
  cause_id: 'c',
  partition: 0,
  asset: 'USDT',
  debit,
  credit,
  amount,
  ...part,
});
const account = (part: object = {}) => ({
  client_id: '-1',
  asset: 'USDT',
  available: '0',
  reserved: '0',
  unvalued: '0',
  debt: '0',
  last_seq: '0',
  paid_seq: '0',
  ...part,
});
const leg = (seq: string, net: string) => ({ client_id: '-1', asset: 'USDT', seq, net });

/** A payment of 50 USDT, wholly the client's. */
const CREDIT = {
  client_accounts: [account({ available: '50', last_seq: '1' })],
  payout_accumulation: [leg('1', '50')],
  gl_transfers: [line('wallet:incoming', 'client:available', '50')],
  gl_totals: [line('wallet:incoming', 'client:available', '50')],
};
const PAYOUT = {
  payout_id: 'p1',
  client_id: '-1',
  asset: 'USDT',
  amount: '50',
  from_seq: '0',
  to_seq: '1',
  state: 'requested',
  revision: '1',
  currency: 'xmr',
  network: 'xmr',
  address: 'a',
  memo: null,
  returned_seq: null,
  completed_at: null,
};
const RESERVE = {
  client_accounts: [account({ reserved: '50', last_seq: '1', paid_seq: '1' })],
  payout_batches: [PAYOUT],
  gl_transfers: [line('client:available', 'client:reserved', '50')],
  gl_totals: [line('client:available', 'client:reserved', '50')],
};
const TRANSFER = {
  transfer_id: 't1',
  owner_kind: 'payout',
  owner_id: 'p1',
  client_id: '-1',
  attempt: 1,
  asset: 'USDT',
  amount: '50',
  to_address: '0xa',
  kind: 'direct',
  state: 'chosen',
  nonce: null,
  block: null,
  gas_spent: null,
  revision: '1',
};

describe('the watch', () => {
  it('lets a credit and a payout pass', () => {
    expect(watched(CREDIT, RESERVE)).toEqual([]);
  });

  it.each<[string, Rows[], RegExp]>([
    [
      'a row without its posting',
      [{ ...CREDIT, client_accounts: [account({ available: '51', last_seq: '1' })] }],
      /clients: client:available USDT changed by -51, its postings by -50/,
    ],
    [
      'a turnover without its line',
      [{ ...CREDIT, gl_totals: [line('wallet:incoming', 'client:available', '49')] }],
      /turnover/,
    ],
    [
      'a wallet that nothing was posted to',
      [{ wallet_accounts: [{ account: 'wallet:host', asset: 'ETH', delta: '1' }] }],
      /wallet: wallet:host ETH changed by 1, its postings by 0/,
    ],
    [
      'an amount of nothing',
      [{ gl_transfers: [line('wallet:incoming', 'platform:fees', '0')] }],
      /a line of 0/,
    ],
    ['an unknown account', [{ gl_transfers: [line('wallet:pocket', 'platform:fees', '1')] }], /no account/],
    ['a gap in the entries', [{ ...CREDIT, payout_accumulation: [leg('2', '50')] }], /entry 2 after 0/],
    ['an entry that its row does not count', [{ payout_accumulation: [leg('1', '5')] }], /does not count/],
    ['a client below zero', [{ client_accounts: [account({ debt: '-1' })] }], /has debt -1/],
    [
      'a credit that nothing covers',
      [
        {
          ...CREDIT,
          gl_transfers: [line('platform:fees', 'client:available', '50')],
          gl_totals: [line('platform:fees', 'client:available', '50')],
        },
      ],
      /clients are owed 50 USDT, held are 0/,
    ],
    [
      'a payout over more than its entries',
      [CREDIT, { ...RESERVE, payout_batches: [{ ...PAYOUT, amount: '51' }] }],
      /is of 51, its entries are 50/,
    ],
    [
      'a payout that begins somewhere else',
      [CREDIT, { ...RESERVE, payout_batches: [{ ...PAYOUT, from_seq: '1' }] }],
      /begins at 1/,
    ],
    [
      'a payout whose amount changes',
      [CREDIT, RESERVE, { payout_batches: [{ ...PAYOUT, amount: '49', revision: '2' }] }],
      /amount was 50 and is 49/,
    ],
    [
      'a step that the graph does not have',
      [CREDIT, RESERVE, { payout_batches: [{ ...PAYOUT, state: 'funded', revision: '2' }] }],
      /from requested to funded/,
    ],
    [
      'a step without a revision',
      [CREDIT, RESERVE, { payout_batches: [{ ...PAYOUT, state: 'awaiting_funds' }] }],
      /without a revision/,
    ],
    ['a transfer without funds set aside', [{ transfers: [TRANSFER] }], /nothing is set aside/],
    [
      'a second transfer of the same',
      [{ transfers: [TRANSFER] }, { transfers: [{ ...TRANSFER, transfer_id: 't2', attempt: 2 }] }],
      /transfer t1 of the same is chosen/,
    ],
    [
      'a nonce used twice',
      [
        { transfers: [{ ...TRANSFER, state: 'signed', nonce: '0', revision: '2' }] },
        { transfers: [{ ...TRANSFER, transfer_id: 't2', owner_id: 'p2', nonce: '0' }] },
      ],
      /nonce 0 of transfer t1 is used by t2/,
    ],
    [
      'a nonce left out',
      [
        { transfers: [{ ...TRANSFER, state: 'signed', nonce: '0', revision: '2' }] },
        { transfers: [{ ...TRANSFER, transfer_id: 't2', owner_id: 'p2', nonce: '2' }] },
      ],
      /nonce 2 comes after 0/,
    ],
    [
      'a gap in the credit batches',
      [{ credit_batches: [{ partition: 0, number: '2' }] }],
      /credit batch 2 of partition 0 comes after 0/,
    ],
    [
      'more confirmed than booked',
      [{ payment_status: [{ client_id: '-1', payment_id: '1', incoming: '1', confirmed: '2', legs: 1 }] }],
      /2 of 1 is confirmed/,
    ],
    [
      'an event that is written twice',
      [
        { outbox: [{ topic: 'payouts', key: '-1', event_id: 'e' }] },
        { outbox: [{ topic: 'payouts', key: '-1', event_id: 'e' }] },
      ],
      /event e of payouts is written twice/,
    ],
  ])('sees %s', (_name, commits, wanted) => {
    expect(watched(...commits).join('\n')).toMatch(wanted);
  });

  it('sees records that overtake, change or were never committed, and calls under locks', () => {
    const problems: string[] = [];
    const watch = new Watch((error) => problems.push(error.message));
    const event = (event_id: string) => ({ topic: 'payouts', key: '-1', event_id });
    const append = (id: string, text: string): void =>
      watch.appended({ topic: 'payouts', key: '-1', value: Buffer.from(text), headers: { 'event-id': id } });
    watch.committed([commit({ outbox: [event('a'), event('b')] })]);
    append('b', 'b');
    append('a', 'a');
    append('a', 'other');
    append('c', 'c');
    watch.called('evm head', true);
    watch.broadcast('0x00');
    expect(problems).toEqual([
      'event b of payouts -1 overtook 1',
      'event a of payouts has two contents',
      'event c of payouts is in the log and was never committed',
      'evm head was called in the middle of a transaction',
      'signed bytes went out that nobody stored: 0x00',
    ]);
    expect(watch.atEnd()).toEqual(['1 events of payouts -1 are not in the log']);
  });
});

describe('the watch of positions, leases and money that leaves', () => {
  const step = (name: string, values: unknown[], rows: object[]): Committed => ({
    name,
    text: '',
    values,
    rows,
  });
  const seen = (final: boolean, open: object[], ...statements: Committed[]): string[] => {
    const isSwapped = (id: string, hash: string) => `${id} ${hash}` === 'p 0xpaid';
    const look = { query: <R>() => open as R[], isFinal: () => final, isSwapped };
    return new StepsWatch(look).see(statements);
  };
  const take = step('position_take', ['g', 't', 0], [{ epoch: 2n, nextOffset: 5n }]);
  const advance = (epoch: bigint, from: bigint) =>
    step('position_advance', ['g', 't', 0, epoch, from, from + 1n], [{}]);
  const DONE = {
    payout_id: 'p',
    asset: 'USDT',
    currency: 'xmr',
    network: 'xmr',
    state: 'completed',
    payout_hash: '0xpaid',
  };
  const lease = step('intent_lease', [], [{ key: 'k', leaseToken: 'new' }]);
  const settle = (token: string) => step('intent_settle', ['k', token], [{}]);

  it('lets pass what the owner does', () => {
    expect(seen(true, [], take, advance(2n, 5n), advance(2n, 6n), lease, settle('new'))).toEqual([]);
    const over = { ...TRANSFER, state: 'final', hash: '0x' };
    expect(seen(true, [], commit({ transfers: [TRANSFER, over] }))).toEqual([]);
    const direct = { ...DONE, currency: 'usdt', network: 'eth', payout_hash: '0x' };
    expect(seen(true, [], commit({ payout_batches: [DONE, direct] }))).toEqual([]);
  });

  it.each<[string, string[], RegExp]>([
    ['an owner that lost its partition', seen(true, [], take, advance(1n, 5n)), /epoch 1 moved/],
    ['a batch that is booked again', seen(true, [], take, advance(2n, 5n), advance(2n, 5n)), /from 6 to 6/],
    ['a result under the lease of another', seen(true, [], lease, settle('old')), /whose lease another has/],
    [
      'an end before its transaction is final',
      seen(false, [], commit({ transfers: [{ ...TRANSFER, state: 'final', hash: '0x' }] })),
      /is final, its transaction is not final/,
    ],
    [
      'a payout that nobody paid',
      seen(true, [], commit({ payout_batches: [{ ...DONE, payout_hash: '0xours' }] })),
      /is completed by 0xours, which paid nobody/,
    ],
    [
      'a payout ahead of its coins',
      seen(true, [{ payment_id: '7' }], commit({ transfers: [TRANSFER] })),
      /before the coins of payment 7 arrived/,
    ],
  ])('sees %s', (_name, problems, wanted) => {
    expect(problems.join('\n')).toMatch(wanted);
  });
});

describe('the watch of values', () => {
  const RATE = {
    rate_id: 'r',
    at: '2026-01-01T00:00:00.000Z',
    usable: true,
    usdt_per_eth: '4000',
    spot_eth_usd: '4010',
    spot_usdt_usd: '1.001',
  };
  const LEG = {
    payment_id: '7',
    leg: 1,
    asset: 'USDT',
    gross: '50000000',
    fee: '1500000',
    net: '48500000',
    received_asset: 'ETH',
    received: '12500000000000000',
    rate_id: 'r',
  };
  const seen = (tables: Rows, brought = '5'): string[] => {
    const watch = new ValuesWatch({
      hasBrought: (id, asset, amount) => `${id} ${asset} ${amount}` === `7 ETH ${brought}`,
      isGenuine: () => true,
      proposalOf: () => undefined,
    });
    return watch.see([commit(tables)]);
  };
  const appended = (topic: string, proposal?: Proposal): string[] => {
    const watch = new ValuesWatch({
      hasBrought: () => true,
      isGenuine: (id) => id === 'signed',
      proposalOf: () => proposal,
    });
    watch.see([commit({ rates: [RATE] })]);
    const append = (id: string) =>
      watch.appended({ topic, key: '-1', value: Buffer.from('x'), headers: { 'event-id': id } });
    return [...append('signed'), ...append('forged')];
  };
  const proposal = (seconds: number, rateId: string | null = 'r'): Proposal => ({
    paymentId: '7',
    at: new Date(Date.parse(RATE.at) + seconds * 1_000),
    rateId,
  });

  it('lets pass what is right', () => {
    const payment = { payment_id: '7', received_asset: 'ETH', incoming: '5' };
    const none = { payment_id: '8', received_asset: null, incoming: '0' };
    const rows = { rates: [RATE], payment_status: [payment, none], payout_accumulation: [LEG] };
    expect(seen(rows)).toEqual([]);
    expect(appended('payments.valued', proposal(60))).toEqual([]);
    expect(appended('payments.valued', proposal(9_999, null))).toEqual([]);
  });

  it.each<[string, string[], RegExp]>([
    [
      'a payment of more than it brought',
      seen({ payment_status: [{ payment_id: '7', received_asset: 'ETH', incoming: '6' }] }),
      /booked with 6 ETH, which it did not bring/,
    ],
    ['a fee left out', seen({ rates: [RATE], payout_accumulation: [{ ...LEG, fee: '0' }] }), /- 0 is not/],
    [
      'a value rounded up',
      seen({ rates: [RATE], payout_accumulation: [{ ...LEG, gross: '50000001' }] }),
      /fair is 50000000/,
    ],
    ['a rate from nowhere', seen({ payout_accumulation: [LEG] }), /fair is undefined/],
    ['a rate that is contradicted', seen({ rates: [{ ...RATE, spot_eth_usd: '5000' }] }), /second source/],
    ['a rate that is too old', appended('payments.valued', proposal(121)), /a rate that was 121000 ms old/],
    ['a rate of the future', appended('payments.valued', proposal(-1)), /a rate that was -1000 ms old/],
    ['a proposal at no rate', appended('payments.valued', proposal(1, 'x')), /which is none to use/],
    ['a notice that nobody signed', appended('payments.received'), /^event forged of .* nobody signed$/],
  ])('sees %s', (_name, problems, wanted) => {
    expect(problems.join('\n')).toMatch(wanted);
  });
});

describe('a threshold', () => {
  const CLIENT = { client_id: '-1', payout_currency: 'xmr', payout_network: 'xmr' };
  const LIMIT = { asset: 'USDT', currency: 'xmr', network: 'xmr', min_amount: '12500000' };
  const LEG = { client_id: '-1', asset: 'USDT', seq: '4' };
  const CREDIT: Credit = {
    clientId: '-1',
    seq: 4n,
    asset: 'USDT',
    available: 150_000_000n,
    threshold: '150.00',
    hasPayout: true,
  };
  const seen = (change: Partial<Credit>, ...before: Rows[]): string[] => {
    const watch = new ThresholdsWatch(() => ({ ...CREDIT, ...change }));
    for (const rows of [{ clients: [CLIENT] }, ...before, { payout_accumulation: [LEG] }])
      watch.see([commit(rows)]);
    // Whatever becomes known later is no excuse.
    watch.see([commit({ pair_limits: [LIMIT] })]);
    const headers = { 'event-id': 'e' };
    return watch.appended({ topic: 'payments.credited', key: '-1', value: Buffer.from('x'), headers });
  };
  const known = { pair_limits: [LIMIT] };
  const raised = { pair_limits: [{ ...LIMIT, min_amount: '1250000000' }] };

  it.each<[string, string[]]>([
    ['a payout at the threshold', seen({}, known)],
    ['no payout below it', seen({ available: 149_999_999n, hasPayout: false }, known)],
    ['a payout while the minimum is unknown', seen({})],
    ['no payout below a minimum above the threshold', seen({ hasPayout: false }, known, raised)],
    ['a payout after the minimum fell again', seen({}, raised, known)],
    [
      'a client whose debt is taken first',
      seen({ hasPayout: false }, known, { client_entries: [{ ...LEG, kind: 'recovery' }] }),
    ],
    ['a client that does not accumulate', seen({ threshold: null }, known)],
  ])('lets %s pass', (_name, problems) => {
    expect(problems).toEqual([]);
  });

  it.each<[string, string[]]>([
    ['no payout at the threshold', seen({ hasPayout: false }, known)],
    ['a payout below it', seen({ available: 149_999_999n }, known)],
    ['a payout below the minimum', seen({}, known, raised)],
    ['no payout at the threshold while the minimum is unknown', seen({ hasPayout: false })],
  ])('sees %s', (_name, problems) => {
    expect(problems.join()).toMatch(/^credit 4 of client -1 made \d+ of 150000000 with a minimum of/);
  });
});
