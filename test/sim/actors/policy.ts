/** Owners who change their minds: thresholds and strategies move while payments are under way. */

import { isTrouble } from '../../../ledger/db-errors.ts';
import { lockClients, write } from '../../../ledger/store.ts';
import { type ClientRow, clients } from '../../../ledger/tables.ts';
import { Work } from '../../../ledger/work.ts';
import { CODEC, type World } from '../world.ts';

const CHANGES = 2;
const WITHIN_MS = 300_000;

export async function runOwners(world: World): Promise<void> {
  const { engine, workload } = world;
  if (!engine.faults.strikes('policy')) return;
  for (let i = 0; i < CHANGES; i++) {
    await engine.sleep(engine.random.int(10_000, WITHIN_MS / CHANGES));
    const { client_id } = engine.random.pick(workload.clients);
    try {
      await change(world, client_id);
    } catch (error) {
      if (!isTrouble(error)) throw error;
      engine.note(`the change of ${client_id} may or may not have happened`);
    }
  }
}

async function change(world: World, clientId: bigint): Promise<void> {
  const { engine, db, clocks } = world;
  await db.transaction(async (tx) => {
    const work = new Work(clocks.now());
    await lockClients(tx, work, [clientId]);
    const before = work.must(clients, clientId);
    const after = work.put(clients, changed(before, work.now, engine.random.pick([40, 80, 200])));
    await write(tx, work, CODEC);
    engine.note(`client ${clientId} is ${after.payout_strategy} ${after.payout_threshold_usd ?? ''} now`);
  });
}

function changed(before: ClientRow, now: Date, threshold: number): ClientRow {
  const isThreshold = before.payout_strategy === 'threshold';
  const next = {
    ...before,
    revision: before.revision + 1n,
    updated_at: now,
    payout_threshold_updated_at: now,
  };
  if (isThreshold && threshold === 200)
    return { ...next, payout_strategy: 'instant', payout_threshold_usd: null };
  return { ...next, payout_strategy: 'threshold', payout_threshold_usd: `${threshold}.00` };
}
