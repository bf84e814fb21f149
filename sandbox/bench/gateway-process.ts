/**
 * A gateway as a process of its own, for benchmarks and tests: `durable` is the real role, `verify` the same server
 * with a publisher that acknowledges at once, which leaves the cost of HTTP, signature, parsing and encoding.
 */
import { readFileSync } from 'node:fs';
import { ipnSecrets } from '../../gateway/ipn/signature.ts';
import { startGateway } from '../../gateway/role.ts';
import { createGateway } from '../../gateway/server.ts';
import { VERSION } from '../../gateway/version.ts';
import { type RoleContext, type RunningRole, runRole } from '../../processors/runtime/role.ts';
import { createCodec } from '../../schemas/codec.ts';
import { orderKeys } from '../../schemas/order-mac.ts';
import { ROLE_NEEDS, type RoleSettings, readSettings } from '../../schemas/settings.ts';
import { TOPIC_NAMES, type TopicName } from '../../schemas/topology.ts';

type Settings = RoleSettings<'gateway'>;

async function startVerifyOnly(settings: Settings, context: RoleContext): Promise<RunningRole> {
  const ids = Object.fromEntries(TOPIC_NAMES.map((topic, index) => [topic, index + 1]));
  const gateway = createGateway({
    secrets: ipnSecrets(settings.NOWPAYMENTS_IPN_SECRET),
    orders: orderKeys({ secret: settings.ORDER_SECRET, legacy: settings.LEGACY_ORDERS }),
    topicPrefix: settings.TOPIC_PREFIX,
    version: VERSION,
    publisher: { publish: () => Promise.resolve() },
    codec: createCodec(ids as Record<TopicName, number>),
    registry: context.registry,
    log: context.log,
    orderStatus: async () => undefined,
    now: () => context.clock.now(),
    isReady: () => true,
  });
  await gateway.listen({ host: settings.LISTEN_HOST, port: settings.GATEWAY_PORT });
  return {
    ready: () => gateway.isReady(),
    progress: () => ({ ok: true, detail: 'nothing is published' }),
    stop: () => gateway.drain(),
  };
}

const mode = process.argv[2];
if (mode !== 'durable' && mode !== 'verify') throw new Error('usage: gateway-process.ts durable|verify');
const settings = readSettings(process.env, ROLE_NEEDS.gateway, (path) => readFileSync(path, 'utf8'));
await runRole({
  name: 'gateway',
  settings,
  start: (context) =>
    mode === 'durable' ? startGateway(settings, context) : startVerifyOnly(settings, context),
});
