/** The latest rate snapshot, if it is usable and fresh at a time. */
import type { Db } from '../db.ts';

const SQL = `SELECT rate_id, usdt_per_eth, usable, at FROM rates WHERE at <= $1::timestamptz ORDER BY at DESC LIMIT 1`;

export interface FreshRate {
  readonly rate_id: string;
  /** Exact decimal text, net of provider fees. */
  readonly usdt_per_eth: string;
}

/** @param maxAgeMs RATE_MAX_AGE @returns undefined: payments that need a rate stay unvalued */
export async function latestRate(db: Db, now: Date, maxAgeMs: number): Promise<FreshRate | undefined> {
  const [row] = await db.query<FreshRate & { usable: boolean; at: Date }>(SQL, [now], 'latest_rate');
  if (!row?.usable || now.getTime() - row.at.getTime() > maxAgeMs) return undefined;
  return { rate_id: row.rate_id, usdt_per_eth: row.usdt_per_eth };
}
