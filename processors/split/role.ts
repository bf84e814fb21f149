/** The role `payout`: payouts (split), and every transfer of the host wallet with its deposits (hostpay). */
import { createChangeNow } from '../../providers/changenow/client.ts';
import { createChain } from '../../providers/evm/chain.ts';
import { checkedAddress } from '../../providers/evm/wallet.ts';
import type { RoleSettings } from '../../schemas/settings.ts';
import { transferKind } from '../hostpay/wiring.ts';
import { depositsKind } from '../hostpay/wiring-deposits.ts';
import { localSigner } from '../hostpay/wiring-signer.ts';
import { startIntents } from '../runtime/intents.ts';
import { ensureIntents, joinParts, openRoleDatabase, openSchemas } from '../runtime/parts.ts';
import type { RoleContext, RunningRole } from '../runtime/role.ts';
import { policyOf } from '../swap/policy.ts';
import { payoutKind } from './wiring.ts';

const CONCURRENCY = 8;
/** The scan of deposits never waits behind payouts. */
const SCAN_CONCURRENCY = 1;

/** @throws when the registry or the database can't be reached, or the key is not that of the wallet */
export async function startPayout(
  settings: RoleSettings<'payout'>,
  context: RoleContext,
): Promise<RunningRole> {
  const signer = localSigner(settings);
  const { codec } = await openSchemas(settings);
  const db = openRoleDatabase(settings, context, { max: CONCURRENCY + 4 });
  const policy = policyOf(settings, checkedAddress(settings.HOST_WALLET_ADDRESS, 'HOST_WALLET_ADDRESS'));
  const chain = createChain({
    rpcUrls: settings.EVM_RPC_URLS,
    chainId: policy.chainId,
    usdtContract: settings.USDT_CONTRACT,
  });
  const swap = createChangeNow({ baseUrl: settings.CHANGENOW_API_URL, apiKey: settings.CHANGENOW_API_KEY });
  const warn = (message: string): void => context.log.warn({ kind: 'network' }, message);
  const now = context.clock.now();
  const scanning = { key: 'deposits', kind: 'deposits', subject: 'deposits', dueAt: now };
  await ensureIntents(db, [scanning], now);
  const shared = { codec, policy, chain, swap, signer, warn };
  const kinds = [payoutKind(shared), transferKind(shared)];
  const out = await startIntents({ ...context, db, kinds, concurrency: CONCURRENCY });
  const scan = await startIntents({
    ...context,
    db,
    kinds: [depositsKind(shared)],
    concurrency: SCAN_CONCURRENCY,
  });
  return joinParts([out, scan], async () => {
    await db.close();
    chain.close();
  });
}
