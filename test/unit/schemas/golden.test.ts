/**
 * The bytes of every topic never change: others store them for ever. A difference here is a broken contract; when a
 * schema gains a field on purpose, set UPDATE_GOLDEN=1 once and say so in CHANGELOG.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createCodec } from '../../../schemas/codec.ts';
import { TOPIC_NAMES } from '../../../schemas/topology.ts';
import { BARE, FULL, IDS } from '../../fixtures/topic-samples.ts';

const codec = createCodec(IDS);

describe('golden bytes [failures 24, 25]', () => {
  it.each(TOPIC_NAMES)('%s', (topic) => {
    const file = new URL(`../../fixtures/golden/${topic}.hex`, import.meta.url);
    const lines = [FULL[topic], BARE[topic]].map((sample) => codec.encode(topic, sample).toString('hex'));
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, `${lines.join('\n')}\n`);
    const golden = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines).toEqual(golden);
    expect(golden.map((hex) => codec.decode(topic, Buffer.from(hex, 'hex')))).toEqual([
      FULL[topic],
      BARE[topic],
    ]);
  });
});
