/**
 * Reads the environment through the table of settings. Whatever is missing, odd or misspelt is listed by name and
 * stops the start; nothing is guessed and no secret is shown.
 */
import type { z } from 'zod';
import {
  retentionName,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type SettingSpec,
} from './setting-table.ts';
import type { RoleName, TopicName } from './topology.ts';

type Value<N extends SettingName> = z.output<(typeof SETTINGS)[N]['schema']>;
type WithFallback = {
  [N in SettingName]: (typeof SETTINGS)[N] extends { fallback: string } ? N : never;
}[SettingName];

/** All settings under their own names; undefined = not set and without a default. Units: schemas/setting-table.ts. */
export type Settings = { readonly [N in WithFallback]: Value<N> } & {
  readonly [N in Exclude<SettingName, WithFallback>]: Value<N> | undefined;
};
/** Settings of which these are certainly set. */
export type SettingsWith<N extends SettingName> = Settings & { readonly [K in N]: Value<K> };

export type Environment = Readonly<Record<string, string | undefined>>;
/** Reads a file as UTF-8 text or throws; used for NAME_FILE. */
export type FileReader = (path: string) => string;

export class SettingsError extends Error {
  override name = 'SettingsError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? `setting ${problems[0]}` : `settings:\n  ${problems.join('\n  ')}`);
    this.problems = problems;
  }
}

const CHAIN = ['EVM_RPC_URLS', 'EVM_CHAIN_ID', 'USDT_CONTRACT', 'HOST_WALLET_ADDRESS'] as const;
const NOWPAYMENTS = ['NOWPAYMENTS_API_URL', 'NOWPAYMENTS_API_KEY'] as const;
const CHANGENOW = ['CHANGENOW_API_URL', 'CHANGENOW_API_KEY'] as const;
const LEDGER = ['DATABASE_URL', 'SCHEMA_REGISTRY_URL'] as const;

/** What each role cannot do without. */
export const ROLE_NEEDS = {
  gateway: ['KAFKA_BROKERS', ...LEDGER, 'ORDER_SECRET', 'NOWPAYMENTS_IPN_SECRET'],
  convert: ['KAFKA_BROKERS', ...LEDGER],
  accumulate: ['KAFKA_BROKERS', ...LEDGER],
  settle: [...LEDGER, ...NOWPAYMENTS, ...CHANGENOW, 'PRICE_FEED_URL', ...CHAIN],
  payout: [...LEDGER, ...CHANGENOW, ...CHAIN],
  relay: ['KAFKA_BROKERS', 'DATABASE_URL'],
  reconcile: ['KAFKA_BROKERS', ...LEDGER, 'ORDER_SECRET', ...NOWPAYMENTS, ...CHANGENOW, ...CHAIN],
} as const satisfies Record<RoleName, readonly SettingName[]>;

export type RoleSettings<R extends RoleName> = SettingsWith<(typeof ROLE_NEEDS)[R][number]>;

/**
 * @param needs settings that must be set, also where they have no default
 * @throws SettingsError with every problem at once
 */
export function readSettings<const N extends SettingName = never>(
  env: Environment,
  needs: readonly N[],
  readFile: FileReader,
): SettingsWith<N> {
  const problems: string[] = [...misspelt(env)];
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of SETTING_NAMES) {
    const spec: SettingSpec = SETTINGS[name];
    const given = givenText(env, name, readFile, problems);
    const text = given ?? spec.fallback;
    if (text === undefined) continue;
    const result = spec.schema.safeParse(text);
    if (result.success) values[name] = result.data;
    else problems.push(`${name} ${result.error.issues[0]?.message ?? 'is wrong'}, not ${shown(spec, text)}`);
  }
  const wrong = new Set(problems.map((problem) => problem.split(' ', 1)[0]));
  for (const name of needs) {
    if (values[name] === undefined && !wrong.has(name)) {
      problems.push(`${name} is missing: set it or ${name}_FILE (${SETTINGS[name].about})`);
    }
  }
  if (problems.length === 0) problems.push(...contradictions(values as Settings));
  if (problems.length > 0) throw new SettingsError(problems);
  return values as SettingsWith<N>;
}

/** The settings of one role. @throws SettingsError */
export function readRoleSettings<R extends RoleName>(
  env: Environment,
  role: R,
  readFile: FileReader,
): RoleSettings<R> {
  const needs: readonly SettingName[] = ROLE_NEEDS[role];
  const settings = readSettings(env, needs, readFile);
  if (role === 'payout' && !settings.HOST_WALLET_KEY && !settings.HOST_WALLET_SIGNER_URL) {
    throw new SettingsError([
      'HOST_WALLET_KEY is missing: set it, HOST_WALLET_KEY_FILE or HOST_WALLET_SIGNER_URL',
    ]);
  }
  return settings as RoleSettings<R>;
}

