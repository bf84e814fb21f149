/** What the settings make of the connection to Kafka: encrypted and with a name, or plainly neither. */
import { expect, test } from 'vitest';
import { kafkaOptions } from '../../../../processors/runtime/kafka-settings.ts';
import { createLogger } from '../../../../processors/runtime/logger.ts';
import { readSettings } from '../../../../schemas/settings.ts';

const log = createLogger({ role: 'relay', level: 'fatal', pretty: false, write: () => undefined });
const CA = '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----';
const options = (env: Record<string, string>) =>
  kafkaOptions(
    readSettings({ KAFKA_BROKERS: 'a:1,b:2', ...env }, ['KAFKA_BROKERS'], () => ''),
    'relay-1',
    log,
  );

test('TLS with our own authority, and a user with its password [failures 111, 116]', () => {
  const sasl = { KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' };
  expect(options({ KAFKA_SSL: 'on', KAFKA_SSL_CA: CA, ...sasl })).toMatchObject({
    brokers: ['a:1', 'b:2'],
    clientId: 'relay-1',
    ssl: { ca: CA },
    sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
  });
});

test('TLS with the authorities of the system', () => {
  expect(options({ KAFKA_SSL: 'on' })).toMatchObject({ ssl: {}, sasl: undefined });
});

test('neither', () => {
  expect(options({})).toMatchObject({ ssl: undefined, sasl: undefined });
});
