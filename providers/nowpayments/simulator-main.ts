/** The NOWPayments simulator as a process: settings from the environment, one line when it listens. */
import { createPriceFeed, type PriceFeed } from '../prices/client.ts';
import { createNowPaymentsSimulator } from './simulator.ts';
import { createOutcomeSender } from './simulator-chain.ts';

const feedUrl = process.env.PRICE_FEED_URL?.trim();
const ethUsd = feedUrl ? cached(createPriceFeed({ baseUrl: feedUrl })) : null;

const simulator = createNowPaymentsSimulator({
  apiKey: setting('NOWPAYMENTS_API_KEY'),
  ipnSecret: setting('NOWPAYMENTS_IPN_SECRET'),
  sender: createOutcomeSender({
    rpcUrl: setting('EVM_RPC_URLS').split(',')[0] as string,
    usdtContract: setting('USDT_CONTRACT'),
    to: setting('HOST_WALLET_ADDRESS'),
    ...(process.env.EVM_CHAIN_ID ? { chainId: BigInt(process.env.EVM_CHAIN_ID) } : {}),
  }),
  stateFile: process.env.STATE_FILE ?? null,
  ...(ethUsd === null ? {} : { ethUsd }),
});
const address = await simulator.listen(Number(process.env.PORT ?? 0), process.env.LISTEN_HOST);
console.log(JSON.stringify({ simulator: 'nowpayments', address }));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void simulator.close().then(() => process.exit(0));
  });
}

/** Asked at most every 10 s: payments come faster than a feed may be asked. */
function cached(feed: PriceFeed): () => Promise<string> {
  let last = { at: 0, ethUsd: '' };
  return async () => {
    if (Date.now() - last.at > 10_000) last = { at: Date.now(), ethUsd: (await feed.spot()).ethUsd };
    return last.ethUsd;
  };
}

function setting(name: string): string {
  const value = process.env[name]?.trim();
  if (!value) {
    console.error(`${name} is not set: the NOWPayments simulator needs it`);
    process.exit(1);
  }
  return value;
}
