/**
 * Everything that money needs to go out, in one process: a ledger of its own, a real chain, the simulators, and the
 * intents of settle and payout with their real wiring. Payments are credited as accumulate does it, without Kafka.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { type Database, openDatabase } from '../../../ledger/db.ts';
import { checkInvariants } from '../../../ledger/invariants.ts';
import { capitalIn } from '../../../ledger/posting.ts';
import { ensureFee } from '../../../ledger/sql/ensure-fee.ts';
import { createPosition } from '../../../ledger/sql/position-create.ts';
import { wakeIntents } from '../../../ledger/sql/wake-intents.ts';
import { write } from '../../../ledger/store.ts';
import { type ClientRow, clientAccounts, clients } from '../../../ledger/tables.ts';
import { Work } from '../../../ledger/work.ts';
import { loadBatch } from '../../../processors/accumulate/load.ts';
import { accumulate } from '../../../processors/accumulate/transition.ts';
import { transferKind } from '../../../processors/hostpay/wiring.ts';
import { depositsKind } from '../../../processors/hostpay/wiring-deposits.ts';
import { localSigner } from '../../../processors/hostpay/wiring-signer.ts';
import { type Clock, systemRandom } from '../../../processors/runtime/clock.ts';
import type { AnyEffectKind } from '../../../processors/runtime/intent-steps.ts';
import { type RunningIntents, startIntents } from '../../../processors/runtime/intents.ts';
import { createLogger } from '../../../processors/runtime/logger.ts';
import { limitsKind } from '../../../processors/settle/wiring-limits.ts';
import { partialKind } from '../../../processors/settle/wiring-partial.ts';
import { ratesKind } from '../../../processors/settle/wiring-rates.ts';
import { receiptsKind } from '../../../processors/settle/wiring-receipts.ts';
import { conversionKind, treasuryKind } from '../../../processors/settle/wiring-treasury.ts';
import { payoutKind } from '../../../processors/split/wiring.ts';
import { type OutPolicy, policyOf } from '../../../processors/swap/policy.ts';
import { createChangeNow } from '../../../providers/changenow/client.ts';
import { createChangeNowSimulator } from '../../../providers/changenow/simulator.ts';
import { type Chain, createChain } from '../../../providers/evm/chain.ts';
import { createDevBank } from '../../../providers/evm/dev-bank.ts';
import { addressOfKey } from '../../../providers/evm/wallet.ts';
import { createNowPayments } from '../../../providers/nowpayments/client.ts';
import { createNowPaymentsSimulator } from '../../../providers/nowpayments/simulator.ts';
import { createOutcomeSender } from '../../../providers/nowpayments/simulator-chain.ts';
import { createPriceFeed } from '../../../providers/prices/client.ts';
import { createPriceFeedSimulator } from '../../../providers/prices/simulator.ts';
import { type Codec, createCodec } from '../../../schemas/codec.ts';
import { formatMoney, money } from '../../../schemas/money.ts';
import { readSettings } from '../../../schemas/settings.ts';
import { CLIENT_PARTITIONS, TOPIC, TOPIC_NAMES, type TopicName } from '../../../schemas/topology.ts';
import { accountRow, clientRow, eth, PARTITION, proposed, recordOf } from '../../fixtures/ledger-rows.ts';
import { startChain, type TestChain, until } from '../providers/evm-anvil.ts';
import { freshDatabase } from '../setup/database.ts';

const KEY = `0x${'11'.repeat(31)}12`;
export const HOST = addressOfKey(KEY);

export interface Stage {
  readonly db: Database;
  readonly codec: Codec;
  readonly policy: OutPolicy;
  readonly node: TestChain;
  readonly chain: Chain;
  /** All kinds, for tests that drive single steps. */
  readonly kinds: ReadonlyMap<string, AnyEffectKind>;
  /** @param without kinds that nobody works on. */
  run(without?: readonly string[]): Promise<RunningIntents>;
  /** Lets time pass for the workers: what is older than it should be is found at once. */
  passTime(ms: number): void;
  addClient(part: Partial<ClientRow>): Promise<ClientRow>;
  /** `count` finished payments of 50 USD, credited, their coins under way or there. */
  pay(client: ClientRow, count: number): Promise<void>;
  /** A control call to the swap provider's simulator. */
  swap<T>(path: string, body?: unknown): Promise<T>;
  nowpayments<T>(path: string, body?: unknown): Promise<T>;
  payouts(): Promise<Line[]>;
  conversions(): Promise<Line[]>;
  balances(): Promise<Record<string, string>>;
  /** Names of the invariants that do not hold. */
  broken(): Promise<string[]>;
  close(): Promise<void>;
}

