/**
 * What must be true of a run at rest, told by everybody who can know it: the product's own invariants, the second
 * bookkeeper of the simulation, the recorder of answers, the chain, the provider's book, and the plan of each client.
 */
import { createHash } from 'node:crypto';
import { openSchemas } from '../../processors/runtime/parts.ts';
import { readTopic } from '../../processors/runtime/read-topic.ts';
import { runCommand } from '../../sandbox/command.ts';
import { ask } from '../../sandbox/demo/control.ts';
import { viewLedger } from '../../sandbox/demo/ledger-view.ts';
import { expectationOf } from '../../sandbox/demo/plan.ts';
import { whatArrived } from '../../sandbox/demo/receipts.ts';
import { differences } from '../../sandbox/demo/verdict.ts';
import { CHECKOUT } from '../../sandbox/instance.ts';
import { TOPIC } from '../../schemas/topology.ts';
import { auditAccounts } from '../sim/audit/accounts.ts';
import { readBooks } from '../sim/audit/books.ts';
import type { Recorder } from './recorder.ts';
import type { Stage } from './stage.ts';
import type { Workload } from './workload.ts';

const FEE_BPS = 300;

export interface Audit {
  /** One line each; empty when all is as it must be. */
  readonly wrong: string[];
  /** Single things that were looked at. */
  readonly checks: number;
}

export interface AuditDeps {
  readonly stage: Stage;
  readonly workload: Workload;
  readonly recorder: Recorder;
}

export async function audit(deps: AuditDeps): Promise<Audit> {
  const parts = [
    await auditInvariants(deps),
    await auditBooks(deps),
    await auditClients(deps),
    await auditOnce(deps),
    await auditAnswers(deps),
    await auditChain(deps),
    await auditSwaps(deps),
  ];
  return {
    wrong: parts.flatMap(({ wrong }) => wrong),
    checks: parts.reduce((sum, { checks }) => sum + checks, 0),
  };
}

/** `spillway reconcile`: ledger against itself, cover, chain, and the balances recomputed from the topics. */
async function auditInvariants({ stage }: AuditDeps): Promise<Audit> {
  const { code, output } = await runCommand(
    process.execPath,
    [`${CHECKOUT}/bin/spillway.ts`, 'reconcile', '--json'],
    { cwd: CHECKOUT, env: stage.stack.env },
  );
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) return { wrong: [`reconcile said: ${output.slice(-500)}`], checks: 1 };
  const { checks } = JSON.parse(line) as { checks: { name: string; ok: boolean; detail: string }[] };
  const wrong = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `invariant ${name}: ${detail}`);
  if (code !== 0 && wrong.length === 0) wrong.push(`reconcile ended with ${code}: ${output.slice(-500)}`);
  return { wrong, checks: checks.length };
}

/** The second bookkeeper: entries, ranges, client rows, wallet rows, turnovers, cover, from raw rows. */
async function auditBooks({ stage }: AuditDeps): Promise<Audit> {
  const books = await readBooks(stage.world.db);
  return { wrong: auditAccounts(books), checks: books.accounts.length + books.payouts.length };
}

/** Each client against the plan: credits, payouts, what reached its address at the provider or on chain. */
async function auditClients({ stage, workload }: AuditDeps): Promise<Audit> {
  const { world } = stage;
  const clients = workload.patrons.map(({ client, payments }) => ({ ...client, payments }));
  const view = await viewLedger(
    world.db,
    clients.map(({ id }) => id),
    new Date(0),
  );
  const arrived = await whatArrived(world, clients);
  const wrong = clients.flatMap((client, index) =>
    differences({ client, expected: expectationOf(client, FEE_BPS), view }, arrived[index]!),
  );
  return { wrong, checks: clients.length + view.payouts.length };
}

