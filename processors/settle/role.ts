/** The role `settle`: rates, limits, receipts, late values, and the swap of what is behind locked credits. */

import type { IntentWish } from '../../ledger/work.ts';
import { createChangeNow } from '../../providers/changenow/client.ts';
import { createChain } from '../../providers/evm/chain.ts';
import { checkedAddress } from '../../providers/evm/wallet.ts';
import { createNowPayments } from '../../providers/nowpayments/client.ts';
import { createPriceFeed } from '../../providers/prices/client.ts';
import type { RoleSettings } from '../../schemas/settings.ts';
import { CLIENT_PARTITIONS } from '../../schemas/topology.ts';
import { startIntents } from '../runtime/intents.ts';
import { ensureIntents, joinParts, openRoleDatabase, openSchemas } from '../runtime/parts.ts';
import type { RoleContext, RunningRole } from '../runtime/role.ts';
import { policyOf } from '../swap/policy.ts';
import { limitsKind } from './wiring-limits.ts';
import { partialKind } from './wiring-partial.ts';
import { ratesKind } from './wiring-rates.ts';
import { receiptsKind } from './wiring-receipts.ts';
import { conversionKind, treasuryKind } from './wiring-treasury.ts';

const CONCURRENCY = 6;
/** Receipts are many; they have workers of their own, so that a rate never waits behind them. */
const RECEIPTS_CONCURRENCY = 4;
/** Receipts ask once per payment; what goes over the provider's limit is answered 429 and comes back later. */
const NOWPAYMENTS_PER_MINUTE = 3_000;

/** @throws when the registry or the database can't be reached */
export async function startSettle(
  settings: RoleSettings<'settle'>,
  context: RoleContext,
): Promise<RunningRole> {
  const { codec } = await openSchemas(settings);
  const db = openRoleDatabase(settings, context, { max: CONCURRENCY + RECEIPTS_CONCURRENCY + 3 });
  const policy = policyOf(settings, checkedAddress(settings.HOST_WALLET_ADDRESS, 'HOST_WALLET_ADDRESS'));
  const swap = createChangeNow({ baseUrl: settings.CHANGENOW_API_URL, apiKey: settings.CHANGENOW_API_KEY });
  const prices = createPriceFeed({ baseUrl: settings.PRICE_FEED_URL });
  const payments = createNowPayments({
    baseUrl: settings.NOWPAYMENTS_API_URL,
    apiKey: settings.NOWPAYMENTS_API_KEY,
    perMinute: NOWPAYMENTS_PER_MINUTE,
  });
  const chain = createChain({
    rpcUrls: settings.EVM_RPC_URLS,
    chainId: policy.chainId,
    usdtContract: settings.USDT_CONTRACT,
  });
  const warn = (message: string): void => context.log.warn({ kind: 'network' }, message);
  const now = context.clock.now();
  await ensureIntents(db, recurring(now), now);
  const shared = { codec, policy, swap, prices, payments, chain, settings, warn };
  const kinds = [
    ratesKind(shared),
    limitsKind(shared),
    partialKind(shared),
    treasuryKind(shared),
    conversionKind(shared),
  ];
  const main = await startIntents({ ...context, db, kinds, concurrency: CONCURRENCY });
  const receipts = await startIntents({
    ...context,
    db,
    kinds: [receiptsKind(shared)],
    concurrency: RECEIPTS_CONCURRENCY,
  });
  return joinParts([main, receipts], async () => {
    await db.close();
    chain.close();
  });
}

function recurring(dueAt: Date): IntentWish[] {
  const single = ['rates', 'limits', 'treasury'].map((kind) => ({ key: kind, kind, subject: kind, dueAt }));
  const receipts = Array.from({ length: CLIENT_PARTITIONS }, (_, partition) => ({
    key: `receipts:${partition}`,
    kind: 'receipts',
    subject: String(partition),
    dueAt,
  }));
  return [...single, ...receipts];
}
