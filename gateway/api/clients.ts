/** Registers clients (channels) and changes their payout policy. The command line and the API use these functions. */
import type { Database, Db } from '../../ledger/db.ts';
import { sqlState } from '../../ledger/db-errors.ts';
import { emptyAccount } from '../../ledger/entries.ts';
import { writeRows } from '../../ledger/sql/write-rows.ts';
import { load, lockClients, write } from '../../ledger/store.ts';
import { type ClientRow, clientAccounts, clients, plans, quarantined } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import { LEDGER_ASSETS } from '../../schemas/assets.ts';
import type { Codec } from '../../schemas/codec.ts';
import { eventId } from '../../schemas/event-id.ts';
import { parseUnits } from '../../schemas/money.ts';
import { partitionOf } from '../../schemas/partition.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { addressProblem } from './address.ts';
import { InputError } from './input-error.ts';
import { redriveRows } from './redrive.ts';

export interface ApiDeps {
  readonly db: Database;
  readonly codec: Codec;
  readonly now: () => Date;
}

export interface ClientPolicy {
  readonly strategy: string;
  /** Decimal text, US dollars; needed for threshold. */
  readonly thresholdUsd: string | null;
  /** Longest wait before a smaller total is paid, ms. */
  readonly maxWaitMs: bigint | null;
  readonly currency: string;
  readonly network: string;
  readonly address: string;
  readonly memo: string | null;
}

export interface NewClient extends ClientPolicy {
  /** Telegram id of the open channel: a negative number as decimal text. */
  readonly clientId: string;
  readonly title: string;
  /** Tiers: price in US dollars and days of access. */
  readonly plans: readonly { readonly priceUsd: string; readonly days: number }[];
}

const USD = /^\d{1,12}(\.\d{1,2})?$/;
/** As many as the table of plans has tiers. */
const MAX_PLANS = 9;
const MAX_WAIT_MS = 3_650n * 86_400_000n;
const UNIQUE_VIOLATION = '23505';
const CLIENT_ID = /^-[1-9]\d{4,17}$/;

/** @throws InputError naming the field that is wrong, or that the client exists already */
export async function addClient(deps: ApiDeps, input: NewClient): Promise<ClientRow> {
  const clientId = readClientId(input.clientId);
  checkPolicy(input);
  checkText('title', input.title);
  checkPlans(input.plans);
  const taken = new InputError('client', input.clientId, 'it exists already; change it with `clients set`');
  try {
    return await deps.db.transaction(async (tx) => {
      const work = new Work(deps.now());
      await lockClients(tx, work, [clientId]);
      if (work.get(clients, clientId)) throw taken;
      return await insertClient(tx, work, deps, clientId, input);
    });
  } catch (error) {
    // Somebody else registered it between our look and our insert.
    if (sqlState(error) === UNIQUE_VIOLATION) throw taken;
    throw error;
  }
}

async function insertClient(
  tx: Db,
  work: Work,
  deps: ApiDeps,
  clientId: bigint,
  input: NewClient,
): Promise<ClientRow> {
  const partition = partitionOf(input.clientId);
  const row: ClientRow = {
    client_id: clientId,
    title: input.title,
    ...policyColumns(input),
    payout_threshold_updated_at: work.now,
    partition,
    revision: 1n,
    created_at: work.now,
    updated_at: work.now,
  };
  // There is no row to lock yet: this insert is the mutex, and an upsert would put the balances of another back to 0.
  await writeRows(tx, clients, [row], 'insert');
  work.load(clients, [row]);
  for (const asset of LEDGER_ASSETS) work.put(clientAccounts, emptyAccount(clientId, asset, partition));
  input.plans.forEach((plan, index) => {
    work.put(plans, { client_id: clientId, tier: index + 1, price_usd: plan.priceUsd, days: plan.days });
  });
  announce(work, row);
  // Payments that came before their client was known go on by themselves.
  const parked = await load(
    tx,
    work,
    quarantined,
    `WHERE r.key = $1::text AND r.redriven_at IS NULL AND r.reason IN ('unknown_client', 'behind_quarantined')
       ORDER BY r.at, r.source_offset FOR UPDATE`,
    [input.clientId],
  );
  redriveRows(work, deps.codec, parked);
  await write(tx, work, deps.codec);
  return row;
}

