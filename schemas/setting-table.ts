/** Every setting, declared once: kind of value, default, whether it is a secret, and what it is for. */
import * as v from './setting-values.ts';
import { TOPIC_NAMES, TOPICS, type TopicName } from './topology.ts';

export interface SettingSpec<T = unknown> {
  readonly schema: v.ValueSchema<T>;
  /** As a person would write it; goes through the same schema. None: the setting is undefined when not set. */
  readonly fallback?: string;
  /** Its value is never shown. */
  readonly secret?: true;
  readonly about: string;
}

type Upper<S extends string> = S extends `${infer Head}.${infer Tail}`
  ? `${Uppercase<Head>}_${Upper<Tail>}`
  : Uppercase<S>;
export type RetentionName = `RETENTION_${Upper<TopicName>}`;

/** The setting that holds a topic's retention, for example RETENTION_PAYMENTS_RECEIVED. */
export function retentionName(topic: TopicName): RetentionName {
  return `RETENTION_${topic.toUpperCase().replaceAll('.', '_')}` as RetentionName;
}

function retentionText(ms: number): string {
  return ms === -1 ? 'forever' : `${ms / 86_400_000}d`;
}

const retentions = Object.fromEntries(
  TOPIC_NAMES.map((topic) => [
    retentionName(topic),
    {
      schema: v.retention(),
      fallback: retentionText(TOPICS[topic].retentionMs),
      about: `how long the topic ${topic} keeps its records`,
    },
  ]),
) as Record<RetentionName, { schema: v.ValueSchema<number>; fallback: string; about: string }>;

const HTTP = ['http', 'https'] as const;
const BOUND_BPS = v.integer(1, 10_000);

