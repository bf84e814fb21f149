/** Apache Kafka as one KRaft process: formats its storage on first start, then describes how to run it. */

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { lastLineOf, runCommand } from './command.ts';
import { writeWhole } from './files.ts';
import { isBrokerReady } from './kafka-probe.ts';
import type { ServiceSpec } from './process.ts';

export interface KafkaOptions {
  readonly java: string;
  /** Folder of the jars. */
  readonly jars: string;
  readonly folder: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly log: string;
}

/** Prepares the broker's folder (idempotent) and returns how to run it. */
export async function prepareKafka(options: KafkaOptions): Promise<ServiceSpec> {
  mkdirSync(options.folder, { recursive: true });
  const config = join(options.folder, 'server.properties');
  const logging = join(options.folder, 'log4j2.yaml');
  writeWhole(config, serverProperties(options));
  writeWhole(logging, LOGGING);
  const jvm = [`-Dlog4j2.configurationFile=${logging}`, '-Xshare:auto', '-cp', join(options.jars, '*')];
  if (!existsSync(join(options.folder, 'data', 'meta.properties'))) await format(options, jvm, config);
  return {
    name: 'kafka',
    kind: 'server',
    command: options.java,
    // Full optimisation is kept for the broker: it runs for hours and the benches measure it.
    args: ['-Xms512m', '-Xmx512m', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', ...jvm, 'kafka.Kafka', config],
    cwd: options.folder,
    env: systemEnv(),
    log: options.log,
    url: `127.0.0.1:${options.port}`,
    isReady: () => isBrokerReady('127.0.0.1', options.port),
    startLimit_ms: 90_000,
    stopSignal: 'SIGTERM',
    grace_ms: 20_000,
    startRetries: 0,
  };
}

/** What a server needs of our environment; no setting or secret of Spillway reaches it. */
export function systemEnv(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'JAVA_HOME'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** 16 random bytes as Kafka writes a UUID. One that began with `-` would be read as an option by Kafka's own tools. */
export function newClusterId(random: (size: number) => Buffer = randomBytes): string {
  const bytes = random(16);
  // The first of the 22 characters is then among the lower half of the alphabet, which ends in `-` and `_`.
  bytes[0]! &= 0x7f;
  return bytes.toString('base64url');
}

async function format(options: KafkaOptions, jvm: string[], config: string): Promise<void> {
  const id = newClusterId();
  const tool = ['kafka.tools.StorageTool', 'format', '-t', id, '-c', config];
  const args = ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...jvm, ...tool];
  const { code, output } = await runCommand(options.java, args, { env: systemEnv(), cwd: options.folder });
  if (code !== 0) throw new Error(`Kafka could not format its storage: ${lastLineOf(output)}`);
}

/**
 * A static voter set is used although a dynamic one is newer: it is read from this file at each start, so that the
 * ports may differ from one run to the next.
 */
function serverProperties(options: KafkaOptions): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${options.controllerPort}
listeners=PLAINTEXT://127.0.0.1:${options.port},CONTROLLER://127.0.0.1:${options.controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${options.port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${join(options.folder, 'data')}
num.partitions=12
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=43200
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=2
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
controlled.shutdown.enable=true
`;
}

const LOGGING = `Configuration:
  Appenders:
    Console:
      name: STDOUT
      PatternLayout: { pattern: "[%d] %p %m (%c)%n" }
  Loggers:
    Root: { level: INFO, AppenderRef: [ { ref: STDOUT } ] }
`;
