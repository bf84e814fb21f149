/** The way in on real servers: webhook or topic -> convert -> accumulate -> ledger -> relay -> topics, and back again. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redriveParked } from '../../../gateway/api/redrive-parked.ts';
import type { GatewayRole } from '../../../gateway/role.ts';
import { findQuarantined, listQuarantined } from '../../../ledger/sql/list-quarantined.ts';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderKeys, orderMac } from '../../../schemas/order-mac.ts';
import { partitionOf } from '../../../schemas/partition.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { usdt } from '../../fixtures/ledger-rows.ts';
import { bodyText, sign } from '../../unit/gateway/support.ts';
import { until } from '../runtime/support.ts';
import { INSTANT, THRESHOLD_500, TRACEPARENT } from './ledger-bench.ts';
import { ORDER_SECRET, Pipeline } from './pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await Pipeline.open();
});
afterAll(async () => {
  await pipeline.close();
  // A broker whose topics are that young may still move leaders and load groups; everything else is a fault.
  const unexpected = pipeline.fatal.filter((error) => (error as { retriable?: boolean }).retriable !== true);
  expect(unexpected).toEqual([]);
});

const freshRandom = () => Buffer.from(pipeline.payment(-1n).payment_id);

describe('from payments.received to the topics that others read', () => {
  let threshold: bigint;
  let instant: bigint;

  test('every payment is credited once and every payout appears, whatever comes twice [failures 38, 40]', async () => {
    threshold = await pipeline.addClient();
    instant = await pipeline.addClient(undefined, INSTANT);
    const payments = Array.from({ length: 22 }, () => pipeline.payment(threshold));
    const early = payments.map((payment) => ({
      ...payment,
      payment_status: 'confirming',
      outcome_amount: null,
    }));
    await pipeline.publish([...early, ...payments, ...payments.slice(0, 7)]);
    await pipeline.publish([pipeline.payment(instant), pipeline.payment(instant)]);
    await pipeline.settled();
    expect(await pipeline.legs(threshold)).toHaveLength(22);
    const payouts = await pipeline.contents(TOPIC.payouts);
    expect(
      payouts.filter(({ key }) => key === String(threshold)).map(({ decoded }) => decoded.amount),
    ).toEqual([usdt('533.5'), usdt('533.5')]);
    expect(payouts.filter(({ key }) => key === String(instant))).toHaveLength(2);
    for (const { decoded } of payouts) expect(decoded).toMatchObject({ status: 'requested', revision: 1n });
  });

  test('keys, partitions, headers and ids are as the contract says [failure 32]', async () => {
    for (const topic of [
      TOPIC.valued,
      TOPIC.credited,
      TOPIC.payouts,
      TOPIC.journal,
      TOPIC.clients,
    ] as const) {
      const records = await pipeline.contents(topic);
      expect(records.length, topic).toBeGreaterThan(0);
      for (const { key, partition, headers, decoded } of records) {
        expect(partition).toBe(partitionOf(key));
        expect(headers['event-id']).toBe(decoded.event_id);
        expect(headers['event-type']).toMatch(/^[a-z_]+(\.[a-z_]+)?$/);
        expect(headers.traceparent, `${topic} ${headers['event-type']}`).toMatch(
          /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/,
        );
      }
    }
  });

  test('seq rises strictly per client and asset, without a gap', async () => {
    for (const id of [threshold, instant]) {
      const seqs = (await pipeline.contents(TOPIC.credited, id)).map(({ decoded }) => decoded.seq);
      expect(seqs).toEqual(seqs.map((_, index) => BigInt(index + 1)));
    }
    const [credited] = await pipeline.contents(TOPIC.credited, threshold);
    expect(credited!.headers.traceparent!.split('-')[1]).toBe(TRACEPARENT.split('-')[1]);
  });

  test('payments.received read again from its first offset changes nothing [failure 38]', async () => {
    const before = await pipeline.balances();
    const valued = (await pipeline.contents(TOPIC.valued)).length;
    await pipeline.stop('convert');
    await pipeline.rewindConvert();
    await pipeline.start('convert');
    await until(
      'all is proposed again',
      async () => (await pipeline.contents(TOPIC.valued)).length >= 2 * valued,
    );
    await pipeline.settled();
    expect(await pipeline.balances()).toBe(before);
  });

  test('accumulate stopped and started in the middle credits each payment once', async () => {
    const id = await pipeline.addClient(undefined, { ...THRESHOLD_500, thresholdUsd: '900000' });
    const payments = Array.from({ length: 400 }, () => pipeline.payment(id));
    const publishing = pipeline.publish([...payments, ...payments.slice(0, 80)]);
    await until('some are credited', async () => (await pipeline.legs(id)).length > 0);
    await pipeline.stop('accumulate');
    await pipeline.start('accumulate');
    await publishing;
    await pipeline.settled();
    expect((await pipeline.legs(id)).map(({ payment_id }) => payment_id)).toEqual(
      payments.map((payment) => payment.payment_id),
    );
  });
});

describe('what is parked', () => {
  test('an unknown client: in topic and table; credited once when it is added', async () => {
    const id = pipeline.freshClient();
    const payment = pipeline.payment(id);
    await pipeline.publish([{ ...payment, payment_status: 'waiting' }, payment, payment]);
    await pipeline.settled();
    const parked = await pipeline.contents(TOPIC.quarantine, id);
    expect(parked.map(({ decoded }) => decoded.reason)).toEqual([
      'unknown_client',
      'behind_quarantined',
      'behind_quarantined',
    ]);
    expect(
      (await listQuarantined(pipeline.db, false)).filter(({ entity }) =>
        String(entity).includes(payment.payment_id),
      ),
    ).toHaveLength(3);
    await pipeline.addClient(id);
    await pipeline.settled();
    expect(await pipeline.legs(id)).toEqual([{ payment_id: payment.payment_id, net: '48500000' }]);
    expect(
      (await listQuarantined(pipeline.db, false)).filter(({ entity }) =>
        String(entity).includes(payment.payment_id),
      ),
    ).toEqual([]);
  });

  test.each([TOPIC.received, TOPIC.valued])('bytes in %s that nobody can decode', async (topic) => {
    const value = Buffer.from(`not avro, ${topic}`);
    const id = pipeline.freshClient();
    await pipeline.publishBytes(topic, String(id), value);
    await pipeline.settled();
    const [record] = await pipeline.contents(TOPIC.quarantine, id);
    expect(record!.decoded).toMatchObject({ reason: 'bytes_undecodable', topic, entity: null, value });
    expect(await findQuarantined(pipeline.db, record!.decoded.event_id)).toMatchObject({
      reason: 'bytes_undecodable',
      value,
    });
  });

  test('a webhook body: listed with the form of its signature, credited when redriven', async () => {
    const id = await pipeline.addClient();
    const random = freshRandom();
    const order = makeOrderId({ client: String(id), random, mac: orderMac('the secret before this one') });
    const raw = bodyText({
      payment_id: pipeline.payment(id).payment_id,
      order_id: JSON.stringify(order),
      outcome_amount: '0.0125',
    });
    const { port } = pipeline.running.get('gateway') as GatewayRole;
    const headers = { 'x-nowpayments-sig': sign(raw) };
    const answer = await fetch(`http://127.0.0.1:${port}/webhooks/nowpayments`, {
      method: 'POST',
      body: raw,
      headers,
    });
    expect([answer.status, await answer.json()]).toEqual([200, { result: 'quarantined' }]);
    await pipeline.settled();
    const [listed] = (await listQuarantined(pipeline.db, false)).filter(({ topic }) => topic === 'webhook');
    const row = await findQuarantined(pipeline.db, String(listed!.id));
    expect(row).toMatchObject({ reason: 'order_forged', signature_form: 'raw', value: Buffer.from(raw) });
    const redrive = (previous?: string) =>
      redriveParked(pipeline.api(), {
        filter: { id: row!.event_id },
        max: 10,
        dryRun: false,
        orders: orderKeys({ secret: ORDER_SECRET, previous, legacy: false }),
      });
    expect(await redrive()).toMatchObject([{ outcome: { stays: expect.stringMatching(/order_forged/) } }]);
    expect(await redrive('the secret before this one')).toMatchObject([{ outcome: { to: TOPIC.received } }]);
    await pipeline.settled();
    expect(await pipeline.legs(id)).toMatchObject([{ net: '48500000' }]);
  });
});
