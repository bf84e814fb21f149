/** The role `gateway`: wires settings, Kafka, registry and database to the server, and drains them in order. */
import { openDatabase } from '../ledger/db.ts';
import { orderPayments } from '../ledger/sql/order-payments.ts';
import { failPoint } from '../processors/runtime/fail-point.ts';
import { createKafka } from '../processors/runtime/kafka.ts';
import { kafkaOptions } from '../processors/runtime/kafka-settings.ts';
import type { Log } from '../processors/runtime/logger.ts';
import { within } from '../processors/runtime/publish-errors.ts';
import { createPublisher, type Publisher } from '../processors/runtime/publisher.ts';
import type { RoleContext, RunningRole } from '../processors/runtime/role.ts';
import { readOrderId } from '../schemas/order-id.ts';
import { orderKeys } from '../schemas/order-mac.ts';
import { createRegistry, openCodec } from '../schemas/registry.ts';
import type { RoleSettings } from '../schemas/settings.ts';
import { ipnSecrets } from './ipn/signature.ts';
import { orderProgress } from './order-progress.ts';
import type { OrderStatusLookup } from './order-status.ts';
import { createGateway } from './server.ts';
import { VERSION } from './version.ts';

export interface GatewayRole extends RunningRole {
  /** Where it listens; differs from GATEWAY_PORT when that is 0. */
  readonly port: number;
}

/** Connections for order status; the webhook path has none. */
const STATUS_CONNECTIONS = 4;
/** Somewhat above the 300 ms of the answer, so that a statement does not outlive its reader for long. */
const STATUS_STATEMENT_MS = 400;
/** To flush, and to disconnect after that. */
const FLUSH_MS = 3_000;
const DISCONNECT_MS = 1_000;

/**
 * Starts the gateway. The registry must answer once; Kafka and the database may come later: until Kafka does,
 * webhooks get 503, and without the database only the order status does.
 * @throws when the schemas are not registered, or the port is taken
 */
export async function startGateway(
  settings: RoleSettings<'gateway'>,
  context: Pick<RoleContext, 'log' | 'registry' | 'clock'>,
): Promise<GatewayRole> {
  const { log, registry, clock } = context;
  const orders = orderKeys({
    secret: settings.ORDER_SECRET,
    previous: settings.ORDER_SECRET_PREVIOUS,
    legacy: settings.LEGACY_ORDERS,
  });
  const secrets = ipnSecrets(settings.NOWPAYMENTS_IPN_SECRET, settings.NOWPAYMENTS_IPN_SECRET_PREVIOUS);
  const codec = await openCodec(
    createRegistry({
      url: settings.SCHEMA_REGISTRY_URL,
      auth: settings.SCHEMA_REGISTRY_AUTH,
      ca: settings.SCHEMA_REGISTRY_CA,
      prefix: settings.TOPIC_PREFIX,
    }),
  );
  const publisher = createPublisher({
    kafka: createKafka(kafkaOptions(settings, 'spillway-gateway', log)),
    registry,
    log,
  });
  const database = openDatabase({
    url: settings.DATABASE_URL,
    max: STATUS_CONNECTIONS,
    applicationName: 'spillway-gateway',
    statementTimeoutMs: STATUS_STATEMENT_MS,
    onError: (error) => log.warn({ kind: 'database', err: error }, 'a connection of the order status broke'),
  });
  const orderStatus: OrderStatusLookup = async (orderId) => {
    const order = readOrderId(orderId, orders);
    if (order.kind !== 'ours') return undefined;
    const payments = await orderPayments(database, order.client, orderId);
    return payments && orderProgress(payments);
  };
  let isListening = false;
  const gateway = createGateway({
    secrets,
    orders,
    codec,
    publisher,
    registry,
    log,
    orderStatus,
    topicPrefix: settings.TOPIC_PREFIX,
    version: VERSION,
    now: () => clock.now(),
    isReady: () => isListening,
  });
  const port = await gateway.listen({ host: settings.LISTEN_HOST, port: settings.GATEWAY_PORT });
  isListening = true;
  log.info({ kind: 'endpoint', port }, `webhooks on port ${port}`);
  return {
    port,
    ready: () => gateway.isReady(),
    // A stuck event loop shows as no answer at all; a stuck broker is no reason to restart the edge.
    progress: () => ({
      ok: true,
      detail: `${gateway.open} webhooks open, ${publisher.depth} records queued`,
    }),
    stop: async () => {
      await gateway.drain();
      failPoint('gateway.drained');
      await flush(publisher, log);
      await database.close();
    },
  };
}

/** By now every webhook has its answer; a record that is still not acknowledged belongs to a 503 and may go. */
async function flush(publisher: Publisher, log: Log): Promise<void> {
  try {
    await within(publisher.close(FLUSH_MS), FLUSH_MS + DISCONNECT_MS, 'the publisher did not close in time');
  } catch (error) {
    log.warn({ kind: 'network', err: error }, 'Kafka did not take the last records; they were answered 503');
  }
}
