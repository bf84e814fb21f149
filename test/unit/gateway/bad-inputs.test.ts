/** The catalogue of bad inputs (docs/bad-inputs.md): what is decided without a connection. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { takeIn } from '../../../gateway/ipn/intake.ts';
import { ipnSecrets } from '../../../gateway/ipn/signature.ts';
import { clientAccounts, discrepancies, paymentStatus, payoutBatches } from '../../../ledger/tables.ts';
import { confirmValue } from '../../../processors/settle/transition-partial.ts';
import { readRoleSettings, SettingsError } from '../../../schemas/settings.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { BODY_CASES, badInputsPage, CATALOGUE, PROVEN_CASES } from '../../fixtures/bad-inputs/catalogue.ts';
import { PureLedger } from '../../fixtures/bad-inputs/ledger.ts';
import { SEQUENCE_CASES } from '../../fixtures/bad-inputs/sequences.ts';
import { AT, bodyText, CLIENT, codec, intakeOptions, ORDER, quarantined, sign, take } from './support.ts';

describe('the catalogue', () => {
  it('has a case for every number', () => {
    const numbers = new Set(CATALOGUE.map(({ no }) => no));
    expect([...numbers]).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('names no case twice', () => {
    const names = CATALOGUE.map(({ no, input }) => `${no} ${input}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(PROVEN_CASES)('$no $input: has a test of its own', ({ no, by }) => {
    const file = new URL(`../../${by}`, import.meta.url);
    expect(existsSync(file), by).toBe(true);
    const isThere = new RegExp(`['"\`]${no} `).test(readFileSync(file, 'utf8'));
    expect(isThere, `a title that begins with ${no} in ${by}`).toBe(true);
  });

  it('docs/bad-inputs.md', () => {
    const page = new URL('../../../docs/bad-inputs.md', import.meta.url);
    if (process.env.UPDATE_DOCS === '1') writeFileSync(page, badInputsPage());
    expect(readFileSync(page, 'utf8')).toBe(badInputsPage());
  });
});

describe('one webhook [failures 33, 34, 37]', () => {
  it.each(BODY_CASES)('$no $input: $answer, $topic, $ledger', (row) => {
    const { raw, secrets, answer, topic, ledger } = row;
    const options = secrets
      ? { ...intakeOptions, secrets: ipnSecrets(secrets.current, secrets.previous) }
      : intakeOptions;
    const bytes = Buffer.from(raw);
    const signature = 'signature' in row ? row.signature : sign(bytes);
    const intake = takeIn({ raw: bytes, signature, traceparent: 'none', at: AT }, options);
    expect(`${intake.status} ${intake.reason}`).toBe(answer);
    expect(intake.record?.topic ?? 'none').toBe(topic);
    const books = new PureLedger(CLIENT, codec);
    books.take(intake.record);
    expect(books.effect()).toBe(ledger);
    if (topic === TOPIC.quarantine) expectParked(raw, intake.record!, intake.reason);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  /** Its bytes are kept, and what is said about them can stand in any log. */
  function expectParked(
    raw: string | Buffer,
    record: { topic: string; value: Buffer },
    reason: string,
  ): void {
    const parked = quarantined(record);
    expect(parked.value.equals(Buffer.from(raw))).toBe(true);
    expect(parked).toMatchObject({
      topic: 'webhook',
      partition: -1,
      offset: -1n,
      entity: null,
      key: null,
      reason,
    });
    expect(parked.detail).toMatch(/^[\x20-\x7e]{1,500}$/);
  }
});

describe('several webhooks', () => {
  it.each(SEQUENCE_CASES)('$no $input: $ledger', ({ bodies, answer, topic, ledger }) => {
    const books = new PureLedger(CLIENT, codec);
    for (const body of bodies(ORDER)) {
      const intake = take(body);
      expect([`${intake.status} ${intake.reason}`, intake.record?.topic]).toEqual([answer, topic]);
      books.take(intake.record);
    }
    expect(books.effect()).toBe(ledger);
  });
});

describe('by themselves', () => {
  const environment = {
    KAFKA_BROKERS: 'kafka:9092',
    SCHEMA_REGISTRY_URL: 'http://registry',
    DATABASE_URL: 'postgres://db/spillway',
    ORDER_SECRET: 'an order secret of this test',
  };

  it.each([undefined, '', '  ', '\n'])('32 the secret %j: no start, and its name [failure 70]', (secret) => {
    const read = () =>
      readRoleSettings({ ...environment, NOWPAYMENTS_IPN_SECRET: secret }, 'gateway', () => '');
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(/NOWPAYMENTS_IPN_SECRET/);
    if (secret !== undefined) expect(() => ipnSecrets(secret)).toThrow(/NOWPAYMENTS_IPN_SECRET/);
  });

  it('86 a withdrawal notice: counted, no effect; with a payment in it: parked', () => {
    const notice = '{"amount":"50","batch_withdrawal_id":"5000123456","id":"1","status":"FINISHED"}';
    const counted = take(notice);
    expect(counted).toMatchObject({ status: 200, reason: 'payout_notice' });
    expect(counted.record).toBeUndefined();
    const both = take(bodyText({ batch_withdrawal_id: '"1"' }));
    expect(both).toMatchObject({ status: 200, reason: 'field_invalid', record: { topic: TOPIC.quarantine } });
  });

  it.each([
    ['status', { status: 'failed' }],
    ['outcome', { outcomeAmount: '0.5' }],
    ['currency', { outcomeCurrency: 'usdterc20' }],
    ['order', { orderId: 'S1.another' }],
  ])('88 GET says another %s: nothing is credited, a person is told', (_name, said) => {
    const books = new PureLedger(CLIENT, codec);
    for (const status of ['failed', 'finished']) {
      books.take(take(bodyText({ payment_status: JSON.stringify(status) })).record);
    }
    const { work } = books;
    const row = work.must(paymentStatus, CLIENT, 'nowpayments', '5077125051');
    const got = {
      status: 'finished',
      orderId: ORDER,
      outcomeAmount: '0.01327841',
      outcomeCurrency: 'eth',
      payoutHash: null,
      ...said,
    };
    const emitted = work.outbox.filter(({ topic }) => topic === TOPIC.valued).length;
    confirmValue(work, row, got, { strategy: 'threshold', feeBps: 300, rate: undefined });
    expect(work.changed(discrepancies)).toMatchObject([{ kind: 'confirmation_contradicted' }]);
    expect(work.outbox.filter(({ topic }) => topic === TOPIC.valued)).toHaveLength(emitted);
    expect(work.all(clientAccounts).every(({ available }) => available === 0n)).toBe(true);
    expect(work.all(payoutBatches)).toEqual([]);
  });
});
