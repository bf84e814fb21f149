/** What goes wrong on the way out: refunds, lost answers, reverts, stuck fees, a crash with signed bytes in hand. */
import { randomUUID } from 'node:crypto';
import { Contract, JsonRpcProvider, Wallet } from 'ethers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { leaseIntents } from '../../../ledger/sql/intent-lease.ts';
import { applyOutcome, performCall, planIntent } from '../../../processors/runtime/intent-steps.ts';
import type { RunningIntents } from '../../../processors/runtime/intents.ts';
import { decideOn } from '../../../processors/split/operate.ts';
import { devAccount } from '../../../providers/evm/dev-accounts.ts';
import { until } from '../providers/evm-anvil.ts';
import { type Line, type Stage, startStage } from './stage.ts';

const XMR = '4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2684Rge';
const DIRECT = { payout_currency: 'usdt', payout_network: 'eth', payout_threshold_usd: '40.00' } as const;

let stage: Stage;
let worker: RunningIntents;
let provider: JsonRpcProvider;
let clientId = -1_003_268_570_000n;

beforeAll(async () => {
  stage = await startStage();
  worker = await stage.run();
  provider = new JsonRpcProvider(stage.node.rpcUrl, undefined, { cacheTimeout: -1, pollingInterval: 100 });
}, 180_000);

afterAll(async () => {
  provider?.destroy();
  await stage?.close();
});

function nextClient(): bigint {
  clientId -= 1n;
  return clientId;
}

async function payoutIn(id: bigint, state: string): Promise<Line> {
  return until(async () => (await payoutsOf(id)).find((row) => row.state === state));
}

async function payoutsOf(id: bigint): Promise<Line[]> {
  return (await stage.payouts()).filter((row) => BigInt(row.client_id as string) === id);
}

async function transfersOf(payout: Line): Promise<Line[]> {
  return stage.db.query<Line>('SELECT * FROM transfers WHERE owner_id = $1 ORDER BY attempt', [
    payout.payout_id,
  ]);
}

/** Nothing under way: what was set aside has come to rest. */
async function expectAtRest(): Promise<void> {
  const balances = await stage.balances();
  for (const account of [
    'wallet:sending USDT',
    'wallet:sending ETH',
    'swap:in_transit USDT',
    'swap:in_transit ETH',
  ]) {
    expect(balances[account]).toBeUndefined();
  }
  expect(balances['wallet:gas_held ETH']).toBeUndefined();
  expect(await stage.broken()).toEqual([]);
}

test('a payout swap refunded with less is paid in full by the next attempt; the platform bears the loss', async () => {
  const id = nextClient();
  await stage.swap('script', { match: { toCurrency: 'xmr' }, outcome: 'refund', refundRatio: '0.98' });
  const client = await stage.addClient({ client_id: id, payout_threshold_usd: '40.00', wallet_address: XMR });
  // More than the payout needs, so that the shortfall does not hold up the next attempt.
  await stage.pay(await stage.addClient({ client_id: nextClient(), wallet_address: XMR }), 2);
  await stage.pay(client, 1);
  const payout = await payoutIn(id, 'completed');
  expect(payout).toMatchObject({ amount: '48500000', attempt: 2 });
  expect((await stage.balances())['platform:provider_costs USDT']).toBe('0.97');
  await expectAtRest();
});

test('a conversion refunded with less is sent again with what came back; the loss is variance at the end [failures 4, H18]', async () => {
  const before = (await stage.conversions()).length;
  await stage.swap('script', { match: { toCurrency: 'usdt' }, outcome: 'refund', refundRatio: '0.999' });
  const id = nextClient();
  // More than what is settled already, so that a payout asks for a conversion.
  await stage.pay(await stage.addClient({ client_id: id, ...DIRECT, wallet_address: address(1) }), 5);
  const conversion = await until(async () => {
    const rows = (await stage.conversions()).slice(before);
    return rows.find((row) => row.state === 'completed');
  });
  expect(conversion).toMatchObject({ attempt: 2, eth: '62500000000000000', eth_open: '62437500000000000' });
  expect(conversion.usdt_received).toBe('249750000');
  await until(async () => (await payoutsOf(id)).every((row) => row.state === 'completed'));
  await expectAtRest();
});