/** Every payment that the provider made is one leg, and no other leg is there. */
async function auditOnce({ stage }: AuditDeps): Promise<Audit> {
  const made = await ask<{ paymentId: string; error: string | null }[]>(
    stage.world.nowpayments,
    '/_control/payments',
  );
  const legs = await stage.world.db.query<{ payment_id: string }>(
    'SELECT payment_id FROM payout_accumulation',
  );
  const counts = new Map<string, number>();
  for (const { payment_id } of legs) counts.set(payment_id, (counts.get(payment_id) ?? 0) + 1);
  const wrong = made
    .filter(({ paymentId }) => counts.get(paymentId) !== 1)
    .map(({ paymentId }) => `payment ${paymentId} was credited ${counts.get(paymentId) ?? 0} times`);
  const known = new Set(made.map(({ paymentId }) => paymentId));
  const strange = [...counts.keys()].filter((id) => !known.has(id));
  const broken = made.filter(({ error }) => error !== null);
  return {
    wrong: [
      ...wrong,
      ...strange.map((id) => `payment ${id} was credited, but nobody made it`),
      ...broken.map(({ paymentId, error }) => `the simulator failed at payment ${paymentId}: ${error}`),
    ],
    checks: made.length,
  };
}

/** Everything that was answered 200 stands in its topic, and what was parked in the list of parked records. */
async function auditAnswers({ stage, recorder }: AuditDeps): Promise<Audit> {
  const { codec } = await openSchemas(stage.world.settings);
  const received = new Set<string>();
  await readTopic({
    kafka: stage.kafka,
    topic: TOPIC.received,
    groupId: `chaos-${process.pid}-${performance.now()}`,
    onBatch: (_, records) => {
      for (const { value } of records)
        if (value) received.add(codec.decode(TOPIC.received, value).raw_digest);
    },
  });
  const listed = new Set(
    (await stage.world.db.query<{ value: Buffer }>('SELECT value FROM quarantined')).map(({ value }) =>
      createHash('sha256').update(value).digest('hex'),
    ),
  );
  const wrong: string[] = [];
  for (const [digest, result] of recorder.answered) {
    if (result === 'received' && !received.has(digest))
      wrong.push(`webhook ${digest} was answered 200 and is not in ${TOPIC.received}`);
    if (result === 'quarantined' && !listed.has(digest))
      wrong.push(`webhook ${digest} was answered 200, is unreadable, and is not listed`);
    if (result === 'ignored') wrong.push(`webhook ${digest} was ignored, but nobody sent such a one`);
  }
  return { wrong, checks: recorder.answered.size };
}

/** Nothing left the wallet but the final transfers of the ledger: one nonce each. */
async function auditChain({ stage }: AuditDeps): Promise<Audit> {
  const { world, stack } = stage;
  const [row] = await world.db.query<{ nonces: number; spent: number; twice: number }>(
    `SELECT count(DISTINCT nonce)::int AS nonces, count(*) FILTER (WHERE state IN ('final', 'reverted', 'cancelled'))::int AS spent,
       (SELECT count(*)::int FROM (SELECT owner_kind, owner_id FROM transfers WHERE state = 'final'
          GROUP BY 1, 2 HAVING count(*) > 1) t) AS twice FROM transfers WHERE nonce IS NOT NULL`,
  );
  const { nonces, spent, twice } = row!;
  const { latest } = await world.chain.nonces(stack.env.HOST_WALLET_ADDRESS!);
  const wrong: string[] = [];
  if (latest !== nonces || latest !== spent)
    wrong.push(
      `the chain has ${latest} transactions of the wallet, the ledger ${nonces} nonces and ${spent} ends`,
    );
  if (twice > 0) wrong.push(`${twice} owners have more than one final transfer`);
  return { wrong, checks: spent };
}

interface OrderView {
  readonly id: string;
  readonly reference: string | null;
  readonly deposits: readonly unknown[];
}

/** At the swap provider: no order funded twice, one funded order per payout or conversion. Unfunded ones cost nothing. */
async function auditSwaps({ stage }: AuditDeps): Promise<Audit> {
  const orders = await ask<OrderView[]>(stage.world.changenow, '/_control/orders');
  const wrong = orders
    .filter(({ deposits }) => deposits.length > 1)
    .map(({ id, deposits }) => `order ${id} was funded ${deposits.length} times`);
  const funded = new Map<string, number>();
  for (const { reference, deposits } of orders) {
    if (deposits.length === 0) continue;
    // kind, id, attempt
    const owner = (reference ?? 'none').replace(/-\d+$/, '');
    funded.set(owner, (funded.get(owner) ?? 0) + 1);
  }
  for (const [owner, count] of funded) if (count > 1) wrong.push(`${owner} has ${count} funded orders`);
  return { wrong, checks: orders.length };
}
