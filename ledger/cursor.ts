/** Reads a large result in order, a page at a time, inside one transaction: PostgreSQL sorts, the process stays small. */
import type { Db } from './db.ts';

/** Rows one by one, with a look at the next. */
export interface Source<T> {
  peek(): Promise<T | undefined>;
  next(): Promise<T | undefined>;
}

/** The two statements of a cursor, whose name is the same in both; it ends with the transaction. */
export interface CursorSql {
  /** DECLARE ... NO SCROLL CURSOR FOR ... */
  readonly open: string;
  /** FETCH <number> FROM ... */
  readonly next: string;
}

export async function openCursor<R>(
  tx: Db,
  sql: CursorSql,
  values: readonly unknown[] = [],
): Promise<Source<R>> {
  await tx.query(sql.open, values);
  return pagedSource(() => tx.query<R>(sql.next));
}

/** @param page the next rows; none: the end */
export function pagedSource<T>(page: () => Promise<readonly T[]>): Source<T> {
  let rows: readonly T[] = [];
  let at = 0;
  let ended = false;
  async function peek(): Promise<T | undefined> {
    if (at >= rows.length && !ended) {
      rows = await page();
      at = 0;
      ended = rows.length === 0;
    }
    return rows[at];
  }
  return {
    peek,
    async next() {
      const row = await peek();
      at += 1;
      return row;
    },
  };
}

/** Neighbours of one key as one. */
export function grouped<T, G>(
  source: Source<T>,
  keyOf: (row: T) => string,
  group: (rows: readonly T[]) => G,
): Source<G> {
  return pagedSource(async () => {
    const first = await source.next();
    if (first === undefined) return [];
    const rows = [first];
    const key = keyOf(first);
    for (let row = await source.peek(); row !== undefined && keyOf(row) === key; row = await source.peek()) {
      rows.push(row);
      await source.next();
    }
    return [group(rows)];
  });
}
