/** What most roles open at their start: the ledger, the codec over the registry, Kafka. */
import { type Database, openDatabase } from '../../ledger/db.ts';
import { wakeIntents } from '../../ledger/sql/wake-intents.ts';
import type { IntentWish } from '../../ledger/work.ts';
import type { Codec } from '../../schemas/codec.ts';
import { createRegistry, learnSchemas, openCodec } from '../../schemas/registry.ts';
import type { SettingsWith } from '../../schemas/settings.ts';
import { failPoint } from './fail-point.ts';
import { createKafka, type Kafka } from './kafka.ts';
import { kafkaOptions } from './kafka-settings.ts';
import type { RoleContext, RunningRole } from './role.ts';

export type Schemas = {
  readonly codec: Codec;
  /** Makes schemas known that stand in these values; an id that the registry does not have stays unknown. */
  readonly learnSchemas: (values: readonly (Buffer | null)[]) => Promise<void>;
};

/** @throws RegistryError when the schemas of this program are not registered */
export async function openSchemas(settings: SettingsWith<'SCHEMA_REGISTRY_URL'>): Promise<Schemas> {
  const registry = createRegistry({
    url: settings.SCHEMA_REGISTRY_URL,
    auth: settings.SCHEMA_REGISTRY_AUTH,
    ca: settings.SCHEMA_REGISTRY_CA,
    prefix: settings.TOPIC_PREFIX,
  });
  const codec = await openCodec(registry);
  return { codec, learnSchemas: (values) => learnSchemas(registry, codec, values) };
}

export function openRoleKafka(settings: SettingsWith<'KAFKA_BROKERS'>, context: RoleContext): Kafka {
  return createKafka(kafkaOptions(settings, `spillway-${context.name}`, context.log));
}

/** @param role `processor` for fixed batch statements: generic plans without sequential scans */
export function openRoleDatabase(
  settings: SettingsWith<'DATABASE_URL'>,
  context: RoleContext,
  options: { readonly max: number; readonly role?: 'service' | 'processor' },
): Database {
  return openDatabase({
    url: settings.DATABASE_URL,
    applicationName: `spillway-${context.name}`,
    onError: (error) => context.log.warn({ kind: 'database', err: error }, 'a database connection broke'),
    ...options,
  });
}

/** Recurring work is an intent like any other; this makes sure that it exists and is due. */
export function ensureIntents(db: Database, wishes: readonly IntentWish[], now: Date): Promise<void> {
  return db.transaction((tx) => wakeIntents(tx, wishes, now));
}

type Part = Pick<RunningRole, 'ready' | 'progress' | 'stop'>;

/** A role made of parts that are stopped in the order given; `close` runs last. */
export function joinParts(parts: readonly Part[], close: () => Promise<void>): RunningRole {
  return {
    ready: () => parts.every((part) => part.ready()),
    progress: () => {
      const all = parts.map((part) => part.progress());
      return { ok: all.every(({ ok }) => ok), detail: all.map(({ detail }) => detail).join('; ') };
    },
    stop: async () => {
      for (const part of parts) await part.stop();
      failPoint('drain.parts_stopped');
      await close();
    },
  };
}
