/** Credit batches of each partition that no conversion owns yet: one open range per partition, with its sums. */
import type { Db } from '../db.ts';

export interface OpenRange {
  readonly partition: number;
  readonly fromBatch: bigint;
  readonly toBatch: bigint;
  /** Minor units; may be negative. */
  readonly eth: bigint;
  readonly usdt: bigint;
  readonly oldest: Date;
}

/** Committed numbers are a gapless prefix, because their counter is locked until the commit. */
const SQL = `SELECT b.partition, o.from_batch AS "fromBatch", max(b.number) AS "toBatch",
    sum(b.eth)::text AS eth, sum(b.usdt)::text AS usdt, min(b.at) AS oldest
  FROM generate_series(0, $1::int - 1) AS p(partition)
  CROSS JOIN LATERAL (SELECT coalesce(max(r.to_batch), 0) AS from_batch
     FROM conversion_ranges r WHERE r.partition = p.partition) o
  JOIN credit_batches b ON b.partition = p.partition AND b.number > o.from_batch
  GROUP BY 1, 2 ORDER BY 1`;

type RawRow = Omit<OpenRange, 'eth' | 'usdt'> & { readonly eth: string; readonly usdt: string };

export async function openPositions(tx: Db, partitions: number): Promise<OpenRange[]> {
  const rows = await tx.query<RawRow>(SQL, [partitions], 'open_positions');
  return rows.map((row) => ({
    ...row,
    fromBatch: BigInt(row.fromBatch),
    toBatch: BigInt(row.toBatch),
    eth: BigInt(row.eth),
    usdt: BigInt(row.usdt),
  }));
}
