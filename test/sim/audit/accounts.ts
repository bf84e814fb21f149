/** Do the books agree with themselves: entries, ranges, client rows, wallet rows, totals, cover, and with the chain? */
import { type Account, type Books, sum } from './books.ts';

/** @param isHalted somebody else has our key: what was set aside stays so */
export function auditAccounts(books: Books, isHalted = false): string[] {
  return [
    ...books.accounts.flatMap((account) => auditClient(account, books)),
    ...auditControl(books),
    ...auditCover(books, isHalted),
  ];
}

function auditClient(account: Account, books: Books): string[] {
  const mine = <R extends { client_id: bigint; asset: string }>(rows: readonly R[]) =>
    rows.filter((row) => row.client_id === account.client_id && row.asset === account.asset);
  const name = `client ${account.client_id} ${account.asset}`;
  const problems: string[] = [];
  const amounts = new Map<bigint, bigint>();
  for (const leg of mine(books.legs)) amounts.set(leg.seq, BigInt(leg.net));
  for (const entry of mine(books.entries)) {
    if (amounts.has(entry.seq)) problems.push(`${name}: two entries ${entry.seq}`);
    amounts.set(entry.seq, BigInt(entry.amount));
  }
  const between = (from: bigint, to: bigint): bigint => {
    let total = 0n;
    for (let seq = from + 1n; seq <= to; seq++) total += amounts.get(seq) ?? 0n;
    return total;
  };
  if (BigInt(amounts.size) !== account.last_seq)
    problems.push(`${name}: ${amounts.size} entries, last is ${account.last_seq}`);
  let end = 0n;
  for (const payout of mine(books.payouts)) {
    if (payout.from_seq !== end)
      problems.push(`${name}: payout ${payout.payout_id} begins at ${payout.from_seq}, not ${end}`);
    end = payout.to_seq;
    const due = between(payout.from_seq, payout.to_seq);
    if (due !== BigInt(payout.amount))
      problems.push(`${name}: payout ${payout.payout_id} of ${payout.amount}, its entries are ${due}`);
  }
  if (end !== account.paid_seq)
    problems.push(`${name}: ranges end at ${end}, paid_seq is ${account.paid_seq}`);
  const free = between(account.paid_seq, account.last_seq);
  if (free !== BigInt(account.available))
    problems.push(`${name}: available ${account.available}, entries say ${free}`);
  if (BigInt(account.debt) > 0n && BigInt(account.available) > 0n)
    problems.push(`${name}: ${account.available} are free, although ${account.debt} are owed`);
  const open = mine(books.payouts).filter(
    (payout) => payout.state !== 'completed' && payout.state !== 'cancelled',
  );
  const reserved = sum(open.map((payout) => payout.amount));
  if (reserved !== BigInt(account.reserved))
    problems.push(`${name}: reserved ${account.reserved}, open payouts are ${reserved}`);
  return problems;
}

/** Debit minus credit of an account in an asset. */
export function balance(books: Books, account: string, asset: string): bigint {
  let total = 0n;
  for (const line of books.lines) {
    if (line.asset !== asset) continue;
    if (line.debit === account) total += BigInt(line.amount);
    if (line.credit === account) total -= BigInt(line.amount);
  }
  return total;
}

function auditControl(books: Books): string[] {
  const problems: string[] = [];
  const expect = (what: string, asset: string, got: bigint, wanted: bigint): void => {
    if (got !== wanted) problems.push(`${what} ${asset} is ${got}, the postings say ${wanted}`);
  };
  for (const asset of ['ETH', 'USDT']) {
    const rows = books.accounts.filter((row) => row.asset === asset);
    for (const part of ['available', 'reserved', 'unvalued'] as const) {
      expect(
        `client:${part}`,
        asset,
        sum(rows.map((row) => row[part])),
        -balance(books, `client:${part}`, asset),
      );
    }
    expect('client:debt', asset, sum(rows.map((row) => row.debt)), balance(books, 'client:debt', asset));
    const totals = books.totals.filter((row) => row.asset === asset);
    const lines = books.lines.filter((row) => row.asset === asset);
    expect('turnover', asset, sum(totals.map((row) => row.amount)), sum(lines.map((row) => row.amount)));
  }
  for (const wallet of books.wallets) {
    expect(
      wallet.account,
      wallet.asset,
      BigInt(wallet.balance),
      balance(books, wallet.account, wallet.asset),
    );
  }
  return problems;
}

/** At rest nothing is on its way; what clients are owed is there. */
function auditCover(books: Books, isHalted: boolean): string[] {
  const problems: string[] = [];
  for (const asset of ['ETH', 'USDT']) {
    const of = (account: string) => balance(books, account, asset);
    for (const account of ['wallet:sending', 'wallet:gas_held', 'swap:in_transit']) {
      if (of(account) !== 0n && !isHalted) problems.push(`${account} ${asset} is ${of(account)} at rest`);
    }
    const owed = -(of('client:available') + of('client:reserved') + of('client:unvalued'));
    const ours = ['wallet:incoming', 'wallet:host', 'wallet:sending', 'swap:in_transit', 'position:open'];
    const held = [...ours, 'client:debt'].reduce((total, account) => total + of(account), 0n);
    if (owed > held) problems.push(`clients are owed ${owed} ${asset}, held are ${held}`);
  }
  return problems;
}
