/**
 * Which shards of the outbox this relay owns. Ownership is a row with an epoch and a sign of life; it only keeps two
 * relays from doing the same work. One that is late and does not know yet can repeat records, never lose or skip any.
 */
import type { Database } from '../../ledger/db.ts';
import { claimShards, type ShardClaim } from '../../ledger/sql/relay-claim.ts';
import { releaseShards } from '../../ledger/sql/relay-release.ts';
import { renewShards } from '../../ledger/sql/relay-renew.ts';
import type { Clock } from './clock.ts';
import type { Log } from './logger.ts';

export interface ShardOwnerOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: string;
  readonly shards: number;
  readonly silenceMs?: number;
}

const SILENCE_MS = 10_000;

export class ShardOwner {
  readonly #options: ShardOwnerOptions;
  readonly #silenceMs: number;
  #held: readonly ShardClaim[] = [];
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ShardOwnerOptions) {
    this.#options = options;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  get held(): readonly ShardClaim[] {
    return this.#held;
  }

  /** Renews what is held and claims what is free, a few times per silence limit; otherwise does nothing. */
  async keep(): Promise<void> {
    const monotone = performance.now();
    if (monotone - this.#checkedAt < this.#silenceMs / 4) return;
    const { db, clock, owner, shards, log } = this.#options;
    const now = clock.now();
    const kept = this.#held.length === 0 ? [] : await renewShards(db, this.#held, now);
    if (kept.length < this.#held.length) log.warn({ kind: 'retry' }, 'another relay took over outbox shards');
    const missing = Array.from({ length: shards }, (_, shard) => shard).filter(
      (shard) => !kept.some((claim) => claim.shard === shard),
    );
    const silentSince = new Date(now.getTime() - this.#silenceMs);
    const won = missing.length === 0 ? [] : await claimShards(db, missing, owner, now, silentSince);
    if (won.length > 0) {
      const names = won.map((claim) => claim.shard);
      log.info({ kind: 'start', shards: names }, `relay owns ${won.length} more outbox shards`);
    }
    this.#held = [...kept, ...won];
    this.#checkedAt = monotone;
  }

  async release(): Promise<void> {
    if (this.#held.length === 0) return;
    await releaseShards(this.#options.db, this.#held, new Date(0));
    this.#held = [];
  }
}
