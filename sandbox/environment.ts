/**
 * Composes the settings of everything that `up` starts: what the environment says, filled up with the addresses of the
 * embedded servers and their development secrets. A development secret is only used with its own embedded server, so
 * that it never meets a real one.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

/** Address settings; where one is set, nothing is embedded in its place. */
export const ADDRESS_SETTINGS = {
  kafka: 'KAFKA_BROKERS',
  registry: 'SCHEMA_REGISTRY_URL',
  postgres: 'DATABASE_URL',
  chain: 'EVM_RPC_URLS',
  nowpayments: 'NOWPAYMENTS_API_URL',
  changenow: 'CHANGENOW_API_URL',
  prices: 'PRICE_FEED_URL',
} as const;

export type Embeddable = keyof typeof ADDRESS_SETTINGS;

/** True when a setting is given, directly or through a file. */
export function isConfigured(env: Environment, name: string): boolean {
  return Boolean(env[name]?.trim() || env[`${name}_FILE`]?.trim());
}

/** What has to be embedded because its address is not set. */
export function embedded(env: Environment): Set<Embeddable> {
  const names = Object.keys(ADDRESS_SETTINGS) as Embeddable[];
  return new Set(names.filter((name) => !isConfigured(env, ADDRESS_SETTINGS[name])));
}

/** The development secrets that may be used: those of embedded servers that the environment does not set. */
export function usableSecrets(
  env: Environment,
  secrets: Readonly<Record<string, string>>,
): Record<string, string> {
  const inside = embedded(env);
  const allowed: Record<string, boolean> = {
    ORDER_SECRET: true,
    NOWPAYMENTS_API_KEY: inside.has('nowpayments'),
    NOWPAYMENTS_IPN_SECRET: inside.has('nowpayments'),
    CHANGENOW_API_KEY: inside.has('changenow'),
    // A contract that is set belongs to a chain of somebody's own; so does the wallet then.
    HOST_WALLET_KEY: !isConfigured(env, 'USDT_CONTRACT') && !isConfigured(env, 'HOST_WALLET_SIGNER_URL'),
  };
  return Object.fromEntries(
    Object.entries(secrets).filter(([name]) => allowed[name] && !isConfigured(env, name)),
  );
}

/** An environment without its undefined entries. */
export function defined(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
