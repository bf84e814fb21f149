/** Settings: every odd value stops the start under its own name, no secret is shown. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type SettingSpec,
} from '../../../schemas/setting-table.ts';
import {
  type Environment,
  ROLE_NEEDS,
  readRoleSettings,
  readSettings,
  retentionOf,
  SettingsError,
} from '../../../schemas/settings.ts';
import { ROLE_NAMES, TOPIC } from '../../../schemas/topology.ts';

const noFiles = (path: string): string => {
  throw new Error(`ENOENT: ${path}`);
};
const read = (env: Environment) => readSettings(env, [], noFiles);

function problemsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

/** A right value for every setting. */
const GOOD: Record<string, string> = {
  KAFKA_BROKERS: 'a:9092, b.example:9093',
  KAFKA_SSL: 'on',
  KAFKA_SSL_CA: '-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----',
  KAFKA_SASL_MECHANISM: 'scram-sha-512',
  KAFKA_SASL_USERNAME: 'user',
  KAFKA_SASL_PASSWORD: 'password',
  SCHEMA_REGISTRY_URL: 'http://registry:8080/apis/ccompat/v7/',
  SCHEMA_REGISTRY_AUTH: 'user:password',
  DATABASE_URL: 'postgres://u:p@db:5432/spillway',
  ORDER_SECRET: 'x'.repeat(32),
  NOWPAYMENTS_API_URL: 'https://provider.example',
  NOWPAYMENTS_API_KEY: 'key',
  NOWPAYMENTS_IPN_SECRET: 'ipn-secret',
  CHANGENOW_API_URL: 'https://swap.example',
  CHANGENOW_API_KEY: 'key',
  PRICE_FEED_URL: 'https://prices.example',
  EVM_RPC_URLS: 'http://one:8545,http://two:8545',
  EVM_CHAIN_ID: '1',
  USDT_CONTRACT: '0xdAC17F958D2ee523a2206206994597C13D831ec7',
  HOST_WALLET_ADDRESS: `0x${'1'.repeat(40)}`,
  HOST_WALLET_KEY: `0x${'2'.repeat(64)}`,
};

describe('defaults', () => {
  it('are typed values in the units that the names say [failure 80]', () => {
    const settings = read({});
    expect(settings.FEE_BPS).toBe(300);
    expect(settings.CONVERSION_MIN_USD).toEqual({ asset: 'USDT', minor: 20_000_000n });
    expect(settings.CONVERSION_MAX_AGE).toBe(15 * 60_000);
    expect(settings.RATE_MAX_AGE).toBe(5 * 60_000);
    expect(settings.GAS_MAX_GWEI).toBe(200n * 10n ** 9n);
    expect(settings.GAS_RESERVE_ETH).toEqual({ asset: 'ETH', minor: 5n * 10n ** 16n });
    expect(settings.PARTIAL_AFTER).toBe(3_600_000);
    expect(settings.LEGACY_ORDERS).toBe(false);
    expect(settings.TOPIC_PREFIX).toBe('');
    expect(settings.KAFKA_BROKERS).toBeUndefined();
    expect(retentionOf(settings, TOPIC.received)).toBe(30 * 86_400_000);
    expect(retentionOf(settings, TOPIC.valued)).toBe(-1);
  });

  it('every default is a right value of its own setting', () => {
    for (const name of SETTING_NAMES) {
      const spec: SettingSpec = SETTINGS[name];
      if (spec.fallback !== undefined)
        expect([name, spec.schema.safeParse(spec.fallback).success]).toEqual([name, true]);
    }
  });
});

describe('reading', () => {
  it('trims, splits, drops a slash at the end, and treats an empty value as not set [failure 68]', () => {
    const settings = read({ ...GOOD, FEE_BPS: ' 250\n', OTLP_URL: '   ' });
    expect(settings.KAFKA_BROKERS).toEqual(['a:9092', 'b.example:9093']);
    expect(settings.SCHEMA_REGISTRY_URL).toBe('http://registry:8080/apis/ccompat/v7');
    expect(settings.FEE_BPS).toBe(250);
    expect(settings.OTLP_URL).toBeUndefined();
  });

  it('any setting can come from a file, and its content is trimmed [failures 68, 69]', () => {
    const file = (path: string) => `${path === '/run/secret' ? 'from-the-file-xx' : ''}\n`;
    const settings = readSettings({ ORDER_SECRET_FILE: '/run/secret' }, ['ORDER_SECRET'], file);
    expect(settings.ORDER_SECRET).toBe('from-the-file-xx');
    expect(problemsOf(() => readSettings({ FEE_BPS_FILE: '/empty' }, [], file))[0]).toContain(
      'FEE_BPS_FILE names an empty',
    );
    expect(problemsOf(() => read({ FEE_BPS_FILE: '/none' }))[0]).toMatch(
      /^FEE_BPS_FILE cannot be read: ENOENT/,
    );
    expect(problemsOf(() => read({ FEE_BPS_FILE: '/a', FEE_BPS: '1' }))[0]).toContain('both set');
  });

  it('lists every problem at once, each led by its name', () => {
    const env = { FEE_BPS: '3%', GATEWAY_PORT: 'tcp://10.0.0.1:80', KAFKA_SSL: 'true' };
    const problems = problemsOf(() => readSettings(env, ['DATABASE_URL'], noFiles));
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      'KAFKA_SSL',
      'GATEWAY_PORT',
      'FEE_BPS',
      'DATABASE_URL',
    ]);
    expect(problems[3]).toContain('DATABASE_URL_FILE');
  });

  it('never shows a secret [failure 114]', () => {
    const secrets = SETTING_NAMES.filter((name) => (SETTINGS[name] as SettingSpec).secret);
    expect(secrets.length).toBeGreaterThan(10);
    fc.assert(
      fc.property(fc.constantFrom(...secrets), (name) => {
        const hidden = 'q7!';
        const problems = problemsOf(() => read({ [name]: hidden }));
        expect(problems.join('\n')).not.toContain(hidden);
      }),
    );
  });
});

