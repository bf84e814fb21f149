/**
 * The sample webhooks given with the project, byte for byte, posted to the real gateway: each ends in the ledger as its
 * note says. Their coins never arrive on this chain, so the platform puts in ETH first, as an operator would.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addClient } from '../../gateway/api/clients.ts';
import { freshAddress } from '../../sandbox/demo/addresses.ts';
import type { World } from '../../sandbox/demo/world.ts';
import { openChain, sendEth } from './chain.ts';
import { eventually, hostWallet, openTestWorld, postIpn, spillway } from './support.ts';

interface Sample {
  readonly name: string;
  readonly raw: string;
  readonly signature: string;
}

const samples = readFileSync(new URL('../fixtures/ipn/samples.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Sample);
const byName = new Map(samples.map((sample) => [sample.name, sample]));
const CLIENTS = ['-1002409379260', '-1003202734748', '-1002016593471'];

let world: World;

beforeAll(async () => {
  world = await openTestWorld();
  const chain = openChain(world);
  const tx = await sendEth(chain, hostWallet, '0.2');
  chain.destroy();
  const capital = ['--account', 'host', '--asset', 'ETH', '--tx', tx];
  expect(await spillway('wallet', 'deposit', '0.2', ...capital)).toMatchObject({ code: 0 });
  for (const clientId of CLIENTS) {
    await addClient(world.api, {
      clientId,
      title: `sample ${clientId}`,
      strategy: 'threshold',
      thresholdUsd: '1000000',
      maxWaitMs: null,
      currency: 'xmr',
      network: 'xmr',
      address: freshAddress('xmr', world.random),
      memo: null,
      plans: [{ priceUsd: '50', days: 30 }],
    });
  }
  for (const { raw, signature } of samples) expect(await postIpn(raw, signature)).toBe(200);
});
afterAll(() => world.close());

/** The text of the number in the body: ids are larger than a double can hold. */
const paymentIdOf = (name: string) => /"payment_id":\s*"?(\d+)/.exec(byName.get(name)!.raw)![1]!;

interface Status {
  readonly status: string;
  readonly state: string;
  readonly legs: number;
  readonly parent: string | null;
}
const statusOf = (name: string) =>
  eventually(`${name} has a status`, async () => {
    const [row] = await world.db.query<Status>(
      'SELECT status, state, legs, parent_payment_id AS parent FROM payment_status WHERE payment_id = $1::text',
      [paymentIdOf(name)],
    );
    return row;
  });

interface Credit {
  readonly client: string;
  readonly received: string;
  readonly gross: string;
  readonly net: string;
}
const creditOf = (name: string) =>
  eventually(`${name} is credited`, async () => {
    const [row] = await world.db.query<Credit>(
      'SELECT client_id::text AS client, received, gross, net FROM payout_accumulation WHERE payment_id = $1::text',
      [paymentIdOf(name)],
    );
    return row;
  });

describe('what was received is credited, to the last unit', () => {
  // Gross at 4,000 USDT per ETH, floored at six decimals; net after a fee of 3 %, the fee floored.
  it.each([
    ['finished-usdttrc20', CLIENTS[0], '13278410000000000', '53113640', '51520231'],
    ['finished-eth-small', CLIENTS[1], '269590000000000', '1078360', '1046010'],
    ['finished-tiny-exponent', CLIENTS[1], '110000000000', '440', '427'],
    ['finished-trailing-zeros', CLIENTS[1], '1400000000000000', '5600000', '5432000'],
    ['finished-shib', CLIENTS[2], '6631578947368421', '26526315', '25730526'],
    ['partial-then-finished-lower-outcome', CLIENTS[2], '6640000000000000', '26560000', '25763200'],
    ['repeated-deposit', CLIENTS[0], '13250000000000000', '53000000', '51410000'],
    ['legacy-order-dash', CLIENTS[0], '13270000000000000', '53080000', '51487600'],
    ['outcome-usdt', CLIENTS[0], '49310000', '49310000', '47830700'],
    ['string-numbers', CLIENTS[0], '13270000000000000', '53080000', '51487600'],
    ['large-id', CLIENTS[0], '13270000000000000', '53080000', '51487600'],
    ['unicode-description', CLIENTS[0], '13270000000000000', '53080000', '51487600'],
  ])('%s [failures 12, 16, 17]', async (name, client, received, gross, net) => {
    expect(await creditOf(name)).toEqual({ client, received, gross, net });
    expect(await statusOf(name)).toMatchObject({ status: 'finished', state: 'credited', legs: 1 });
  });

  it('a repeated deposit is a payment of its own, with its parent', async () => {
    expect((await statusOf('repeated-deposit')).parent).toBe('5077125052');
  });
});

describe('what brought nothing is known and credits nothing', () => {
  it.each([
    ['status-waiting', 'waiting'],
    ['status-confirming', 'confirming'],
    ['status-confirmed', 'confirmed'],
    ['status-sending', 'sending'],
    ['partially-paid', 'partially_paid'],
    ['expired', 'expired'],
    ['failed', 'failed'],
    ['refunded', 'refunded'],
  ])('%s [failures 46, H21]', async (name, status) => {
    expect(await statusOf(name)).toMatchObject({ status, legs: 0 });
  });
});

it('an order that is not ours is parked, never lost [failure 58]', async () => {
  const parked = await eventually('it is parked', async () => {
    const rows = await world.db.query<{ value: Buffer }>(
      "SELECT value FROM quarantined WHERE reason = 'order_unknown' AND redriven_at IS NULL",
    );
    return rows.length > 0 ? rows : null;
  });
  expect(parked.map(({ value }) => value.toString('utf8'))).toContain(byName.get('order-unknown')!.raw);
});

it('each sample had exactly one end', async () => {
  const [counts] = await world.db.query<{ payments: number; legs: number }>(
    `SELECT (SELECT count(*)::int FROM payment_status WHERE client_id = ANY($1::bigint[])) AS payments,
       (SELECT count(*)::int FROM payout_accumulation WHERE client_id = ANY($1::bigint[])) AS legs`,
    [`{${CLIENTS.join(',')}}`],
  );
  // All but the order that is not ours and the notice of a withdrawal.
  expect(counts).toEqual({ payments: samples.length - 2, legs: 12 });
});

it('all of them a second time change nothing [failures 38, 105]', async () => {
  const totals = () =>
    world.db.query(
      'SELECT * FROM client_accounts WHERE client_id = ANY($1::bigint[]) ORDER BY client_id, asset',
      [`{${CLIENTS.join(',')}}`],
    );
  const before = await totals();
  for (const { raw, signature } of samples) expect(await postIpn(raw, signature)).toBe(200);
  await eventually('the log is read', async () => {
    const { output } = await spillway('status', '--json');
    const { lag } = JSON.parse(output.slice(output.indexOf('{'))) as { lag: { records: string }[] };
    return lag.every(({ records }) => records === '0');
  });
  expect(await totals()).toEqual(before);
});

it('every invariant holds', async () => {
  const { code, output } = await spillway('reconcile', '--json');
  expect(output).not.toContain('"ok":false');
  expect(code).toBe(0);
});