export const SETTINGS = {
  KAFKA_BROKERS: {
    schema: v.list(v.hostPort()),
    about: 'brokers to start from, host:port, separated by commas',
  },
  KAFKA_SSL: { schema: v.onOff(), fallback: 'off', about: 'TLS to Kafka' },
  KAFKA_SSL_CA: {
    schema: v.certificates(),
    about: 'PEM certificates that sign the brokers; needs KAFKA_SSL=on',
  },
  KAFKA_SASL_MECHANISM: {
    schema: v.oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
    about: 'how to log in to Kafka; none when not set',
  },
  KAFKA_SASL_USERNAME: { schema: v.text(), about: 'user at Kafka' },
  KAFKA_SASL_PASSWORD: { schema: v.secret(1), secret: true, about: 'password at Kafka' },
  KAFKA_SESSION_TIMEOUT: {
    schema: v.duration(6_000),
    fallback: '30s',
    about: 'a consumer that the broker has not heard of for this long loses its partitions to another',
  },
  SCHEMA_REGISTRY_URL: { schema: v.url(...HTTP), about: 'registry, up to and without /subjects' },
  SCHEMA_REGISTRY_AUTH: {
    schema: v.text(/^[^:\s]+:.+$/s, 'user:password'),
    secret: true,
    about: 'user:password at the registry',
  },
  SCHEMA_REGISTRY_CA: { schema: v.certificates(), about: 'PEM certificates that sign the registry' },
  DATABASE_URL: { schema: v.url('postgres', 'postgresql'), secret: true, about: 'PostgreSQL of the ledger' },
  TOPIC_PREFIX: {
    schema: v.text(/^[A-Za-z0-9._-]{0,100}$/, 'up to 100 letters, digits, dots, dashes or underscores'),
    fallback: '',
    about: 'put before every topic, subject and consumer group',
  },
  ...retentions,
  LEDGER_SHARDS: {
    schema: v.integer(1, 1),
    fallback: '1',
    about: 'PostgreSQL shards of the ledger; only 1 is built',
  },
  PUBLIC_URL: { schema: v.url(...HTTP), about: 'where the outside reaches the gateway; used in invoices' },

  SPILLWAY_HOME: { schema: v.text(), about: 'folder of the embedded servers' },
  LISTEN_HOST: {
    schema: v.text(/^[A-Za-z0-9.:_-]+$/, 'a host or address'),
    fallback: '0.0.0.0',
    about: 'address to listen on',
  },
  GATEWAY_PORT: {
    schema: v.integer(0, 65_535),
    fallback: '8080',
    about: 'webhooks and order status; 0 = any free port',
  },
  API_PORT: { schema: v.integer(0, 65_535), fallback: '8081', about: 'API; 0 = any free port' },
  METRICS_PORT: {
    schema: v.integer(0, 65_535),
    fallback: '9464',
    about: '/livez /readyz /metrics; 0 = any free port',
  },
  FAIL_POINT: {
    schema: v.text(),
    about: 'for tests, on the development chain only: where the role kills itself (docs/chaos.md)',
  },
  OTLP_URL: { schema: v.url(...HTTP), about: 'where traces go; none when not set' },
  LOG_LEVEL: {
    schema: v.oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    fallback: 'info',
    about: 'least level that is logged',
  },
  LEGACY_ORDERS: {
    schema: v.onOff(),
    fallback: 'off',
    about: 'accept the unsigned PGP order ids of the replaced system',
  },
  ORDER_SECRET: { schema: v.secret(16), secret: true, about: 'signs order ids' },
  ORDER_SECRET_PREVIOUS: { schema: v.secret(16), secret: true, about: 'still accepted while it is rotated' },

  NOWPAYMENTS_API_URL: { schema: v.url(...HTTP), about: 'NOWPayments API' },
  NOWPAYMENTS_API_KEY: { schema: v.secret(1), secret: true, about: 'key at NOWPayments' },
  NOWPAYMENTS_IPN_SECRET: { schema: v.secret(8), secret: true, about: 'checks the signature of webhooks' },
  NOWPAYMENTS_IPN_SECRET_PREVIOUS: {
    schema: v.secret(8),
    secret: true,
    about: 'still accepted while it is rotated',
  },
  NOWPAYMENTS_EMAIL: {
    schema: v.text(/^\S+@\S+$/, 'an e-mail address'),
    about: 'login at NOWPayments for its list of payments; not needed where the key is enough',
  },
  NOWPAYMENTS_PASSWORD: { schema: v.secret(1), secret: true, about: 'password of NOWPAYMENTS_EMAIL' },
  MISSED_AFTER: {
    schema: v.duration(1_000),
    fallback: '10m',
    about:
      'age of a payment at which it is first compared with the provider; again at twice that age, and so on',
  },
  MISSED_UNTIL: {
    schema: v.duration(1_000),
    fallback: '8d',
    about: 'age at which it is compared for the last time',
  },
  PARTIAL_AFTER: {
    schema: v.duration(1_000),
    fallback: '1h',
    about: 'when a partially paid payment is credited as it is',
  },
  CHANGENOW_API_URL: { schema: v.url(...HTTP), about: 'ChangeNOW API' },
  CHANGENOW_API_KEY: { schema: v.secret(1), secret: true, about: 'key at ChangeNOW' },
  PRICE_FEED_URL: { schema: v.url(...HTTP), about: 'second source of prices (CoinGecko simple price form)' },
  EVM_RPC_URLS: {
    schema: v.list(v.url(...HTTP)),
    about: 'nodes of the chain; two or more must agree on finality',
  },
  EVM_CHAIN_ID: { schema: v.integer(1, 2 ** 48), about: 'chain that the nodes must be on' },
  USDT_CONTRACT: { schema: v.evmAddress(), about: 'the ERC-20 contract of USDT' },
  HOST_WALLET_ADDRESS: { schema: v.evmAddress(), about: 'the host wallet' },
  HOST_WALLET_KEY: {
    schema: v.text(/^0x[0-9a-fA-F]{64}$/, '0x and 64 hex digits'),
    secret: true,
    about: 'private key of the host wallet; or HOST_WALLET_SIGNER_URL',
  },
  HOST_WALLET_SIGNER_URL: { schema: v.url(...HTTP), about: 'signer that holds the key instead' },

  TELEGRAM_API_URL: { schema: v.url(...HTTP), about: 'Telegram Bot API' },
  TELEGRAM_BOT_TOKEN: { schema: v.secret(1), secret: true, about: 'token of the bot' },
  TELEGRAM_WEBHOOK_SECRET: { schema: v.secret(8), secret: true, about: 'checks bot updates' },
  SMTP_URL: { schema: v.url('smtp', 'smtps'), secret: true, about: 'mail server' },
  JWT_SECRET: { schema: v.secret(32), secret: true, about: 'signs sessions of the API' },
  RECEIPT_KEY: { schema: v.secret(32), secret: true, about: 'signs receipts' },

  FEE_BPS: {
    schema: v.integer(0, 2_000),
    fallback: '300',
    about: 'fee in basis points; fills fee_schedule on the first start only',
  },
  CONVERSION_MIN_USD: {
    schema: v.amount('USDT'),
    fallback: '20',
    about: 'pending value that starts a conversion',
  },
  CONVERSION_MAX_AGE: {
    schema: v.duration(1_000),
    fallback: '15m',
    about: 'age of the oldest open position that starts one',
  },
  RATE_MAX_AGE: { schema: v.duration(1_000), fallback: '5m', about: 'older rates are not used' },
  RATE_MAX_DEVIATION_BPS: {
    schema: BOUND_BPS,
    fallback: '200',
    about: 'how far the two price sources may differ',
  },
  RATE_QUOTE_USD: {
    schema: v.amount('USDT'),
    fallback: '1000',
    about: 'size of the quote that the locked rate comes from',
  },
  RATE_VARIANCE_MAX_BPS: {
    schema: BOUND_BPS,
    fallback: '300',
    about: 'a conversion that is further off raises an alert',
  },
  USDT_PEG_MAX_BPS: {
    schema: BOUND_BPS,
    fallback: '200',
    about: 'USDT further from 1 USD: new payments stay unvalued',
  },
  PAYOUT_MAX_USD: { schema: v.amount('USDT'), fallback: '10000', about: 'larger payouts wait for approval' },
  PAYOUT_DAILY_MAX_USD: {
    schema: v.amount('USDT'),
    fallback: '50000',
    about: 'all payouts in 24 h; above it they wait for approval',
  },
  PAYOUT_MONTHLY_MAX_USD: {
    schema: v.amount('USDT'),
    fallback: '500000',
    about: 'all payouts in 30 d; above it they wait for approval',
  },
  PAYOUT_APPROVAL_USD: {
    schema: v.amount('USDT'),
    fallback: '5000',
    about: 'payouts from here on need one approval',
  },
  PAYOUT_SECOND_APPROVAL_USD: {
    schema: v.amount('USDT'),
    about: 'payouts from here on need two persons; never when not set',
  },
  WALLET_COOLING_OFF: {
    schema: v.duration(0),
    fallback: '24h',
    about: 'a changed payout wallet is not used before this has passed',
  },
  GAS_MAX_GWEI: { schema: v.gwei(), fallback: '200', about: 'above this gas price transfers wait' },
  GAS_RESERVE_ETH: {
    schema: v.amount('ETH', { zero: true }),
    fallback: '0.05',
    about: 'gas account below this raises an alert',
  },
} as const satisfies Record<string, SettingSpec>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
