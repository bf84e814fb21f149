/** The operator commands as a person runs them: what they print, what they refuse, and how they exit. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { CHECKOUT } from '../../../sandbox/instance.ts';
import { XMR_ADDRESS } from '../in/ledger-bench.ts';
import { Pipeline } from '../in/pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open();
});
afterAll(() => pipeline.close());

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function spillway(...args: readonly string[]): Promise<Run> {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, DATABASE_URL, TOPIC_PREFIX } = pipeline.settings();
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    KAFKA_BROKERS: KAFKA_BROKERS.join(','),
    SCHEMA_REGISTRY_URL,
    DATABASE_URL,
    TOPIC_PREFIX,
    ORDER_SECRET: 'a secret of this test',
    EVM_RPC_URLS: inject('servers').chain,
    EVM_CHAIN_ID: '31337',
    USDT_CONTRACT: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    HOST_WALLET_ADDRESS: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  };
  const command = [join(CHECKOUT, 'bin', 'spillway.ts'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env, cwd: CHECKOUT }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, out, err });
    });
  });
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, out, err } = await spillway(...args, '--json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as T;
}

const ID = '-1007700000001';
const POLICY = ['--strategy', 'threshold', '--threshold', '500', '--currency', 'xmr', '--network', 'xmr'];

describe('clients', () => {
  test('add, set, show and list take a channel id as it is, minus sign and all', async () => {
    const added = await json<Record<string, unknown>>(
      'clients',
      'add',
      ID,
      ...POLICY,
      '--address',
      XMR_ADDRESS,
      '--plan',
      '50:30',
      '9.99:7',
    );
    expect(added).toMatchObject({ client_id: ID, payout_strategy: 'threshold', revision: '1' });
    const changed = await json<Record<string, unknown>>(
      'clients',
      'set',
      ID,
      '--threshold',
      '300',
      '--max-wait',
      '30d',
    );
    expect(changed).toMatchObject({ payout_threshold_usd: '300', max_wait_ms: '2592000000', revision: '2' });
    expect(await json('clients', 'show', ID)).toMatchObject({ client: ID, usdt: '0' });
    expect(await json<unknown[]>('clients', 'list')).toMatchObject([{ client: ID, threshold_usd: '300.00' }]);
  });

  test('what cannot be accepted is one line that names it; wrong usage exits with 2', async () => {
    const refused = await spillway(
      'clients',
      'add',
      '-1007700000002',
      ...POLICY,
      '--address',
      `${XMR_ADDRESS.slice(0, -1)}f`,
    );
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err.trim().split('\n')).toHaveLength(1);
    expect(refused.err).toContain('it is no valid xmr address');
    const again = await spillway('clients', 'add', ID, ...POLICY, '--address', XMR_ADDRESS);
    expect(again.err).toContain('it exists already');
    const unfinished = await spillway('clients', 'add', '-1007700000003', '--strategy', 'instant');
    expect(unfinished).toMatchObject({ code: 2 });
    expect(unfinished.err).toContain('--currency is needed');
    expect(await spillway('clients', 'set', ID)).toMatchObject({ code: 2 });
  });
});

test('quarantine: listed, shown, a dry run, then sent back', async () => {
  const client = await pipeline.addClient();
  const payment = pipeline.payment(client, { outcome_currency: 'doge' });
  await pipeline.publish([payment]);
  await pipeline.settled();
  const [row] = await json<{ id: string; reason: string }[]>('quarantine', 'list');
  expect(row).toMatchObject({ reason: 'outcome_asset_not_held' });
  expect(await json('quarantine', 'show', row!.id)).toMatchObject({
    reason: 'outcome_asset_not_held',
    meaning: expect.any(String),
  });
  expect(await spillway('quarantine', 'show', 'nothing')).toMatchObject({ code: 1 });
  const dry = await spillway('quarantine', 'redrive', '--id', row!.id);
  expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('dry run; add --yes to do it') });
  expect(dry.out).toContain('would go to payments.received');
  expect(await json<unknown[]>('quarantine', 'list')).toHaveLength(1);
  expect(await json('quarantine', 'redrive', '--reason', 'outcome_asset_not_held', '--yes')).toMatchObject([
    { result: 'sent to payments.received', attempt: 1 },
  ]);
  await pipeline.settled();
  expect(await json('quarantine', 'list')).toMatchObject([{ attempt: 1 }]);
  expect(await spillway('quarantine', 'redrive', '--reason', 'none_such')).toMatchObject({
    code: 1,
    err: expect.stringContaining('reason "none_such"'),
  });
});

test('wallet and fees: booked once, refused in words', async () => {
  const deposit = ['wallet', 'deposit', '10', '--account', 'gas', '--asset', 'ETH', '--reference', 'opening'];
  expect(await spillway(...deposit)).toMatchObject({
    code: 0,
    out: 'booked: deposit of 10 ETH, wallet:gas\n',
  });
  expect(await spillway(...deposit)).toMatchObject({
    code: 1,
    err: expect.stringContaining('it is booked already'),
  });
  const state = await json<{ accounts: Record<string, string>[] }>('wallet');
  expect(state.accounts).toContainEqual({ account: 'wallet:gas', asset: 'ETH', balance: '10' });
  expect(
    await spillway('wallet', 'deposit', '1e', '--account', 'gas', '--asset', 'ETH', '--reference', 'x'),
  ).toMatchObject({ code: 2 });
  expect(await spillway('fees', 'set', '250')).toMatchObject({ code: 0 });
  expect(await spillway('fees', 'set', '2001')).toMatchObject({
    code: 1,
    err: expect.stringContaining('fee "2001"'),
  });
});

test('payments, status and reconcile show where things stand; what could not be checked is no success', async () => {
  const client = await pipeline.addClient();
  const payment = pipeline.payment(client);
  await pipeline.publish([payment]);
  await pipeline.settled();
  // At the fee of 2.5 % that the command set before.
  expect(await json('payments', 'show', payment.payment_id)).toMatchObject([
    { payment: { client: String(client), status: 'finished' }, legs: [{ net: '48.75', is_paid_out: false }] },
  ]);
  expect(await spillway('payments', 'show', '1')).toMatchObject({
    code: 1,
    err: expect.stringContaining('no payment has this id'),
  });
  const status = await json<{ lag: unknown[]; wallet: unknown[] }>('status');
  expect(status.lag).toMatchObject([
    { stage: 'convert', records: '0' },
    { stage: 'accumulate', records: '0' },
    { stage: 'reconcile', records: '0' },
  ]);
  expect(status.wallet).toMatchObject([
    { asset: 'ETH', incoming: '0.0125' },
    { asset: 'USDT', owed: '48.75' },
  ]);
  const reconcile = await spillway('reconcile', '--json');
  expect(reconcile.code).toBe(1);
  const { checks } = JSON.parse(reconcile.out) as { checks: { name: string; ok: boolean; detail: string }[] };
  expect(checks.filter(({ ok }) => !ok)).toMatchObject([
    { name: 'wallet_equals_chain', detail: 'the wallet was not scanned yet' },
  ]);
});
