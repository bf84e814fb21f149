/** The price feed simulator as a process: PORT and LISTEN_HOST from the environment, one line when it listens. */
import { createPriceFeedSimulator } from './simulator.ts';

const simulator = createPriceFeedSimulator();
const address = await simulator.listen(Number(process.env.PORT ?? 0), process.env.LISTEN_HOST);
console.log(JSON.stringify({ simulator: 'prices', address }));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void simulator.close().then(() => process.exit(0));
  });
}
