/** The ChangeNOW simulator as a process: settings from the environment, one line when it listens. */
import { createDevBank } from '../evm/dev-bank.ts';
import { createChangeNowSimulator } from './simulator.ts';

const usdtContract = setting('USDT_CONTRACT');
const rpcUrls = setting('EVM_RPC_URLS')
  .split(',')
  .map((url) => url.trim());
const chainId = process.env.EVM_CHAIN_ID?.trim();
const simulator = createChangeNowSimulator({
  apiKey: setting('CHANGENOW_API_KEY'),
  usdtContract,
  bank: createDevBank({ rpcUrls, usdtContract, ...(chainId ? { chainId: BigInt(chainId) } : {}) }),
  stateFile: process.env.STATE_FILE?.trim() || null,
});
const address = await simulator.listen(Number(process.env.PORT ?? 0), process.env.LISTEN_HOST);
console.log(JSON.stringify({ simulator: 'changenow', address }));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void simulator.close().then(() => process.exit(0));
  });
}

function setting(name: string): string {
  const value = process.env[name]?.trim();
  if (!value) {
    console.error(`${name} is not set: the ChangeNOW simulator needs it`);
    process.exit(1);
  }
  return value;
}
