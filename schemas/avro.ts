/** The published Avro schemas (schemas/avro/*.avsc), one per topic, as parsed JSON. */
import { readFileSync } from 'node:fs';
import { TOPIC_NAMES, type TopicName } from './topology.ts';

function load(topic: TopicName): unknown {
  return JSON.parse(readFileSync(new URL(`./avro/${topic}.avsc`, import.meta.url), 'utf8'));
}

export const AVRO_SCHEMAS: Readonly<Record<TopicName, unknown>> = Object.freeze(
  Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, load(topic)])) as Record<TopicName, unknown>,
);
