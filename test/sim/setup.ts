/** What stands in the ledger before a simulation begins: clients, fee, the platform's own money, recurring work. */
import { emptyAccount } from '../../ledger/entries.ts';
import { capitalIn } from '../../ledger/posting.ts';
import { ensureFee } from '../../ledger/sql/ensure-fee.ts';
import { createPosition } from '../../ledger/sql/position-create.ts';
import { write } from '../../ledger/store.ts';
import { type ClientRow, clientAccounts, clients, missedLooks } from '../../ledger/tables.ts';
import { Work } from '../../ledger/work.ts';
import { lookAges } from '../../processors/reconcile/transition-missed.ts';
import { LEDGER_ASSETS } from '../../schemas/assets.ts';
import { type Money, parseMoney } from '../../schemas/money.ts';
import { partitionOf } from '../../schemas/partition.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { SETTINGS } from './settings.ts';
import { CODEC, type World } from './world.ts';

/** The platform's own money: enough gas, and something for refunds and variance. */
const CAPITAL: readonly [account: 'wallet:gas' | 'wallet:host', amount: Money][] = [
  ['wallet:gas', parseMoney('ETH', '5')],
  ['wallet:host', parseMoney('ETH', '0.05')],
  ['wallet:host', parseMoney('USDT', '150')],
];

/** Less than one transfer may cost above the reserve, when gas is dear. */
const HARDLY_ANY_GAS = parseMoney('ETH', '0.058');

/** Intents that never end. */
export const RECURRING = new Set(['rates', 'limits', 'treasury', 'deposits', 'receipts', 'sweep', 'missed']);

/** When reconcile looks at the provider's list for what never came, ms after a payment was made. */
export const LOOK_AGES = lookAges(SETTINGS.MISSED_AFTER, SETTINGS.MISSED_UNTIL);

export function partitionsOf(world: World): number[] {
  const { late } = world.workload;
  const all = known(world).map(({ partition }) => partition);
  if (late) all.push(partitionOf(late.clientId));
  return [...new Set(all)].sort((a, b) => a - b);
}

function known({ workload: { clients: all, bystander } }: World): ClientRow[] {
  return bystander ? [...all, bystander] : [...all];
}

export async function setUp(world: World): Promise<void> {
  const work = new Work(world.engine.clock.now());
  for (const client of known(world)) {
    work.put(clients, client);
    for (const asset of LEDGER_ASSETS) {
      work.put(clientAccounts, emptyAccount(client.client_id, asset, client.partition));
    }
  }
  const isShort = world.engine.faults.strikes('gas-short');
  CAPITAL.forEach(([account, usual], index) => {
    const amount = isShort && account === 'wallet:gas' ? HARDLY_ANY_GAS : usual;
    work.post({ kind: 'capital', id: String(index) }, capitalIn(account, amount), { partition: 0 });
    world.chain.endow(SETTINGS.HOST_WALLET_ADDRESS, amount.asset, amount.minor);
  });
  for (const kind of ['rates', 'limits', 'treasury', 'deposits']) work.wake(kind, kind, kind);
  for (const partition of partitionsOf(world)) {
    for (const kind of ['receipts', 'sweep']) work.wake(`${kind}:${partition}`, kind, String(partition));
  }
  LOOK_AGES.forEach((age, look) => {
    work.wake(`missed:${look}`, 'missed', String(look));
    // As if it had run for a while: what was made before a first start is not looked at.
    work.put(missedLooks, {
      look,
      age_ms: BigInt(age),
      seen_to: work.now,
      looked_at: null,
      error: null,
      refused: false,
      next_page: 0,
      after_client: null,
      after_payment: null,
    });
  });
  await world.plain.transaction((tx) => write(tx, work, CODEC));
  // What has no epoch finds its counter of credit batches: accumulate has met every partition before a first payment.
  await createPosition(
    world.plain,
    { group: 'accumulate', topic: TOPIC.valued, partition: 0 },
    'before',
    work.now,
  );
  await ensureFee(world.plain, SETTINGS.FEE_BPS);
}
