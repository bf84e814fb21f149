/**
 * The product's own checks, beside the second bookkeeper: what reconcile asks every minute must say the same here. Those
 * of the ledger hold after every commit; those against chain and topics once both are read to their ends.
 */
import { type Check, checkInvariants } from '../../../ledger/invariants.ts';
import { ledgerSnapshot } from '../../../ledger/sql/ledger-snapshot.ts';
import { attemptOf } from '../../../processors/accumulate/wiring.ts';
import { checkChain } from '../../../processors/reconcile/chain-check.ts';
import { readableValue } from '../../../processors/reconcile/readable-value.ts';
import { differences, Recomputation } from '../../../processors/reconcile/recompute.ts';
import { TOPIC } from '../../../schemas/topology.ts';
import { SETTINGS } from '../settings.ts';
import { CODEC, decoded, type World } from '../world.ts';

/** Invariants 1 to 5, at any time between two commits. @returns one line per check that does not say yes */
export async function checkLedger({ plain }: World): Promise<string[]> {
  return failed(await checkInvariants(plain));
}

/** All seven, at rest. @returns one line per check that does not say yes */
export async function checkAll(world: World): Promise<string[]> {
  const { plain: db, chain } = world;
  // A chain that somebody else used with our key cannot equal the books.
  const onChain =
    chain.foreignUse.length > 0
      ? []
      : [
          await checkChain({
            db,
            chain,
            chainId: BigInt(SETTINGS.EVM_CHAIN_ID),
            address: SETTINGS.HOST_WALLET_ADDRESS,
            chainTries: 1,
          }),
        ];
  return [...(await checkLedger(world)), ...failed(onChain), ...(await checkTopics(world))];
}

function failed(checks: readonly Check[]): string[] {
  return checks
    .filter(({ ok }) => ok !== true)
    .map(({ name, ok, difference, detail }) => `check ${name} says ${ok}: ${difference} ${detail}`);
}

/** Invariant 7: the ledger is what follows from the topics. */
async function checkTopics({ plain, log, engine }: World): Promise<string[]> {
  const snapshot = await plain.transaction((tx) => ledgerSnapshot(tx, engine.clock.now()));
  const result = new Recomputation();
  const seen = new Set<string>();
  for (const record of log.all(TOPIC.journal)) {
    const entry = decoded(TOPIC.journal, record);
    if (!seen.has(entry.posting_set_id)) result.journal(entry, record.key);
    seen.add(entry.posting_set_id);
  }
  for (const [partition, { end }] of log.bounds(TOPIC.valued)) {
    for (const record of log.whole(TOPIC.valued, partition)) {
      if (record.offset >= (snapshot.positions.get(partition) ?? 0n) || record.offset >= end) break;
      const value = readableValue(CODEC, record);
      if (value)
        result.valued(value, { partition, offset: record.offset, attempt: attemptOf(record.headers) });
    }
  }
  return differences(snapshot.balances, result.balances).map(
    ({ key, difference }) => `check ledger_equals_topics: ${key} differs by ${difference}`,
  );
}
