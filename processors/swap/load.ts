/** Locks and loads what a step of a payout, conversion or transfer needs, always in the one lock order of engine.md. */
import type { Db } from '../../ledger/db.ts';
import { fundsOfConversion } from '../../ledger/sql/funds-of-conversion.ts';
import { fundsOfPayout } from '../../ledger/sql/funds-of-payout.ts';
import { waitingOwners } from '../../ledger/sql/waiting-owners.ts';
import { load, lockClients, lockCreditCounter } from '../../ledger/store.ts';
import {
  chainDeposits,
  conversions,
  payoutBatches,
  swapOrders,
  transfers,
  type WalletRow,
  wallets,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import type { LedgerAsset } from '../../schemas/assets.ts';
import { chainHash } from './deposit.ts';
import type { Funds } from './funds.ts';
import { type Owner, type OwnerKind, ownerOf, TREASURY_PARTITION, wakeOwner } from './owner.ts';
import type { OutPolicy } from './policy.ts';

export class UnknownOwner extends Error {
  override name = 'UnknownOwner';
}

interface LoadOptions {
  /** For what may give a conversion's position back; the counter is locked before everything else. */
  readonly counter?: boolean;
}

/** The owner with its client, orders, transfers and the deposits that its orders name. @throws UnknownOwner */
export async function loadOwner(
  tx: Db,
  work: Work,
  kind: OwnerKind,
  id: string,
  policy: OutPolicy,
  options: LoadOptions = {},
): Promise<Owner> {
  if (kind === 'payout') await lockPayout(tx, work, id);
  else await lockConversion(tx, work, id, options);
  const owned = [kind, id];
  await load(
    tx,
    work,
    swapOrders,
    'WHERE r.owner_kind = $1 AND r.owner_id = $2::uuid ORDER BY r.attempt',
    owned,
  );
  await load(tx, work, transfers, 'WHERE r.owner_kind = $1 AND r.owner_id = $2 ORDER BY r.attempt', owned);
  const known = work.all(swapOrders).flatMap((order) => [order.payout_hash, order.refund_hash]);
  await loadDeposits(tx, work, known);
  return ownerOf(work, kind, id, policy.host);
}

async function lockPayout(tx: Db, work: Work, id: string): Promise<void> {
  const found = await tx.query<{ client_id: bigint }>(
    'SELECT client_id FROM payout_batches WHERE payout_id = $1::uuid',
    [id],
    'payout_client',
  );
  const clientId = found[0]?.client_id;
  if (clientId === undefined) throw new UnknownOwner(`there is no payout ${id}`);
  await lockClients(tx, work, [BigInt(clientId)]);
  await load(
    tx,
    work,
    payoutBatches,
    'WHERE r.client_id = $1::bigint AND r.payout_id = $2::uuid FOR UPDATE',
    [String(clientId), id],
  );
}

async function lockConversion(tx: Db, work: Work, id: string, options: LoadOptions): Promise<void> {
  if (options.counter) await lockCreditCounter(tx, work, TREASURY_PARTITION);
  const rows = await load(tx, work, conversions, 'WHERE r.conversion_id = $1::uuid FOR UPDATE', [id]);
  if (rows.length === 0) throw new UnknownOwner(`there is no conversion ${id}`);
}

/** Locks what arrived with these transactions; what is no transaction hash is left out. */
export async function loadDeposits(tx: Db, work: Work, hashes: readonly (string | null)[]): Promise<void> {
  const wanted = [...new Set(hashes.map(chainHash).filter((hash) => hash !== null))];
  if (wanted.length === 0) return;
  await load(
    tx,
    work,
    chainDeposits,
    'WHERE r.hash = ANY($1::text[]) ORDER BY r.hash, r.log_index FOR UPDATE',
    [wanted],
  );
}

/** The wallet row is the mutex of everything that goes out. undefined: hostpay has not met its chain yet. */
export async function lockWallet(tx: Db, work: Work, policy: OutPolicy): Promise<WalletRow | undefined> {
  const rows = await load(tx, work, wallets, 'WHERE r.chain_id = $1::bigint AND r.address = $2 FOR UPDATE', [
    String(policy.chainId),
    policy.host,
  ]);
  return rows[0];
}

/** Balances and queue, behind the wallet's lock. */
export async function loadFunds(tx: Db, work: Work, owner: Owner, policy: OutPolicy): Promise<Funds> {
  await lockWallet(tx, work, policy);
  return owner.kind === 'payout'
    ? fundsOfPayout(tx, owner.clientId!, owner.id)
    : fundsOfConversion(tx, owner.id);
}

/** Funds of this asset became free: who waits for them looks again at once. */
export async function wakeWaiting(tx: Db, work: Work, asset: LedgerAsset): Promise<void> {
  for (const owner of await waitingOwners(tx, asset)) wakeOwner(work, owner);
}