describe('odd values', () => {
  it.each<[SettingName, string[]]>([
    ['FEE_BPS', ['-1', '2001', '3.5', '0x10', '1e2', '٣', 'NaN']],
    ['CONVERSION_MAX_AGE', ['15', '15 m', '0m', '1.5h', '-5m', '15min', '999999999999d']],
    ['PAYOUT_MAX_USD', ['0', '-5', '1e4', '10,000', '0.0000001', '$5', 'Infinity', '']],
    ['GAS_RESERVE_ETH', ['0.0000000000000000001', '.5', '+1']],
    ['GAS_MAX_GWEI', ['0', '1.0000000001', 'fast']],
    ['KAFKA_BROKERS', ['host', 'host:', 'host:0', 'host:70000', 'a:1,,b:2', 'a:1,a:1', 'http://a:1']],
    ['DATABASE_URL', ['mysql://x', 'db:5432']],
    ['EVM_RPC_URLS', ['ws://x', 'http://a,http://a']],
    ['USDT_CONTRACT', ['0x12', 'dAC17F958D2ee523a2206206994597C13D831ec7']],
    ['RETENTION_PAYMENTS_VALUED', ['-1', '1h', 'never']],
    ['TOPIC_PREFIX', ['a b', 'a/b']],
    ['LEDGER_SHARDS', ['0', '2']],
    ['LOG_LEVEL', ['INFO', 'verbose']],
    ['LEGACY_ORDERS', ['true', 'yes', 'ON']],
  ])('%s refuses %j [failure 68]', (name, values) => {
    for (const value of values.filter((text) => text !== '')) {
      expect([value, problemsOf(() => read({ [name]: value }))[0]?.split(' ')[0]]).toEqual([value, name]);
    }
  });

  it('a misspelt limit is noticed instead of silently being the default [failures 70, 80]', () => {
    expect(problemsOf(() => read({ PAYOUT_MAX: '5' }))[0]).toMatch(/^PAYOUT_MAX is not a setting/);
    expect(problemsOf(() => read({ RETENTION_PAYMENT_VALUED: '5d' }))).toHaveLength(1);
    expect(
      problemsOf(() =>
        read({ PAYOUT_SERVICE_HOST: '10.0.0.1', PAYOUT_PORT_80_TCP_ADDR: '10.0.0.1', PATH: '/bin' }),
      ),
    ).toEqual([]);
  });

  it.each([
    [{ KAFKA_SASL_USERNAME: 'u' }, 'KAFKA_SASL_MECHANISM'],
    [{ KAFKA_SSL_CA: GOOD.KAFKA_SSL_CA }, 'KAFKA_SSL_CA'],
    [{ HOST_WALLET_KEY: GOOD.HOST_WALLET_KEY, HOST_WALLET_SIGNER_URL: 'http://signer' }, 'HOST_WALLET_KEY'],
    [{ PAYOUT_DAILY_MAX_USD: '600000' }, 'PAYOUT_DAILY_MAX_USD'],
    [{ PAYOUT_MAX_USD: '50001' }, 'PAYOUT_MAX_USD'],
    [{ PAYOUT_SECOND_APPROVAL_USD: '4999' }, 'PAYOUT_SECOND_APPROVAL_USD'],
  ])('contradiction %#', (env, name) => {
    expect(problemsOf(() => read(env))[0]?.split(/[ ,]/)[0]).toBe(name);
  });
});

describe('roles', () => {
  it.each(ROLE_NAMES)(
    '%s starts with all it needs and names each setting that is taken away [failures 53, 70, 71]',
    (role) => {
      expect(problemsOf(() => readRoleSettings(GOOD, role, noFiles))).toEqual([]);
      for (const name of ROLE_NEEDS[role]) {
        const { [name]: _gone, ...rest } = GOOD;
        expect(problemsOf(() => readRoleSettings(rest, role, noFiles))[0]).toMatch(
          new RegExp(`^${name} is missing`),
        );
      }
    },
  );

  it('payout needs a key or a signer', () => {
    const { HOST_WALLET_KEY: _key, ...rest } = GOOD;
    expect(problemsOf(() => readRoleSettings(rest, 'payout', noFiles))[0]).toContain(
      'HOST_WALLET_SIGNER_URL',
    );
    expect(
      problemsOf(() => readRoleSettings({ ...rest, HOST_WALLET_SIGNER_URL: 'http://s' }, 'payout', noFiles)),
    ).toEqual([]);
  });
});
