/** Names of their own for a test on the shared broker and registry. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';

/** A TOPIC_PREFIX that no other test uses. */
export function freshPrefix(): string {
  return `t${randomBytes(5).toString('hex')}.`;
}

/** Settings that reach the shared servers, for code that reads the environment. */
export function serverSettings(prefix: string, databaseUrl: string): Record<string, string> {
  const { kafka, registry } = inject('servers');
  return {
    KAFKA_BROKERS: kafka,
    SCHEMA_REGISTRY_URL: registry,
    DATABASE_URL: databaseUrl,
    TOPIC_PREFIX: prefix,
  };
}
