/** Bad inputs 51 to 90 that reach the ledger, on real SQL: the same words as from the rows in memory. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clientAccounts } from '../../../ledger/tables.ts';
import type { PaymentValued } from '../../../schemas/events.ts';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderMac } from '../../../schemas/order-mac.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { BODY_CASES } from '../../fixtures/bad-inputs/catalogue.ts';
import { effectText } from '../../fixtures/bad-inputs/ledger.ts';
import { SEQUENCE_CASES } from '../../fixtures/bad-inputs/sequences.ts';
import { NOW } from '../../fixtures/ledger-rows.ts';
import { bodyText, CLIENT, ORDER, ORDER_SECRET, take } from '../../unit/gateway/support.ts';
import { codec, LedgerBench } from '../in/ledger-bench.ts';

let bench: LedgerBench;
beforeAll(async () => {
  bench = await LedgerBench.open();
});
afterAll(() => bench.close());
beforeEach(() => {
  bench.time = NOW;
});

const CREDITED = 'owed 51.520231 USDT';

function orderOf(client: bigint): string {
  return makeOrderId({ client: String(client), random: randomBytes(10), mac: orderMac(ORDER_SECRET) });
}

/** From the body to the ledger, as gateway, convert and accumulate do it. */
async function receive(bodies: readonly string[]): Promise<void> {
  for (const body of bodies) {
    const { record } = take(body);
    if (record?.topic === TOPIC.received) await bench.convert(record.key, record.value, record.headers);
  }
}

/** What `run` does to a client that nobody has touched before. */
async function effectOn(client: bigint, run: () => Promise<void>): Promise<string> {
  const before = await bench.endings();
  await run();
  const after = await bench.endings();
  const reasons = Object.keys(after)
    .filter((ending) => after[ending] !== before[ending] && !ending.startsWith('applied/'))
    .map((ending) => ending.split('/')[1]!);
  const clashes = await bench.db.query<{ kind: string }>(
    'SELECT kind FROM discrepancies WHERE entity LIKE $1',
    [`payment:${client}:%`],
  );
  return effectText({
    balances: await bench.rows(clientAccounts, `client_id = ${client}`, 'asset'),
    reasons,
    discrepancies: clashes.map(({ kind }) => kind),
    isKnown: (await bench.count('payment_status', `client_id = ${client}`)) > 0,
  });
}

let lastPrefix = 700;

/** A payment id belongs to one client; the cases all use the same few. */
function withOwnIds(bodies: readonly string[]): string[] {
  const prefix = String(++lastPrefix);
  return bodies.map((body) => body.replace(/("(?:parent_)?payment_id":"?)(?=\d)/g, `$1${prefix}`));
}

const isText = (raw: string | Buffer): raw is string => typeof raw === 'string';

describe('one webhook', () => {
  const rows = BODY_CASES.filter(
    ({ no, topic, raw }) => no > 50 && topic === TOPIC.received && isText(raw) && raw.includes(ORDER),
  );

  it.each(rows)('$no $input: $ledger', async ({ raw, ledger }) => {
    const { client_id } = await bench.addClient();
    const body = String(raw).replaceAll(ORDER, orderOf(client_id)).replaceAll(CLIENT, String(client_id));
    expect(await effectOn(client_id, () => receive(withOwnIds([body])))).toBe(ledger);
  });
});

describe('several webhooks', () => {
  it.each(SEQUENCE_CASES)('$no $input: $ledger', async ({ bodies, ledger }) => {
    const { client_id } = await bench.addClient();
    const order = orderOf(client_id);
    expect(await effectOn(client_id, () => receive(withOwnIds(bodies(order))))).toBe(ledger);
  });

  /** The proposals of these webhooks, processed as one batch. */
  async function receiveAtOnce(bodies: readonly string[]): Promise<void> {
    const values: PaymentValued[] = [];
    for (const body of bodies) {
      const { key, value, headers } = take(body).record!;
      for (const proposed of await bench.propose(key, value, headers)) {
        values.push(codec.decode(TOPIC.valued, proposed.value));
      }
    }
    expect(await bench.feed(values)).toBe('done');
  }

  it('75 the same at once on two gateways: one event, one credit', async () => {
    const { client_id } = await bench.addClient();
    const [body = ''] = withOwnIds([bodyText({ order_id: JSON.stringify(orderOf(client_id)) })]);
    const ids = [take(body), take(body)].map(({ record }) => record!.headers['event-id']);
    expect(new Set(ids).size).toBe(1);
    expect(await effectOn(client_id, () => receiveAtOnce([body, body]))).toBe(`${CREDITED}; duplicate`);
  });

  it('85 a genuine webhook again after a year: the payment is known still', async () => {
    const { client_id } = await bench.addClient();
    const [body = ''] = withOwnIds([bodyText({ order_id: JSON.stringify(orderOf(client_id)) })]);
    const run = async () => {
      await receive([body]);
      bench.time = new Date(NOW.getTime() + 366 * 86_400_000);
      await receive([body]);
    };
    // A year later there is no usable rate: what convert proposes is another value, and the first one stands.
    expect(await effectOn(client_id, run)).toBe(`${CREDITED}; duplicate_revalued`);
  });

  it('90 the threshold crossed by two webhooks at once: one payout takes both', async () => {
    const { client_id } = await bench.addClient({ thresholdUsd: '60' });
    const order_id = JSON.stringify(orderOf(client_id));
    const bodies = withOwnIds(['1', '2'].map((payment_id) => bodyText({ order_id, payment_id })));
    expect(await effectOn(client_id, () => receiveAtOnce(bodies))).toBe('in payout 103.040462 USDT');
    expect(await bench.count('payout_batches', `client_id = ${client_id}`)).toBe(1);
  });
});

it('the books are right after all of it', async () => {
  expect(await bench.broken()).toEqual([]);
});
