/** The topology has no loose end: who reads finds a writer, who writes finds a reader or an outside consumer. */
import { describe, expect, it } from 'vitest';
import { PROCESSORS, ROLE_NAMES, TOPIC, TOPIC_NAMES } from '../../../schemas/topology.ts';

const processors = Object.entries(PROCESSORS);
const written = new Set(processors.flatMap(([, { writes }]) => writes));
const read = new Set(processors.flatMap(([, { reads }]) => reads));

describe('topics', () => {
  it.each([...read])('%s is written by somebody [failures 32, 52]', (topic) => {
    expect(written.has(topic)).toBe(true);
  });

  it.each(TOPIC_NAMES)('%s is read by a processor, or is a record for others [failures 32, 52]', (topic) => {
    const FOR_OTHERS = [TOPIC.credited, TOPIC.payouts, TOPIC.conversions, TOPIC.journal, TOPIC.clients];
    expect(read.has(topic) || FOR_OTHERS.includes(topic as (typeof FOR_OTHERS)[number])).toBe(true);
  });
});

it('every kind of intent is performed by exactly one processor [failures 10, 32]', () => {
  const kinds = processors.flatMap(([, { intents }]) => intents);
  expect(kinds).toEqual([...new Set(kinds)]);
  expect(kinds.length).toBeGreaterThan(8);
});

it('every role has a processor', () => {
  expect(new Set(processors.map(([, { role }]) => role))).toEqual(new Set(ROLE_NAMES));
});
