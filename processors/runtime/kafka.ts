/**
 * The kafkajs client of a process, with every option stated instead of left to a default. Used by publisher.ts,
 * consumer.ts and admin.ts only; nothing else sees kafkajs.
 */
import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type ISocketFactoryArgs, Kafka, type logCreator, logLevel, type SASLOptions } from 'kafkajs';
import type { Log } from './logger.ts';

export type { Consumer, EachBatchPayload, Kafka } from 'kafkajs';

export interface KafkaOptions {
  /** `host:port` of the brokers to ask first. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
  readonly ssl?: { readonly ca?: string } | undefined;
  readonly sasl?: SASLOptions | undefined;
}

const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

export function createKafka(options: KafkaOptions): Kafka {
  return new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...(options.ssl ? { ssl: options.ssl.ca === undefined ? true : { ca: options.ssl.ca } } : {}),
    ...(options.sasl ? { sasl: options.sasl } : {}),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 100, multiplier: 2, maxRetryTime: 5_000, retries: 8 },
    socketFactory: openSocket,
    logLevel: logLevel.WARN,
    logCreator: logTo(options.log),
  });
}

/** kafkajs leaves Nagle's algorithm on: a small request then waits for the acknowledgement of the one before. */
function openSocket({ host, port, ssl, onConnect }: ISocketFactoryArgs) {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

/** kafkajs reports what it then mends by itself as errors; what it can't mend reaches our own code as an exception. */
function logTo(log: Log): logCreator {
  return () => (entry) => {
    const { message, logger: _logger, timestamp: _timestamp, stack: _stack, ...fields } = entry.log;
    log.debug({ ...fields, kafkajs: entry.namespace }, message);
  };
}
