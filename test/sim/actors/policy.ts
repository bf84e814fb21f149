/** Owners who change their minds: thresholds, strategies and wallets move while payments are under way; one comes late. */
import { addClient, type ClientPolicy, setClient } from '../../../gateway/api/clients.ts';
import { InputError } from '../../../gateway/api/input-error.ts';
import type { Database } from '../../../ledger/db.ts';
import { isTrouble } from '../../../ledger/db-errors.ts';
import type { ClientRow } from '../../../ledger/tables.ts';
import { askWhy } from '../audit/explain.ts';
import type { Random } from '../random.ts';
import { CODEC, type World } from '../world.ts';

const CHANGES = 3;
const WITHIN_MS = 300_000;
const LATE_MS = [60_000, 250_000] as const;
const AGAIN_MS = 5_000;

const WALLETS = [
  { currency: 'usdt', network: 'eth', address: `0x${'7'.repeat(40)}` },
  { currency: 'eth', network: 'eth', address: `0x${'8'.repeat(40)}` },
  { currency: 'sol', network: 'sol', address: 'another-sol-wallet' },
  { currency: 'ltc', network: 'sol', address: 'a-bridged-wallet' },
] as const;

export async function runOwners(world: World): Promise<void> {
  const { engine, workload, db, clocks } = world;
  if (!engine.faults.strikes('policy')) return;
  const random = engine.faults.chanceOf('policy');
  const deps = { db, codec: CODEC, now: () => clocks.now() };
  for (let i = 0; i < CHANGES; i++) {
    await engine.sleep(random.int(10_000, WITHIN_MS / CHANGES));
    const id = String(random.pick(workload.clients).client_id);
    try {
      const now = await setClient(deps, id, await changeOf(world, id, random));
      engine.note(`client ${id} is ${now.payout_strategy} ${now.payout_threshold_usd ?? ''} now`);
      await askWhy(world, id);
    } catch (error) {
      if (!isTrouble(error)) throw error;
      engine.note(`the change of ${id} may or may not have happened`);
    }
  }
}

async function changeOf({ plain }: World, id: string, random: Random): Promise<Partial<ClientPolicy>> {
  const [before] = await plain.query<Pick<ClientRow, 'payout_strategy'>>(
    'SELECT payout_strategy FROM clients WHERE client_id = $1',
    [id],
  );
  if (random.chance(before!.payout_strategy === 'instant' ? 0.8 : 0.3)) return random.pick(WALLETS);
  const threshold = random.pick([40, 80, 200]);
  if (before!.payout_strategy === 'threshold' && threshold === 200)
    return { strategy: 'instant', thresholdUsd: null };
  return { strategy: 'threshold', thresholdUsd: `${threshold}.00` };
}

/** The client whose payments came before it was known. */
export async function runLateClient(world: World): Promise<void> {
  const { engine, workload, db } = world;
  if (!workload.late) return;
  await engine.sleep(engine.faults.chanceOf('late-client').int(...LATE_MS));
  for (;;) {
    try {
      await registerLate(world, db);
      return;
    } catch (error) {
      if (!isTrouble(error)) throw error;
      await engine.sleep(AGAIN_MS);
    }
  }
}

/** @returns whether it was not there before */
export async function registerLate({ engine, workload, clocks }: World, db: Database): Promise<boolean> {
  const { late } = workload;
  if (!late) return false;
  try {
    await addClient({ db, codec: CODEC, now: () => clocks.now() }, late);
    engine.note(`client ${late.clientId} is registered`);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}
