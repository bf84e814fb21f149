/** What gateway tests share: a signed body, the real codec without a registry, and a log that keeps what it was given. */
import { createHmac } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Intake, IntakeOptions } from '../../../gateway/ipn/intake.ts';
import { takeIn } from '../../../gateway/ipn/intake.ts';
import { ipnSecrets } from '../../../gateway/ipn/signature.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../../../gateway/server.ts';
import type { OutRecord } from '../../../processors/runtime/publish-queue.ts';
import { createCodec } from '../../../schemas/codec.ts';
import type { PaymentFacts, PaymentReceived, QuarantineRecord } from '../../../schemas/events.ts';
import { makeOrderId } from '../../../schemas/order-id.ts';
import { orderKeys, orderMac } from '../../../schemas/order-mac.ts';
import { TOPIC, TOPIC_NAMES, type TopicName } from '../../../schemas/topology.ts';

export const IPN_SECRET = 'ipn-canary-2f9c61';
export const PREVIOUS_SECRET = 'ipn-canary-before-77aa';
export const ORDER_SECRET = 'order-canary-5d10';
export const CLIENT = '-1002409379260';
export const AT = new Date('2026-01-02T03:04:05.678Z');

const ids = Object.fromEntries(TOPIC_NAMES.map((topic, index) => [topic, index + 1])) as Record<
  TopicName,
  number
>;
export const codec = createCodec(ids);

export const orders = orderKeys({ secret: ORDER_SECRET, legacy: true });
export const intakeOptions: IntakeOptions = {
  secrets: ipnSecrets(IPN_SECRET, PREVIOUS_SECRET),
  orders,
  codec,
};

export const ORDER = makeOrderId({
  client: CLIENT,
  random: Buffer.from('0123456789'),
  mac: orderMac(ORDER_SECRET),
});

export function sign(text: string | Buffer, secret = IPN_SECRET, algorithm = 'sha512'): string {
  return createHmac(algorithm, secret).update(text).digest('hex');
}

/** JSON texts of the fields of a finished payment; a test replaces single ones, or leaves one out with undefined. */
const FIELDS: Readonly<Record<string, string>> = {
  actually_paid: '50.2',
  actually_paid_at_fiat: '0',
  created_at: '"2025-11-02T14:21:08.335Z"',
  fee: '{"currency":"usdttrc20","depositFee":0.00021,"serviceFee":0.0001,"withdrawalFee":0}',
  invoice_id: '4522629741',
  order_description: '"Payment-Test-1"',
  order_id: JSON.stringify(ORDER),
  outcome_amount: '0.01327841',
  outcome_currency: '"eth"',
  parent_payment_id: 'null',
  pay_address: '"0x0944fe0c9dfb369bab13dfae62765500a1b2c3d4"',
  pay_amount: '50.2',
  pay_currency: '"usdttrc20"',
  payment_id: '5077125051',
  payment_status: '"finished"',
  price_amount: '50',
  price_currency: '"usd"',
  purchase_id: '"6084744717"',
};

/** A body as sent: compact, keys sorted. Values are JSON texts, so that lexemes are under the test's control. */
export function bodyText(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const fields: Record<string, string | undefined> = { ...FIELDS, ...changes };
  const members = Object.keys(fields)
    .sort()
    .filter((key) => fields[key] !== undefined)
    .map((key) => `${JSON.stringify(key)}:${fields[key]}`);
  return `{${members.join(',')}}`;
}

/** What the gateway makes of a body; signed over its bytes unless a signature is given. */
export function take(raw: string | Buffer, signature?: unknown, options = intakeOptions): Intake {
  const bytes = Buffer.isBuffer(raw) ? raw : Buffer.from(raw, 'utf8');
  return takeIn({ raw: bytes, signature: signature ?? sign(bytes), traceparent: 'none', at: AT }, options);
}

export function received(record: { topic: string; value: Buffer } | undefined): PaymentReceived {
  if (record?.topic !== TOPIC.received)
    throw new Error(`not a received payment: ${record?.topic ?? 'no record'}`);
  return codec.decode(TOPIC.received, record.value);
}

export function quarantined(record: { topic: string; value: Buffer } | undefined): QuarantineRecord {
  if (record?.topic !== TOPIC.quarantine) throw new Error(`not quarantined: ${record?.topic ?? 'no record'}`);
  return codec.decode(TOPIC.quarantine, record.value);
}

export function factsOf(raw: string | Buffer, signature?: unknown): PaymentFacts {
  return received(take(raw, signature).record).payment;
}

/** The publisher's place: keeps what is published; a test may replace `publish`. */
export class MemoryLog {
  readonly records: OutRecord[] = [];
  publish: (records: readonly OutRecord[], options?: { deadlineMs?: number }) => Promise<void> = async (
    records,
  ) => {
    this.records.push(...records);
  };
}

export interface GatewayUnderTest {
  readonly gateway: Gateway;
  readonly log: MemoryLog;
  readonly registry: Registry;
  readonly lines: string[];
  /** Value of spillway_gateway_requests_total for a status and reason. */
  counted(status: number, reason: string): Promise<number>;
}

export function gatewayUnderTest(changes: Partial<GatewayOptions> = {}): GatewayUnderTest {
  const log = new MemoryLog();
  const registry = new Registry();
  const lines: string[] = [];
  const gateway = createGateway({
    ...intakeOptions,
    topicPrefix: '',
    version: '0.0.0-test',
    publisher: { publish: (records, options) => log.publish(records, options) },
    registry,
    log: pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }),
    orderStatus: async () => 'pending',
    now: () => AT,
    isReady: () => true,
    ...changes,
  });
  return {
    gateway,
    log,
    registry,
    lines,
    async counted(status, reason) {
      const metric = await registry.getSingleMetric('spillway_gateway_requests_total')!.get();
      const wanted = metric.values.filter(
        (at) => at.labels.status === String(status) && at.labels.reason === reason,
      );
      return wanted.reduce((sum, at) => sum + at.value, 0);
    },
  };
}
