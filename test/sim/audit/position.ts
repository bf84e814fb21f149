/** Conversions: does each own one range of credit batches, all of it and nobody else's, and is the rest the open position? */
import { balance } from './accounts.ts';
import { type Books, sum } from './books.ts';

export function auditPosition(books: Books): string[] {
  return [...auditRanges(books), ...auditConversions(books), ...auditOpen(books)];
}

/** Without a gap and without an overlap, from the first batch of each partition. */
function auditRanges({ ranges }: Books): string[] {
  const problems: string[] = [];
  const ends = new Map<number, bigint>();
  for (const { conversion_id, partition, from_batch, to_batch } of ranges) {
    const end = ends.get(partition) ?? 0n;
    if (from_batch !== end)
      problems.push(
        `conversion ${conversion_id} begins at batch ${from_batch} of partition ${partition}, not ${end}`,
      );
    ends.set(partition, to_batch);
  }
  return problems;
}

function auditConversions(books: Books): string[] {
  return books.conversions.flatMap(({ conversion_id, eth, usdt_expected }) => {
    const ranges = books.ranges.filter((range) => range.conversion_id === conversion_id);
    const batches = books.batches.filter(({ partition, number }) =>
      ranges.some(
        (range) => range.partition === partition && number > range.from_batch && number <= range.to_batch,
      ),
    );
    const [ofEth, ofUsdt] = [sum(batches.map((one) => one.eth)), sum(batches.map((one) => one.usdt))];
    return ofEth === BigInt(eth) && ofUsdt === BigInt(usdt_expected)
      ? []
      : [
          `conversion ${conversion_id} is of ${eth} ETH for ${usdt_expected} USDT, its batches are ${ofEth} and ${ofUsdt}`,
        ];
  });
}

/** What no conversion took, and what those under way still have to bring, is what stands in position:open. */
function auditOpen(books: Books): string[] {
  const ends = new Map(books.ranges.map((range) => [range.partition, range.to_batch]));
  const free = books.batches.filter(({ partition, number }) => number > (ends.get(partition) ?? 0n));
  const open = books.conversions.filter(({ state }) => state !== 'completed' && state !== 'cancelled');
  if (open.length > 0) return [];
  const [eth, usdt] = [-balance(books, 'position:open', 'ETH'), balance(books, 'position:open', 'USDT')];
  const wanted = { eth: sum(free.map((one) => one.eth)), usdt: sum(free.map((one) => one.usdt)) };
  return eth === wanted.eth && usdt === wanted.usdt
    ? []
    : [
        `position:open is ${eth} ETH for ${usdt} USDT, the open credit batches are ${wanted.eth} and ${wanted.usdt}`,
      ];
}
