/** Rows of the ledger in the order of the topics, for an audit: credits by the place of their record, sets by client. */
import { grouped, openCursor, type Source } from '../cursor.ts';
import type { Db } from '../db.ts';

export interface LegRow {
  readonly client_id: bigint;
  readonly provider: string;
  readonly payment_id: string;
  readonly leg: number;
  readonly asset: string;
  readonly gross: string;
  readonly fee: string;
  readonly net: string;
  readonly received_asset: string;
  readonly received: string;
  readonly event_id: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly at: Date;
}

export interface LineRow {
  readonly debit: string;
  readonly credit: string;
  readonly asset: string;
  readonly partition: number;
  readonly amount: string;
}

/** The one posting set of a batch of credits: of the records [from, to) of its partition. */
export interface BatchRow {
  readonly id: string;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  readonly at: Date;
  readonly lines: readonly LineRow[];
}

/** A posting set that the journal must have. */
export interface JournalledRow {
  readonly id: string;
  readonly partition: number;
  readonly client_id: bigint | null;
  readonly cause_kind: string;
  readonly cause_id: string;
  readonly at: Date;
}

export interface ClientAccountLine {
  readonly partition: number;
  readonly client_id: bigint;
  readonly asset: string;
  readonly available: string;
  readonly reserved: string;
  readonly unvalued: string;
  readonly debt: string;
}

const LEGS = `SELECT client_id, provider, payment_id, leg, asset, gross::text AS gross, fee::text AS fee, net::text AS net,
    received_asset, received::text AS received, event_id::text AS event_id, source_partition AS partition,
    source_offset AS "offset", credited_at AS at FROM payout_accumulation`;
const DECLARE_LEGS = 'DECLARE audit_legs NO SCROLL CURSOR FOR';
const LEG_ORDER = 'ORDER BY source_partition, source_offset';
const NEXT_LEGS = 'FETCH 2000 FROM audit_legs';
/** `<topic>:<partition>:<from>-<to>`; what is not of that form comes last and fits nowhere. */
const BATCHES = `SELECT posting_set_id::text AS id, cause_id, partition, debit, credit, asset, amount::text AS amount, at
  FROM gl_transfers WHERE cause_kind = 'credits'
  ORDER BY partition, CASE WHEN cause_id ~ ':[0-9]{1,9}:[0-9]{1,18}-[0-9]{1,18}$'
    THEN split_part(split_part(cause_id, ':', 3), '-', 1)::bigint END, posting_set_id, line`;
const DECLARE_BATCHES = 'DECLARE audit_batches NO SCROLL CURSOR FOR';
const NEXT_BATCHES = 'FETCH 2000 FROM audit_batches';
const SET = 'posting_set_id::text AS id, partition, client_id, cause_kind, cause_id, min(at) AS at';
const SETS = `SELECT ${SET} FROM gl_transfers WHERE cause_kind <> 'credits'`;
const DECLARE_SETS = 'DECLARE audit_sets NO SCROLL CURSOR FOR';
const SET_ORDER = 'GROUP BY 1, 2, 3, 4, 5 ORDER BY partition';
const NEXT_SETS = 'FETCH 2000 FROM audit_sets';
const OTHERS = `SELECT ${SET} FROM gl_transfers WHERE cause_kind <> 'credits' AND client_id IS NULL GROUP BY 1, 2, 3, 4, 5`;
const DECLARE_OTHERS = 'DECLARE audit_others NO SCROLL CURSOR FOR';
const NEXT_OTHERS = 'FETCH 2000 FROM audit_others';
const ACCOUNTS = `SELECT partition, client_id, asset, available::text AS available, reserved::text AS reserved,
    unvalued::text AS unvalued, debt::text AS debt FROM client_accounts`;
const DECLARE_ACCOUNTS = 'DECLARE audit_accounts NO SCROLL CURSOR FOR';
const ACCOUNT_ORDER = 'ORDER BY partition, client_id, asset';
const NEXT_ACCOUNTS = 'FETCH 2000 FROM audit_accounts';

const ALL = {
  legs: { open: `${DECLARE_LEGS} ${LEGS} ${LEG_ORDER}`, next: NEXT_LEGS },
  sets: { open: `${DECLARE_SETS} ${SETS} AND client_id IS NOT NULL ${SET_ORDER}`, next: NEXT_SETS },
  accounts: { open: `${DECLARE_ACCOUNTS} ${ACCOUNTS} ${ACCOUNT_ORDER}`, next: NEXT_ACCOUNTS },
} as const;
const OF_ONE = {
  legs: { open: `${DECLARE_LEGS} ${LEGS} WHERE client_id = $1::bigint ${LEG_ORDER}`, next: NEXT_LEGS },
  sets: { open: `${DECLARE_SETS} ${SETS} AND client_id = $1::bigint ${SET_ORDER}`, next: NEXT_SETS },
  accounts: {
    open: `${DECLARE_ACCOUNTS} ${ACCOUNTS} WHERE client_id = $1::bigint ${ACCOUNT_ORDER}`,
    next: NEXT_ACCOUNTS,
  },
} as const;

export interface AuditStreams {
  readonly legs: Source<LegRow>;
  /** None when one client is looked at: a batch is of many. */
  readonly batches: Source<BatchRow> | undefined;
  /** Sets of clients, by partition. */
  readonly sets: Source<JournalledRow>;
  /** Sets of no client: receipts, conversions, capital; none when one client is looked at. */
  readonly others: Source<JournalledRow> | undefined;
  readonly accounts: Source<ClientAccountLine>;
}

/** Call it in a repeatable read transaction, which must live as long as they are read. @param client only this one */
export async function auditStreams(tx: Db, client: bigint | undefined): Promise<AuditStreams> {
  const sql = client === undefined ? ALL : OF_ONE;
  const values = client === undefined ? [] : [String(client)];
  const ofClients = {
    legs: await openCursor<LegRow>(tx, sql.legs, values),
    sets: await openCursor<JournalledRow>(tx, sql.sets, values),
    accounts: await openCursor<ClientAccountLine>(tx, sql.accounts, values),
  };
  if (client !== undefined) return { ...ofClients, batches: undefined, others: undefined };
  const others = await openCursor<JournalledRow>(tx, {
    open: `${DECLARE_OTHERS} ${OTHERS}`,
    next: NEXT_OTHERS,
  });
  return { ...ofClients, others, batches: await openBatches(tx) };
}

type BatchLine = LineRow & { readonly id: string; readonly cause_id: string; readonly at: Date };

async function openBatches(tx: Db): Promise<Source<BatchRow>> {
  const rows = await openCursor<BatchLine>(tx, { open: `${DECLARE_BATCHES} ${BATCHES}`, next: NEXT_BATCHES });
  return grouped(
    rows,
    (row) => `${row.partition} ${row.id}`,
    (lines) => {
      const { id, cause_id, partition, at } = lines[0]!;
      const [, from = '-1', to = '-1'] = /:(\d+)-(\d+)$/.exec(cause_id) ?? [];
      return { id, partition, at, from: BigInt(from), to: BigInt(to), lines };
    },
  );
}
