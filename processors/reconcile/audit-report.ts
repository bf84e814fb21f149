/** What an audit found, put together: balances of both sides, and the differences with the first one first. Pure. */
import { ROW_ACCOUNTS } from '../../ledger/accounts.ts';
import { amountText, type Difference } from './audit-compare.ts';
import type { BalanceLine } from './audit-fold.ts';

export interface AuditReport {
  readonly ok: boolean;
  readonly records: { readonly journal: number; readonly valued: number; readonly credits: number };
  /** How far the topics were read, by `topic:partition`. */
  readonly offsets: Readonly<Record<string, string>>;
  /** Signed minor units, debit +, by `account|asset`. ledger null: it does not keep that figure of the past. */
  readonly balances: readonly ReportLine[];
  /** The first comes first. */
  readonly differences: readonly Difference[];
  /** All of them; more than 10,000 are not listed. */
  readonly differenceCount: number;
}

export interface ReportLine {
  readonly key: string;
  readonly topics: bigint;
  readonly ledger: bigint | null;
}

export interface Found {
  /** What the topics say, by account; of one client when only that was asked for. */
  readonly told: ReadonlyMap<string, bigint>;
  /** What the turnovers of the general ledger say; undefined: not asked, or it can't say. */
  readonly totals: ReadonlyMap<string, bigint> | undefined;
  /** What the rows of accounts kept in one row say. */
  readonly rows: ReadonlyMap<string, bigint> | undefined;
  /** Clients whose row says something else than the topics. */
  readonly clients: readonly BalanceLine[];
  /** Whether clients' rows were compared: those that are not in `clients` are equal. */
  readonly clientsCompared: boolean;
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
}

export function reportOf(
  found: Found,
  now: Date,
): Pick<AuditReport, 'ok' | 'balances' | 'differences' | 'differenceCount'> {
  const balances = linesOf(found);
  const recorded = [...found.differences].sort((a, b) => a.at.getTime() - b.at.getTime());
  const unexplained = [...balances, ...oddRows(found)]
    .filter(({ key, topics, ledger }) => ledger !== null && ledger !== topics && !recorded.some(touches(key)))
    .map((line) => unexplainedLine(line, now));
  const differences = [...recorded, ...unexplained];
  const differenceCount = found.differenceCount + unexplained.length;
  return { ok: differenceCount === 0, balances, differences, differenceCount };
}

function linesOf({ told, totals, clients, clientsCompared }: Found): ReportLine[] {
  const odd = new Map(clients.map((line) => [line.key, line]));
  const keys = new Set([...told.keys(), ...(totals?.keys() ?? []), ...odd.keys()]);
  return [...keys].sort().map((key) => {
    const topics = odd.get(key)?.topics ?? told.get(key) ?? 0n;
    if (!isOfClient(key)) return { key, topics, ledger: totals ? (totals.get(key) ?? 0n) : null };
    return { key, topics, ledger: clientsCompared ? (odd.get(key)?.ledger ?? topics) : null };
  });
}

const isOfClient = (key: string) => /^client:-?\d/.test(key);

/** Rows of wallet_accounts that are not what the topics add up to. */
function oddRows({ told, rows }: Found): ReportLine[] {
  if (!rows) return [];
  const names = [...new Set([...told.keys(), ...rows.keys()])].filter((key) =>
    (ROW_ACCOUNTS as readonly string[]).includes(key.split('|')[0]!),
  );
  return names.map((key) => ({
    key: `${key} (its row)`,
    topics: told.get(key) ?? 0n,
    ledger: rows.get(key) ?? 0n,
  }));
}

const touches = (key: string) => (difference: Difference) =>
  difference.keys.some((one) => key === one || key.startsWith(`${one}:`));

/** No record stands behind it: all of them agree, the balance itself does not. */
function unexplainedLine({ key, topics, ledger }: ReportLine, at: Date): Difference {
  const [account, asset] = key.replace(' (its row)', '').split('|') as [string, string];
  const row = key.endsWith('(its row)') ? 'the row in wallet_accounts of' : 'the balance of';
  return {
    at,
    record: null,
    what: `${row} ${account}`,
    topics: `${amountText(asset, topics)}, and every record agrees with its rows`,
    ledger: amountText(asset, ledger!),
    keys: [key],
  };
}

/** One line: where it is, what it is about, what each side says. */
export function differenceText({ record, what, topics, ledger, at }: Difference): string {
  const where = record
    ? `${record.topic} partition ${record.partition} offset ${record.offset}${record.event_id === '' ? '' : ` (event ${record.event_id})`}`
    : 'no record';
  return `${where}: ${what}: the topics say ${topics}; the ledger says ${ledger}; ${at.toISOString()}`;
}
