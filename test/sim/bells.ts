/**
 * What committed statements notify: `outbox`, and `intents` by kind. The product's notification of intents wakes every
 * worker; a look of one that runs no such kind finds nothing and shows nothing, so that here only those wake that do.
 */
import type { Committed } from './database.ts';
import { writtenBy } from './writes.ts';

const CHANNEL = /pg_notify\('(\w+)'/g;
const INTENTS: ReadonlySet<string> = new Set(['intents']);
const known = new Map<string, readonly string[]>();

export function intentBell(kind: unknown): string {
  return `intents ${String(kind)}`;
}

/** @returns each once; `intents` alone when it is not told which */
export function bellsOf(statements: readonly Committed[]): Set<string> {
  const channels = new Set(statements.flatMap(({ text }) => channelsOf(text)));
  if (!channels.has('intents')) return channels;
  const rows = writtenBy(statements, INTENTS)?.get('intents');
  if (!rows) return channels;
  channels.delete('intents');
  for (const { kind } of rows) channels.add(intentBell(kind));
  return channels;
}

function channelsOf(text: string): readonly string[] {
  let channels = known.get(text);
  if (!channels) {
    channels = [...text.matchAll(CHANNEL)].map(([, channel]) => channel!);
    known.set(text, channels);
  }
  return channels;
}
