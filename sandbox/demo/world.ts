/** Everything that the scenario talks to: the ledger, the API functions, the simulators, the chain. */
import type { OrderDeps } from '../../gateway/api/orders.ts';
import { type Database, openDatabase } from '../../ledger/db.ts';
import { systemRandom } from '../../processors/runtime/clock.ts';
import { openSchemas } from '../../processors/runtime/parts.ts';
import { type Chain, createChain } from '../../providers/evm/chain.ts';
import { createNowPayments } from '../../providers/nowpayments/client.ts';
import { orderMac } from '../../schemas/order-mac.ts';
import type { SettingsWith } from '../../schemas/settings.ts';

export const DEMO_NEEDS = [
  'DATABASE_URL',
  'SCHEMA_REGISTRY_URL',
  'NOWPAYMENTS_API_URL',
  'NOWPAYMENTS_API_KEY',
  'NOWPAYMENTS_IPN_SECRET',
  'CHANGENOW_API_URL',
  'ORDER_SECRET',
  'PUBLIC_URL',
  'EVM_RPC_URLS',
  'EVM_CHAIN_ID',
  'USDT_CONTRACT',
] as const;

export type DemoSettings = SettingsWith<(typeof DEMO_NEEDS)[number]>;

export interface World {
  readonly db: Database;
  /** What the functions of gateway/api need. */
  readonly api: OrderDeps;
  readonly chain: Chain;
  /** Base addresses of the simulators. */
  readonly nowpayments: string;
  readonly changenow: string;
  readonly settings: DemoSettings;
  random(bytes: number): Uint8Array;
  close(): Promise<void>;
}

/** @throws RegistryError when the schemas are not registered; nothing else is contacted yet */
export async function openWorld(settings: DemoSettings): Promise<World> {
  const { codec } = await openSchemas(settings);
  const random = (bytes: number) => systemRandom.bytes(bytes);
  const db = openDatabase({ url: settings.DATABASE_URL, max: 4, applicationName: 'spillway-demo' });
  const chain = createChain({
    rpcUrls: settings.EVM_RPC_URLS,
    chainId: BigInt(settings.EVM_CHAIN_ID),
    usdtContract: settings.USDT_CONTRACT,
  });
  const nowpayments = createNowPayments({
    baseUrl: settings.NOWPAYMENTS_API_URL,
    apiKey: settings.NOWPAYMENTS_API_KEY,
  });
  return {
    db,
    api: {
      db,
      codec,
      now: () => new Date(),
      nowpayments,
      mac: orderMac(settings.ORDER_SECRET),
      random,
      publicUrl: settings.PUBLIC_URL,
    },
    chain,
    nowpayments: settings.NOWPAYMENTS_API_URL,
    changenow: settings.CHANGENOW_API_URL,
    settings,
    random,
    async close() {
      chain.close();
      await db.close();
    },
  };
}
