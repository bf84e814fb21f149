/**
 * At every append: is a repeated event the same event, and do the records of the outbox stand in the log, per key, in
 * the order in which the ledger wrote them?
 */
import { createHash } from 'node:crypto';
import type { OutRecord } from '../../../processors/runtime/publisher.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import type { Written } from '../writes.ts';

/** Their records come from the outbox alone, and each event is written once. */
const FROM_OUTBOX: ReadonlySet<string> = new Set([
  TOPIC.credited,
  TOPIC.payouts,
  TOPIC.conversions,
  TOPIC.journal,
  TOPIC.clients,
]);

interface Line {
  readonly places: Map<string, number>;
  /** How many are in the log. */
  reached: number;
}

export class LogWatch {
  readonly #contents = new Map<string, string>();
  /** Events by `topic key`, in the order of the outbox. */
  readonly #lines = new Map<string, Line>();

  /** @returns one line per thing that is wrong */
  see(written: Written): string[] {
    const problems: string[] = [];
    for (const { topic, key, event_id } of written.get('outbox') ?? []) {
      if (!FROM_OUTBOX.has(topic as string)) continue;
      const line = this.#lineOf(topic as string, key as string);
      if (line.places.has(event_id as string))
        problems.push(`event ${event_id} of ${topic} is written twice`);
      line.places.set(event_id as string, line.places.size);
    }
    return problems;
  }

  /** @returns one line per thing that is wrong */
  appended({ topic, key, value, headers }: OutRecord): string[] {
    const id = headers['event-id'];
    if (!FROM_OUTBOX.has(topic) || id === undefined || key === null) return [];
    const problems: string[] = [];
    const content = createHash('sha1')
      .update(`${topic} ${key} `)
      .update(value ?? '')
      .digest('base64');
    const before = this.#contents.get(id);
    if (before !== undefined && before !== content) problems.push(`event ${id} of ${topic} has two contents`);
    this.#contents.set(id, content);
    const line = this.#lineOf(topic, String(key));
    const place = line.places.get(id);
    if (place === undefined) problems.push(`event ${id} of ${topic} is in the log and was never committed`);
    else if (place > line.reached)
      problems.push(`event ${id} of ${topic} ${key} overtook ${place - line.reached}`);
    else if (place === line.reached) line.reached += 1;
    return problems;
  }

  /** @returns what never came, at the end */
  missing(): string[] {
    return [...this.#lines]
      .filter(([, { places, reached }]) => reached < places.size)
      .map(([name, { places, reached }]) => `${places.size - reached} events of ${name} are not in the log`);
  }

  #lineOf(topic: string, key: string): Line {
    const name = `${topic} ${key}`;
    let line = this.#lines.get(name);
    if (!line) {
      line = { places: new Map(), reached: 0 };
      this.#lines.set(name, line);
    }
    return line;
  }
}