/** Applies to payments valued from now on; the sweep looks at existing balances at once. @throws InputError */
export async function setClient(
  deps: ApiDeps,
  id: string,
  change: Partial<ClientPolicy>,
): Promise<ClientRow> {
  const clientId = readClientId(id);
  return deps.db.transaction(async (tx) => {
    const work = new Work(deps.now());
    await lockClients(tx, work, [clientId]);
    const before = work.get(clients, clientId);
    if (!before) throw new InputError('client', id, 'no client has this id');
    const policy: ClientPolicy = { ...policyOf(before), ...change };
    checkPolicy(policy);
    const moved = !sameUsd(policy.thresholdUsd, before.payout_threshold_usd);
    const row = work.put(clients, {
      ...before,
      ...policyColumns(policy),
      payout_threshold_updated_at: moved ? work.now : before.payout_threshold_updated_at,
      revision: before.revision + 1n,
      updated_at: work.now,
    });
    announce(work, row);
    work.wake(`sweep:${row.partition}`, 'sweep', String(row.partition));
    await write(tx, work, deps.codec);
    return row;
  });
}

/** 500 and 500.00 are one threshold. */
function sameUsd(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return a === b;
  return parseUnits(a, 2) === parseUnits(b, 2);
}

function policyOf(row: ClientRow): ClientPolicy {
  return {
    strategy: row.payout_strategy,
    thresholdUsd: row.payout_threshold_usd,
    maxWaitMs: row.max_wait_ms,
    currency: row.payout_currency,
    network: row.payout_network,
    address: row.wallet_address,
    memo: row.wallet_memo,
  };
}

function policyColumns(policy: ClientPolicy) {
  return {
    payout_strategy: policy.strategy,
    payout_threshold_usd: policy.strategy === 'threshold' ? policy.thresholdUsd : null,
    max_wait_ms: policy.maxWaitMs,
    payout_currency: policy.currency.toLowerCase(),
    payout_network: policy.network.toLowerCase(),
    wallet_address: policy.address,
    wallet_memo: policy.memo,
  };
}

/** The policy for outside consumers: no personal data, no wallet. */
function announce(work: Work, row: ClientRow): void {
  work.emit(TOPIC.clients, String(row.client_id), 'client.policy', {
    event_id: eventId('clients', row.client_id, row.revision),
    occurred_at: work.now,
    client_id: String(row.client_id),
    strategy: row.payout_strategy,
    threshold_usd: row.payout_threshold_usd,
    currency: row.payout_currency,
    network: row.payout_network,
    revision: row.revision,
  });
  work.wake('limits', 'limits', 'limits');
}

export function readClientId(text: string): bigint {
  if (!CLIENT_ID.test(text))
    throw new InputError('client', text, 'give the open channel id, such as -1001234567890');
  return BigInt(text);
}

function checkText(field: string, text: string): void {
  if (text.trim() === '' || text.length > 128 || /\p{Cc}/u.test(text))
    throw new InputError(field, text, 'give 1 to 128 characters, none of them a control character');
}

function checkPlans(all: NewClient['plans']): void {
  if (all.length > MAX_PLANS) throw new InputError('plans', String(all.length), `give at most ${MAX_PLANS}`);
  for (const plan of all) {
    if (!isUsdAboveZero(plan.priceUsd))
      throw new InputError('plan price', plan.priceUsd, 'give US dollars above 0, such as 50 or 49.99');
    if (!Number.isInteger(plan.days) || plan.days < 1 || plan.days > 3_660)
      throw new InputError('plan days', String(plan.days), 'give 1 to 3660');
  }
}

function isUsdAboveZero(text: string): boolean {
  return USD.test(text) && !/^0+(\.0+)?$/.test(text);
}

function checkPolicy(policy: ClientPolicy): void {
  if (policy.strategy !== 'instant' && policy.strategy !== 'threshold')
    throw new InputError('strategy', policy.strategy, 'give instant or threshold');
  if (policy.strategy === 'threshold') {
    if (policy.thresholdUsd === null || !isUsdAboveZero(policy.thresholdUsd))
      throw new InputError('threshold', policy.thresholdUsd ?? '', 'give US dollars above 0, such as 500');
  }
  if (policy.maxWaitMs !== null && (policy.maxWaitMs <= 0n || policy.maxWaitMs > MAX_WAIT_MS))
    throw new InputError('max wait', String(policy.maxWaitMs), 'give a time above 0, up to 3650 days');
  if (!/^[a-z0-9]{2,20}$/i.test(policy.currency))
    throw new InputError('currency', policy.currency, 'give a currency code, such as xmr');
  if (!/^[a-z0-9]{2,20}$/i.test(policy.network))
    throw new InputError('network', policy.network, 'give a network, such as eth');
  if (policy.memo !== null && !/^[\x21-\x7e]{1,120}$/.test(policy.memo))
    throw new InputError('memo', policy.memo, 'give 1 to 120 printable characters without spaces, or none');
  const problem = addressProblem(policy.currency, policy.network, policy.address);
  if (problem) throw new InputError('address', policy.address, problem);
}