test('an order whose creation was not answered is found again and funded once [failure H8]', async () => {
  const id = nextClient();
  const fault = { kind: 'drop_after', method: 'POST', path: '/v2/exchange', skip: 1, times: 1 };
  await stage.swap('faults', fault);
  const client = await stage.addClient({ client_id: id, payout_threshold_usd: '40.00', wallet_address: XMR });
  await stage.pay(client, 1);
  const payout = await until(async () => (await payoutsOf(id))[0]);
  const order = await until(async () => {
    const orders = await stage.swap<Line[]>(`orders?reference=payout-${payout.payout_id}-1`);
    return orders[0];
  });
  stage.passTime(46_000);
  const done = await payoutIn(id, 'completed');
  const orders = await stage.swap<Line[]>(`orders?reference=payout-${payout.payout_id}-1`);
  expect(orders.map((one) => one.id)).toEqual([order.id]);
  expect(done.attempt).toBe(1);
  await expectAtRest();
});

test('a transfer that reverts comes back and goes out in a next attempt [failure H9]', async () => {
  const id = nextClient();
  const client = await stage.addClient({ client_id: id, ...DIRECT, wallet_address: address(2) });
  await stage.pay(client, 1);
  const payout = await payoutIn(id, 'ordered');
  await provider.send('evm_setIntervalMining', [0]);
  await until(async () => (await transfersOf(payout))[0]?.state === 'broadcast');
  await block(true);
  await provider.send('evm_mine', []);
  await block(false);
  await provider.send('evm_setIntervalMining', [1]);
  const done = await payoutIn(id, 'completed');
  const [first, second] = await transfersOf(done);
  expect([first!.state, second!.state]).toEqual(['reverted', 'final']);
  expect(BigInt(first!.gas_spent as string)).toBeGreaterThan(0n);
  await expectAtRest();
});

test('a stuck transfer is replaced with the same nonce and more fee [failure H9]', async () => {
  const id = nextClient();
  const client = await stage.addClient({ client_id: id, ...DIRECT, wallet_address: address(3) });
  await stage.pay(client, 1);
  const payout = await payoutIn(id, 'ordered');
  await provider.send('evm_setIntervalMining', [0]);
  await until(async () => (await transfersOf(payout))[0]?.state === 'broadcast');
  stage.passTime(91_000);
  const txs = await until(async () => {
    const [transfer] = await transfersOf(payout);
    const sql = 'SELECT * FROM transfer_txs WHERE transfer_id = $1 ORDER BY max_fee';
    const rows = await stage.db.query<Line>(sql, [transfer!.transfer_id]);
    return rows.length === 2 ? rows : undefined;
  });
  await until(async () => (await provider.getTransaction(txs[1]!.hash as string)) !== null);
  await provider.send('evm_setIntervalMining', [1]);
  const done = await payoutIn(id, 'completed');
  expect(txs[0]!.nonce).toEqual(txs[1]!.nonce);
  expect(BigInt(txs[1]!.max_fee as string) * 8n).toBeGreaterThanOrEqual(
    BigInt(txs[0]!.max_fee as string) * 9n,
  );
  expect(done.payout_hash).toBe(txs[1]!.hash);
  await expectAtRest();
});

test('a signed transfer that must not go out is cancelled on chain; the payout is held, then returned', async () => {
  const id = nextClient();
  const client = await stage.addClient({ client_id: id, ...DIRECT, wallet_address: address(4) });
  await stage.pay(client, 1);
  const payout = await payoutIn(id, 'ordered');
  await provider.send('evm_setIntervalMining', [0]);
  await until(async () => (await transfersOf(payout))[0]?.state === 'broadcast');
  const deps = { db: stage.db, codec: stage.codec, policy: stage.policy };
  expect(await decideOn(deps, 'payout', payout.payout_id as string, 'cancel', new Date())).toBe('asked');
  await until(async () => {
    const rows = await stage.db.query<Line>("SELECT * FROM transfer_txs WHERE kind = 'cancel'");
    return rows[0] && (await provider.getTransaction(rows[0].hash as string)) !== null;
  });
  await provider.send('evm_setIntervalMining', [1]);
  await payoutIn(id, 'on_hold');
  expect(await decideOn(deps, 'payout', payout.payout_id as string, 'cancel', new Date())).toBe('done');
  expect(await payoutIn(id, 'cancelled')).toMatchObject({ returned_seq: 2n });
  const [account] = await stage.db.query<Line>(
    "SELECT * FROM client_accounts WHERE client_id = $1 AND asset = 'USDT'",
    [String(id)],
  );
  expect(account).toMatchObject({ available: '48500000', reserved: '0' });
  expect((await stage.chain.balances(address(4), 'finalized')).USDT).toBe(0n);
  await expectAtRest();
});

