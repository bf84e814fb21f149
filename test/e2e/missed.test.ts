/** Webhooks that never come, on the whole running stack: credited and paid all the same, marked, counted, explained, audited. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RegisteredClient } from '../../sandbox/demo/register.ts';
import type { World } from '../../sandbox/demo/world.ts';
import { TOPIC } from '../../schemas/topology.ts';
import {
  allDifferences,
  eventually,
  newClient,
  openTestWorld,
  payFor,
  recordsOf,
  service,
  spillway,
  untilPaid,
} from './support.ts';

let world: World;
let client: RegisteredClient;
let ids: string[];

beforeAll(async () => {
  world = await openTestWorld();
  client = await newClient(world, {
    strategy: 'threshold',
    thresholdUsd: '120',
    currency: 'xmr',
    payments: 3,
  });
});
afterAll(() => world.close());

it('every webhook of three payments is lost: they are credited once and paid out', async () => {
  ids = (await payFor(world, client, 3, { lost: true })).map(({ paymentId }) => paymentId);
  await untilPaid(world, client);
  expect(await allDifferences(world, [client])).toEqual([]);
});

it('what reconcile fed says so: in the topic, in `payments show`, in `status`, in the metrics', async () => {
  const received = await recordsOf(world, TOPIC.received, client.id);
  expect(received.filter(({ source }) => source === 'webhook')).toEqual([]);
  const finished = received.filter(({ payment }) => payment.payment_status === 'finished');
  expect(new Set(finished.map(({ payment }) => payment.payment_id))).toEqual(new Set(ids));
  expect(
    finished.every(({ source, signature_form }) => source === 'reconcile' && signature_form === 'none'),
  ).toBe(true);
  expect((await spillway('payments', 'show', ids[0]!)).output).toContain(
    'found by reconcile: no webhook told of it',
  );
  const status = JSON.parse((await spillway('status', '--json')).output) as { missed: { status: string }[] };
  expect(status.missed).toContainEqual(expect.objectContaining({ status: 'finished' }));
  const metrics = await (await fetch(`${service('reconcile').url}/metrics`)).text();
  expect(metrics).toMatch(/spillway_missed_webhooks_total\{status="finished",[^}]*\} [1-9]/);
  expect(metrics).toMatch(/spillway_missed_webhooks_oldest_age_seconds\S* [1-9]/);
});

it('`explain` says of payment, payout and client that it is over, and where the money went', async () => {
  const [payment] = JSON.parse((await spillway('explain', ids[0]!, '--json')).output) as [
    { rule: string; sentence: string; facts: { payouts: string } },
  ];
  expect(payment).toMatchObject({
    rule: 'over',
    facts: { receipt: expect.stringMatching(/^confirmed, 0x/) },
  });
  expect(payment.sentence).toContain(`xmr were sent to ${client.address}`);
  const payout = await spillway('explain', payment.facts.payouts);
  expect(payout).toMatchObject({ code: 0, output: expect.stringContaining('is completed') });
  const of = await spillway('explain', client.id);
  expect(of).toMatchObject({
    code: 0,
    output: expect.stringContaining('nothing free and nothing under way'),
  });
  const nobody = await spillway('explain', '-42');
  expect(nobody).toMatchObject({
    code: 1,
    output: expect.stringContaining('no client, payment, payout or conversion'),
  });
  expect((await spillway('explain', 'what?')).code).toBe(2);
});

it('`audit` finds topics and ledger equal, all of them and of one client, now and as of a time', async () => {
  // Other work may be under way: what its outbox holds is waited for.
  const all = await eventually('a whole audit', async () => {
    const { code, output } = await spillway('audit', '--json');
    return code === 0 || !output.includes('has not published') ? { code, output } : null;
  });
  expect(all.code, all.output).toBe(0);
  const one = await spillway('audit', '--client', client.id);
  expect(one, one.output).toMatchObject({
    code: 0,
    output: expect.stringContaining('each agrees with the ledger'),
  });
  const nobody = await spillway('audit', '--client', '-1009999999999');
  expect(nobody).toMatchObject({ code: 1, output: expect.stringContaining('no record and no row') });
  const then = await spillway('audit', '--at', new Date(Date.now() - 5_000).toISOString(), '--json');
  expect(then.code, then.output).toBe(0);
});