export type Line = Record<string, string | number | null>;

const HURRY_MS = 300;

const SETTINGS = {
  CONVERSION_MIN_USD: '1000000',
  GAS_RESERVE_ETH: '0.01',
  EVM_CHAIN_ID: '31337',
  RATE_MAX_AGE: '5m',
};

export async function startStage(overrides: Record<string, string> = {}): Promise<Stage> {
  const node = await startChain(HOST);
  const database = await freshDatabase();
  const db = openDatabase({ url: database.url, max: 16, applicationName: 'out-test' });
  const { rpcUrl, usdtContract } = node;
  const swapSim = createChangeNowSimulator({
    apiKey: 'key',
    usdtContract,
    bank: createDevBank({ rpcUrls: [rpcUrl], usdtContract }),
  });
  const sender = createOutcomeSender({ rpcUrl, usdtContract, to: HOST });
  const paySim = createNowPaymentsSimulator({ apiKey: 'key', ipnSecret: 'secret-of-ipn', sender });
  const priceSim = createPriceFeedSimulator();
  const urls = {
    swap: await swapSim.listen(0),
    pay: await paySim.listen(0),
    prices: await priceSim.listen(0),
  };
  const settings = readSettings({ ...SETTINGS, ...overrides }, ['EVM_CHAIN_ID'], () => '');
  const policy = policyOf(settings, HOST);
  const chain = createChain({ rpcUrls: [rpcUrl], chainId: policy.chainId, usdtContract });
  const codec = createCodec(
    Object.fromEntries(TOPIC_NAMES.map((name, i) => [name, i + 1])) as Record<TopicName, number>,
  );
  const shared = {
    codec,
    policy,
    chain,
    settings,
    swap: createChangeNow({ baseUrl: urls.swap, apiKey: 'key' }),
    payments: createNowPayments({ baseUrl: urls.pay, apiKey: 'key' }),
    prices: createPriceFeed({ baseUrl: urls.prices }),
    signer: localSigner({ HOST_WALLET_KEY: KEY, HOST_WALLET_ADDRESS: HOST, USDT_CONTRACT: usdtContract }),
    warn: () => undefined,
  };
  const kinds: AnyEffectKind[] = [
    ratesKind(shared),
    limitsKind(shared),
    receiptsKind(shared),
    partialKind(shared),
    treasuryKind(shared),
    conversionKind(shared),
    payoutKind(shared),
    transferKind(shared),
    depositsKind(shared),
  ];
  await prepare(db, codec);
  const workers: RunningIntents[] = [];
  let offsetMs = 0;
  const clock: Clock = { now: () => new Date(Date.now() + offsetMs) };
  const hurry = keepHurrying(db, () => clock.now());
  const control = async <T>(base: string, path: string, body?: unknown): Promise<T> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${base}/_control/${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    db,
    codec,
    policy,
    node,
    chain,
    kinds: new Map(kinds.map((kind) => [kind.kind, kind])),
    passTime(ms) {
      offsetMs += ms;
    },
    async run(without = []) {
      const log = createLogger({ role: 'out-test', level: process.env.LOG_LEVEL ?? 'silent', pretty: false });
      const common = { db, clock, random: systemRandom, registry: new Registry(), log };
      const wanted = kinds.filter(({ kind }) => !without.includes(kind));
      const worker = await startIntents({ ...common, kinds: wanted, concurrency: 8 });
      workers.push(worker);
      return worker;
    },
    addClient: (part) => addClient(db, codec, part),
    async pay(client, count) {
      const body = { orderId: 'S1.example', priceUsd: '50', ipnUrl: `${urls.prices}/nobody`, count };
      const { payments } = await control<{ payments: { paymentId: string }[] }>(urls.pay, 'pay', body);
      for (const { paymentId } of payments) {
        await until(async () => (await shared.payments.payment(paymentId))?.status === 'finished');
      }
      await credit(
        db,
        codec,
        client,
        payments.map(({ paymentId }) => paymentId),
      );
    },
    swap: (path, body) => control(urls.swap, path, body),
    nowpayments: (path, body) => control(urls.pay, path, body),
    payouts: () => db.query<Line>('SELECT * FROM payout_batches ORDER BY created_at, payout_id'),
    conversions: () => db.query<Line>('SELECT * FROM conversions ORDER BY created_at'),
    balances: () => balances(db),
    broken: async () => (await checkInvariants(db)).filter(({ ok }) => ok !== true).map(({ name }) => name),
    async close() {
      await hurry.stop();
      for (const worker of workers) await worker.stop();
      await db.close();
      chain.close();
      await Promise.all([swapSim.close(), paySim.close(), priceSim.close()]);
      await database.drop();
      await node.stop();
    },
  };
}