/** Milliseconds that a topic keeps its records; -1 = for ever. */
export function retentionOf(settings: Settings, topic: TopicName): number {
  return settings[retentionName(topic)];
}

/** Trimmed text of NAME or of the file that NAME_FILE names; an empty value counts as not set, an empty file does not. */
function givenText(
  env: Environment,
  name: SettingName,
  readFile: FileReader,
  problems: string[],
): string | undefined {
  const direct = env[name]?.trim() || undefined;
  const path = env[`${name}_FILE`]?.trim() || undefined;
  if (path === undefined) return direct;
  if (direct !== undefined) {
    problems.push(`${name} and ${name}_FILE are both set: keep one of them`);
    return undefined;
  }
  try {
    const content = readFile(path).trim();
    if (content !== '') return content;
    problems.push(`${name}_FILE names an empty file: ${path}`);
  } catch (error) {
    problems.push(`${name}_FILE cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return undefined;
}

function shown(spec: SettingSpec, text: string): string {
  return spec.secret ? 'the (hidden) value it has' : JSON.stringify(text.slice(0, 80));
}

/** Groups in which an unknown name is more likely a slip than somebody else's variable: a limit must not be lost so. */
const OWN_GROUPS =
  /^(RETENTION|PAYOUT|CONVERSION|RATE|GAS|PARTIAL|MISSED|LEDGER|NOWPAYMENTS|CHANGENOW|HOST_WALLET)_/;
/** What Kubernetes sets by itself for services of such names. */
const SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP).*)?)$/;

function misspelt(env: Environment): string[] {
  const known = new Set<string>(SETTING_NAMES.flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(env)
    .filter((name) => OWN_GROUPS.test(name) && !known.has(name) && !SERVICE_LINK.test(name))
    .map((name) => `${name} is not a setting: remove it or correct its name (docs/settings.md lists all)`);
}

/** Values that are fine each by itself but not together. */
function contradictions(settings: Settings): string[] {
  const problems: string[] = [];
  const sasl = [settings.KAFKA_SASL_MECHANISM, settings.KAFKA_SASL_USERNAME, settings.KAFKA_SASL_PASSWORD];
  if (sasl.some((part) => part !== undefined) && sasl.some((part) => part === undefined)) {
    problems.push('KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD belong together: set all three or none');
  }
  if (settings.KAFKA_SSL_CA !== undefined && !settings.KAFKA_SSL) {
    problems.push('KAFKA_SSL_CA is set but KAFKA_SSL is off: set KAFKA_SSL=on');
  }
  if (settings.HOST_WALLET_KEY !== undefined && settings.HOST_WALLET_SIGNER_URL !== undefined) {
    problems.push('HOST_WALLET_KEY and HOST_WALLET_SIGNER_URL are both set: keep one of them');
  }
  if (settings.PAYOUT_DAILY_MAX_USD.minor > settings.PAYOUT_MONTHLY_MAX_USD.minor) {
    problems.push(
      'PAYOUT_DAILY_MAX_USD is above PAYOUT_MONTHLY_MAX_USD: the day cannot allow more than the month',
    );
  }
  if (settings.PAYOUT_MAX_USD.minor > settings.PAYOUT_DAILY_MAX_USD.minor) {
    problems.push(
      'PAYOUT_MAX_USD is above PAYOUT_DAILY_MAX_USD: one payout cannot be more than the day allows',
    );
  }
  if ((settings.NOWPAYMENTS_EMAIL === undefined) !== (settings.NOWPAYMENTS_PASSWORD === undefined)) {
    problems.push('NOWPAYMENTS_EMAIL and NOWPAYMENTS_PASSWORD belong together: set both or none');
  }
  if (settings.MISSED_UNTIL < settings.MISSED_AFTER) {
    problems.push('MISSED_UNTIL is below MISSED_AFTER: the last look cannot come before the first');
  }
  const second = settings.PAYOUT_SECOND_APPROVAL_USD;
  if (second !== undefined && second.minor < settings.PAYOUT_APPROVAL_USD.minor) {
    problems.push(
      'PAYOUT_SECOND_APPROVAL_USD is below PAYOUT_APPROVAL_USD: the second person comes after the first',
    );
  }
  return problems;
}
