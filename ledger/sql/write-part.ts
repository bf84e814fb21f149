/**
 * One table's share of a transaction's write. All shares go to PostgreSQL as one statement: one round trip instead of a
 * dozen, which is most of the time of a small batch.
 */
import type { Db } from '../db.ts';

export interface WritePart {
  /** Stands for the text below in the names of prepared statements. */
  readonly name: string;
  /** A modifying statement that ends in RETURNING; its parameters start at number `first`. */
  readonly text: (first: number) => string;
  readonly values: readonly unknown[];
  /** Rows that must come back, where another number would mean that a lock did not hold. */
  readonly expect?: number;
}

/**
 * Runs the parts in order (data-modifying WITH queries are evaluated as the final SELECT asks for them).
 * @param notify channels to notify at commit
 * @throws Error when a part wrote another number of rows than it must
 */
export async function runParts(
  tx: Db,
  parts: readonly WritePart[],
  notify: readonly string[] = [],
): Promise<void> {
  if (parts.length === 0) return;
  const values: unknown[] = [];
  const queries = parts.map((part, index) => {
    const text = part.text(values.length + 1);
    values.push(...part.values);
    return `p${index} AS (${text})`;
  });
  const counts = parts.map((_, index) => `(SELECT count(*) FROM p${index})::int AS p${index}`);
  const notifications = notify.map((channel) => `pg_notify('${channel}', '')`);
  const name = `write_${hash(parts.map((part) => part.name).join(' ') + notify.join(' '))}`;
  const [row] = await tx.query<Record<string, number>>(
    `WITH ${queries.join(',\n')}\nSELECT ${[...counts, ...notifications].join(', ')}`,
    values,
    name,
  );
  for (const [index, part] of parts.entries()) {
    const written = row?.[`p${index}`];
    if (part.expect !== undefined && written !== part.expect) {
      throw new Error(`${part.name}: ${written} rows instead of ${part.expect}`);
    }
  }
}

/** Short and stable; a name is at most 63 bytes long. */
function hash(text: string): string {
  let h = 0xcbf29ce484222325n;
  for (const char of text) h = BigInt.asUintN(64, (h ^ BigInt(char.codePointAt(0)!)) * 0x100000001b3n);
  return h.toString(36);
}
