/** Locks and loads one transfer with everything that its end may change, in the lock order of engine.md. */
import type { Db } from '../../ledger/db.ts';
import { walletBalance } from '../../ledger/sql/wallet-balance.ts';
import { load, loadByKeys, lockClients, lockCreditCounter } from '../../ledger/store.ts';
import {
  paymentStatus,
  payoutAccumulation,
  type TransferRow,
  transfers,
  transferTxs,
} from '../../ledger/tables.ts';
import type { Work } from '../../ledger/work.ts';
import { loadOpenPayouts } from '../accumulate/load.ts';
import { scopeOf } from '../swap/funds.ts';
import { loadOwner, lockWallet } from '../swap/load.ts';
import type { OwnerKind } from '../swap/owner.ts';
import type { OutPolicy } from '../swap/policy.ts';
import type { Signer } from './sign.ts';
import type { TransferContext } from './transition.ts';

/** @throws Error when there is no such transfer */
export async function loadTransfer(
  tx: Db,
  work: Work,
  id: string,
  policy: OutPolicy,
  signer: Signer,
): Promise<TransferContext> {
  const [found] = await tx.query<{ owner_kind: string; owner_id: string }>(
    'SELECT owner_kind, owner_id FROM transfers WHERE transfer_id = $1::uuid',
    [id],
    'transfer_owner',
  );
  if (!found) throw new Error(`there is no transfer ${id}`);
  const isReturn = found.owner_kind === 'return';
  const owner = isReturn
    ? undefined
    : await loadOwner(tx, work, found.owner_kind as OwnerKind, found.owner_id, policy);
  if (isReturn) await loadReturn(tx, work, found.owner_id, id);
  await load(tx, work, transferTxs, 'WHERE r.transfer_id = $1::uuid', [id]);
  const wallet = await lockWallet(tx, work, policy);
  const transfer = work.must(transfers, id);
  return {
    transfer,
    owner,
    scope: owner ? scopeOf(owner) : returnScope(work, transfer),
    wallet,
    gas: await walletBalance(tx, 'wallet:gas', 'ETH'),
    policy,
    signer,
  };
}

/** A payment that is sent back: its end undoes the credit, which changes the client and maybe position:open. */
export async function loadReturn(tx: Db, work: Work, ownerId: string, transferId: string): Promise<void> {
  const [client_id, provider, payment_id] = ownerId.split('|') as [string, string, string];
  const [place] = await tx.query<{ partition: number }>(
    'SELECT partition FROM payment_status WHERE client_id = $1::bigint AND provider = $2 AND payment_id = $3',
    [client_id, provider, payment_id],
    'payment_partition',
  );
  if (!place) throw new Error(`there is no payment ${ownerId}`);
  await lockCreditCounter(tx, work, place.partition);
  await lockClients(tx, work, [BigInt(client_id)]);
  await loadByKeys(tx, work, paymentStatus, [{ client_id, provider, payment_id }]);
  await loadByKeys(
    tx,
    work,
    payoutAccumulation,
    [1, 2].map((leg) => ({ client_id, provider, payment_id, leg })),
  );
  await loadOpenPayouts(tx, work, [BigInt(client_id)]);
  await load(tx, work, transfers, 'WHERE r.transfer_id = $1::uuid FOR UPDATE', [transferId]);
}

function returnScope(work: Work, transfer: TransferRow): { clientId: bigint; partition: number } {
  const row = work.must(paymentStatus, ...transfer.owner_id.split('|'));
  return { clientId: row.client_id, partition: row.partition };
}