test('two workers at once draw nonces one after the other, one for each payout [failures 43, H10]', async () => {
  const other = await stage.run();
  const ids = Array.from({ length: 6 }, nextClient);
  const clients = await Promise.all(
    ids.map((id, index) =>
      stage.addClient({ client_id: id, ...DIRECT, wallet_address: address(20 + index) }),
    ),
  );
  await Promise.all(clients.map((client) => stage.pay(client, 1)));
  const done = await Promise.all(ids.map((id) => payoutIn(id, 'completed')));
  const own = (await Promise.all(done.map(transfersOf))).flat();
  expect(own.map(({ state, attempt }) => [state, attempt])).toEqual(ids.map(() => ['final', 1]));
  const all = await stage.db.query<{ nonce: bigint }>(
    'SELECT nonce FROM transfers WHERE nonce IS NOT NULL ORDER BY nonce',
  );
  expect(all.map(({ nonce }) => nonce)).toEqual(all.map((_, index) => all[0]!.nonce + BigInt(index)));
  await other.stop();
  await expectAtRest();
});

test('after a crash between signing and broadcasting the same bytes go out [failures 18, H11]', async () => {
  await worker.stop();
  worker = await stage.run(['transfer']);
  const id = nextClient();
  const client = await stage.addClient({ client_id: id, ...DIRECT, wallet_address: address(5) });
  // The conversion's own transfer is carried out step by step as well.
  const stepping = stepTransfers();
  await stage.pay(client, 1);
  const payout = await payoutIn(id, 'ordered');
  const [signed] = await until(async () => {
    const rows = await transfersOf(payout);
    return rows[0]?.state === 'signed' ? rows : undefined;
  });
  stepping.stop();
  await worker.stop();
  // The crashed owner's lease runs out first.
  stage.passTime(31_000);
  worker = await stage.run();
  const done = await payoutIn(id, 'completed');
  const sql = 'SELECT hash FROM transfer_txs WHERE transfer_id = $1';
  const txs = await stage.db.query<Line>(sql, [signed!.transfer_id]);
  expect(txs.map((tx) => tx.hash)).toEqual([signed!.hash]);
  expect(done.payout_hash).toBe(signed!.hash);
  await expectAtRest();
});

/** Carries transfers out, but dies when it has signed bytes of a payout in hand. */
function stepTransfers(): { stop(): void } {
  const kind = stage.kinds.get('transfer')!;
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const now = new Date(Date.now() + 140_000);
      const leaseEnd = new Date(now.getTime() + 30_000);
      const request = { kinds: ['transfer'], limit: 1, token: randomUUID(), now, until: leaseEnd };
      const [intent] = await leaseIntents(stage.db, request);
      if (!intent) {
        await provider.getBlockNumber();
        continue;
      }
      const planned = await planIntent(stage.db, kind, intent, now);
      if (!planned) continue;
      const [row] = await stage.db.query<Line>('SELECT * FROM transfers WHERE transfer_id = $1', [
        intent.subject,
      ]);
      if (row!.owner_kind === 'payout' && planned.call.do === 'broadcast') return;
      const outcome = await performCall(kind, planned.call);
      await applyOutcome(stage.db, kind, intent, planned.call, outcome, now);
    }
  };
  void run();
  return {
    stop() {
      stopped = true;
    },
  };
}

function address(n: number): string {
  return `0x00000000000000000000000000000000000c00${n.toString(16).padStart(2, '0')}`;
}

/** Blocks the host wallet in the token, ahead of what waits in the pool. */
async function block(blocked: boolean): Promise<void> {
  const owner = new Wallet(devAccount('deployer').key, provider);
  const abi = ['function setBlocked(address account, bool blocked)'];
  const usdt = new Contract(stage.node.usdtContract, abi, owner);
  const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 11n, gasLimit: 100_000n };
  await usdt.getFunction('setBlocked').send(stage.policy.host, blocked, fees);
}
