/**
 * How long a refusal takes must not tell where a signature is wrong. TIMING_SAMPLES=100000 for the long form.
 * The measure is a rank: which of two neighbours took longer, wrong in the first byte or wrong in the last. Noise of the
 * machine meets both alike, as their order is random; a compare that stops early moves the rank away from one half.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ipnSecrets, verifySignature } from '../../../../gateway/ipn/signature.ts';
import { allFiles, parseSource } from '../../source-tree.ts';
import { bodyText, IPN_SECRET, sign } from '../support.ts';

const SAMPLES = Number(process.env.TIMING_SAMPLES ?? 3_000);
/** Of a rank around one half; chance alone gives a deviation of 0.0075 at 3,000 samples of each kind. */
const MARGIN = 0.06;

const raw = Buffer.from(bodyText());
const right = sign(raw);
const flip = (digit: string) => (digit === '0' ? '1' : '0');
const WRONG = {
  first: flip(right[0]!) + right.slice(1),
  last: right.slice(0, -1) + flip(right.at(-1)!),
};

function nanosecondsOf(check: (signature: string) => boolean, signature: string): number {
  const startedAt = process.hrtime.bigint();
  const isTaken = check(signature);
  const took = Number(process.hrtime.bigint() - startedAt);
  if (isTaken) throw new Error('a wrong signature was taken');
  return took;
}

/** The part of pairs in which the late mistake took longer; 0.5 when nothing can be told. Ties count half. */
function rankOfLateMistakes(check: (signature: string) => boolean, samples: number): number {
  const order = randomBytes(samples);
  for (let warmUp = 0; warmUp < 500; warmUp++) nanosecondsOf(check, WRONG.first);
  const taken: { readonly took: number; readonly late: boolean }[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const kinds = order[sample]! & 1 ? (['first', 'last'] as const) : (['last', 'first'] as const);
    for (const kind of kinds) taken.push({ took: nanosecondsOf(check, WRONG[kind]), late: kind === 'last' });
  }
  return areaUnderCurve(taken);
}

/** Mann-Whitney: ranks of the late ones, ties shared. */
function areaUnderCurve(taken: { readonly took: number; readonly late: boolean }[]): number {
  taken.sort((a, b) => a.took - b.took);
  let rankSum = 0;
  for (let from = 0; from < taken.length; ) {
    let to = from;
    while (to < taken.length && taken[to]!.took === taken[from]!.took) to++;
    const rank = (from + 1 + to) / 2;
    for (; from < to; from++) if (taken[from]!.late) rankSum += rank;
  }
  const n = taken.length / 2;
  return (rankSum - (n * (n + 1)) / 2) / (n * n);
}

/** What nobody may write: byte by byte, stopping at the first difference; each step as dear as a slow compare. */
function leaky(signature: string): boolean {
  const wanted = Buffer.from(signature, 'hex');
  const mac = createHmac('sha512', IPN_SECRET).update(raw).digest();
  for (let at = 0; at < mac.length; at++) {
    if (mac[at] !== wanted[at]) return false;
    for (let spent = 0; spent < 60; spent++) if (mac.indexOf(257 + spent) >= 0) return false;
  }
  return true;
}

describe('98 signatures wrong in the first byte against the last', () => {
  const secrets = ipnSecrets(IPN_SECRET, 'another secret');
  const ours = (signature: string) => verifySignature(raw, signature, secrets).authentic;

  it('take equally long', { timeout: 600_000 }, () => {
    const rank = rankOfLateMistakes(ours, SAMPLES);
    if (process.env.TIMING_SAMPLES) console.log(`rank of late mistakes: ${rank.toFixed(4)}`);
    expect(Math.abs(rank - 0.5)).toBeLessThan(MARGIN);
  });

  it('the measure sees a compare that stops early', () => {
    expect(rankOfLateMistakes(leaky, 300)).toBeGreaterThan(0.5 + MARGIN);
  });
});

describe('MACs are compared in constant time', () => {
  const product = allFiles()
    .filter((path) => path.endsWith('.ts') && !/^(test|sandbox)\/|\/simulator[^/]*\.ts$/.test(path))
    .map(parseSource);
  const users = product.filter((file) => file.calls.some(({ text }) => text === 'createHmac'));

  it('wherever one is made', () => {
    expect(users.map(({ path }) => path)).toEqual(['gateway/ipn/signature.ts', 'schemas/order-mac.ts']);
  });

  it('the IPN signature by timingSafeEqual and nothing else', () => {
    const file = users.find(({ path }) => path === 'gateway/ipn/signature.ts')!;
    const made = file.calls.filter(({ text }) => text === 'createHmac').map(({ line }) => line);
    const compared = file.calls.filter(({ text }) => text === 'timingSafeEqual').map(({ line }) => line);
    expect(made.length).toBeGreaterThan(0);
    expect(compared).toEqual(made);
    expect(file.calls.filter(({ text }) => /\.(equals|compare)$/.test(text))).toEqual([]);
    expect(file.text).not.toMatch(/digest\([^)]*\)\s*[=!]==?|[=!]==?\s*(wanted|header)\b/);
  });

  it('the MAC of an order id in a loop without a way out', () => {
    const file = product.find(({ path }) => path === 'schemas/order-id.ts')!;
    const compare = /function sameText\(.*?\n\}/s.exec(file.text)![0];
    expect(compare.match(/\breturn\b/g)).toHaveLength(1);
    expect(compare).not.toMatch(/\bbreak\b|\bif\b|\?|&&|\|\|/);
    expect(file.text.match(/macText\(/g)).toHaveLength(4);
    expect(file.text.match(/sameText\(mac, macText\(/g)).toHaveLength(2);
  });
});