/** Makes waiting polls and retries due again and again: their pace is tested elsewhere, here it would only cost time. */
function keepHurrying(db: Database, now: () => Date): { stop(): Promise<void> } {
  const text = `WITH hurried AS (UPDATE intents SET due_at = $1::timestamptz WHERE state = 'due' AND due_at > $1::timestamptz
      AND kind IN ('payout', 'conversion', 'transfer', 'receipts') RETURNING 1)
    SELECT pg_notify('intents', '') FROM (SELECT count(*) FROM hurried) h`;
  const control = new AbortController();
  const loop = (async () => {
    while (!control.signal.aborted) {
      await db.query(text, [now()]);
      await pause(HURRY_MS);
    }
  })();
  return {
    stop: () => {
      control.abort();
      return loop;
    },
  };
}

/** Positions as accumulate makes them at its start, the fee, the wallet's gas, the recurring intents. */
async function prepare(db: Database, codec: Codec): Promise<void> {
  const now = new Date();
  await ensureFee(db, 300);
  for (let partition = 0; partition < CLIENT_PARTITIONS; partition += 1) {
    await createPosition(db, { group: 'accumulate', topic: TOPIC.valued, partition }, 'test', now);
  }
  await db.transaction(async (tx) => {
    const work = new Work(now);
    const cause = { kind: 'capital', id: 'gas of the test chain' };
    work.post(cause, capitalIn('wallet:gas', eth('10')), { partition: 0 });
    await write(tx, work, codec);
    const names = ['rates', 'limits', 'treasury', 'deposits'];
    const wishes = names.map((kind) => ({ key: kind, kind, subject: kind, dueAt: now }));
    const receipts = {
      key: `receipts:${PARTITION}`,
      kind: 'receipts',
      subject: String(PARTITION),
      dueAt: now,
    };
    await wakeIntents(tx, [...wishes, receipts], now);
  });
}

async function addClient(db: Database, codec: Codec, part: Partial<ClientRow>): Promise<ClientRow> {
  const now = new Date();
  const row = clientRow({ created_at: now, updated_at: now, payout_threshold_updated_at: now, ...part });
  await db.transaction(async (tx) => {
    const work = new Work(now);
    work.put(clients, row);
    for (const asset of ['ETH', 'USDT'] as const) {
      work.put(clientAccounts, accountRow(asset, { client_id: row.client_id }));
    }
    await write(tx, work, codec);
  });
  return row;
}

/** As a batch of payments.valued. */
async function credit(
  db: Database,
  codec: Codec,
  client: ClientRow,
  paymentIds: readonly string[],
): Promise<void> {
  await db.transaction(async (tx) => {
    const work = new Work(new Date());
    const options = { strategy: client.payout_strategy };
    const records = paymentIds.map((payment_id) =>
      recordOf(proposed({ payment_id, client_id: String(client.client_id) }, options)),
    );
    await loadBatch(tx, work, PARTITION, records);
    const context = {
      batchId: `test:${paymentIds[0]}`,
      partition: PARTITION,
      receiptDelayMs: 100,
      partialAfterMs: 1_000,
      usdtPerEth: '4000',
    };
    for (const record of records) {
      const ending = accumulate(work, record, context);
      if (ending.end !== 'applied') throw new Error(`payment ended ${ending.end} ${ending.reason}`);
    }
    await write(tx, work, codec);
  });
}

async function balances(db: Database): Promise<Record<string, string>> {
  const rows = await db.query<{ account: string; asset: 'ETH' | 'USDT'; balance: string }>(
    `SELECT account, asset, balance::text AS balance FROM wallet_accounts
     UNION ALL SELECT account, asset, sum(balance)::text FROM gl_balances
       WHERE account IN ('wallet:incoming', 'position:open', 'platform:rate_variance', 'platform:provider_costs')
       GROUP BY 1, 2`,
  );
  return Object.fromEntries(
    rows
      .filter((row) => BigInt(row.balance) !== 0n)
      .map((row) => [`${row.account} ${row.asset}`, formatMoney(money(row.asset, BigInt(row.balance)))]),
  );
}
