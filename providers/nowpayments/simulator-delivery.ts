/**
 * Posting IPNs: many at once but bounded, 3 s for an answer, and again until it is 2xx, as the provider does. Forged
 * ones are posted once; what the receiver says to them is counted, so that a test can see an accepted forgery.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SignedIpn } from './simulator-ipn.ts';

/** The provider waits 3 s for an answer. */
const ANSWER_MS = 3_000;
const AT_ONCE = 64;

export interface DeliveryCounts {
  /** Not yet answered with 2xx, forged ones not counted. */
  pending: number;
  delivered: number;
  retries: number;
  given_up: number;
  duplicates: number;
  /** Never sent, on purpose. */
  lost: number;
  forged: number;
  forged_accepted: number;
}

export interface Delivery {
  readonly counts: DeliveryCounts;
  /** Resolves after the first attempt; repetitions go on by themselves. */
  post(url: string, ipn: SignedIpn): Promise<void>;
  /** Posts something that must not be believed. */
  postForged(url: string, ipn: SignedIpn): Promise<void>;
  /** Resolves when nothing is pending. */
  idle(): Promise<void>;
  /** Stops all repetitions and sets the counts to 0. */
  reset(): void;
}

/** @param retryMs waits before each repetition, in ms; after the last one the IPN is given up */
export function createDelivery(retryMs: readonly number[]): Delivery {
  const counts = zero();
  const gate = createGate(AT_ONCE);
  let stop = new AbortController();
  let waiting: (() => void)[] = [];

  const attempt = (url: string, ipn: SignedIpn): Promise<number> => gate(() => send(url, ipn, stop.signal));
  const settle = (outcome: 'delivered' | 'given_up', of: AbortController): void => {
    if (of !== stop) return; // reset meanwhile: the counts are another run's
    counts.pending -= 1;
    counts[outcome] += 1;
    if (counts.pending > 0) return;
    for (const wake of waiting.splice(0)) wake();
  };
  const repeat = async (url: string, ipn: SignedIpn, of: AbortController): Promise<void> => {
    for (const wait of retryMs) {
      await sleep(wait, undefined, { signal: of.signal });
      counts.retries += 1;
      if (is2xx(await attempt(url, ipn))) return settle('delivered', of);
    }
    settle('given_up', of);
  };

  return {
    counts,
    async post(url, ipn) {
      const of = stop;
      counts.pending += 1;
      if (is2xx(await attempt(url, ipn))) return settle('delivered', of);
      repeat(url, ipn, of).catch(() => undefined); // only a reset ends the wait early
    },
    async postForged(url, ipn) {
      counts.forged += 1;
      if (is2xx(await attempt(url, ipn))) counts.forged_accepted += 1;
    },
    idle: () => (counts.pending === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    reset() {
      stop.abort();
      stop = new AbortController();
      Object.assign(counts, zero());
      for (const wake of waiting) wake();
      waiting = [];
    },
  };
}

function zero(): DeliveryCounts {
  return {
    pending: 0,
    delivered: 0,
    retries: 0,
    given_up: 0,
    duplicates: 0,
    lost: 0,
    forged: 0,
    forged_accepted: 0,
  };
}

function is2xx(status: number): boolean {
  return status >= 200 && status < 300;
}

/** @returns the HTTP status, 0 without an answer */
async function send(url: string, ipn: SignedIpn, stop: AbortSignal): Promise<number> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-nowpayments-sig': ipn.signature },
      body: ipn.raw,
      redirect: 'manual',
      signal: AbortSignal.any([stop, AbortSignal.timeout(ANSWER_MS)]),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0; // the receiver is away or slow: the same to a sender, it repeats
  }
}

/** Runs at most `limit` tasks at once, in the order they came. */
function createGate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const queue: (() => void)[] = [];
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => queue.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next(); // hands its own place on, so that the count never goes above the limit
    }
  };
}
