/** Starts the embedded servers that are needed, all at the same time, and says under which settings they are reached. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHAIN_ID, prepareChainNode } from './chain.ts';
import type { Embeddable } from './environment.ts';
import { homeLayout } from './home.ts';
import { CHECKOUT } from './instance.ts';
import { findJava } from './java.ts';
import { prepareKafka } from './kafka.ts';
import { kafkaJars, registryJar } from './maven.ts';
import { createMainDatabase, postgresUrl, preparePostgres } from './postgres.ts';
import { prepareRegistry, registryUrl } from './registry.ts';
import type { Supervisor } from './supervisor.ts';

export interface ServerContext {
  readonly home: string;
  readonly cache: string;
  readonly ephemeral: boolean;
  readonly supervisor: Supervisor;
  readonly port: (name: string) => Promise<number>;
  readonly note: (text: string) => void;
}

type Settings = Record<string, string>;

/** One promise per server; each resolves to its settings ({} when the server is not embedded). */
export interface StartedServers {
  readonly kafka: Promise<Settings>;
  readonly registry: Promise<Settings>;
  readonly postgres: Promise<Settings>;
  readonly chain: Promise<Settings>;
}

/** Starts what is in `wanted`; failures come through the promises. */
export function startServers(context: ServerContext, wanted: ReadonlySet<Embeddable>): StartedServers {
  const start = (name: Embeddable, run: () => Promise<Settings>) => {
    const started = wanted.has(name) ? run() : Promise.resolve({});
    // Awaited later, together with others: a failure must not count as unhandled until then.
    started.catch(() => undefined);
    return started;
  };
  const needsJava = wanted.has('kafka') || wanted.has('registry');
  const downloads = needsJava ? fetchJava(context, wanted) : null;
  downloads?.catch(() => undefined);
  return {
    postgres: start('postgres', () => startPostgres(context)),
    chain: start('chain', () => startChain(context)),
    kafka: start('kafka', async () => startKafka(context, await downloads!)),
    registry: start('registry', async () => startRegistry(context, await downloads!)),
  };
}

interface JavaParts {
  readonly java: string;
  readonly jars: string;
  readonly jar: string;
}

async function fetchJava(context: ServerContext, wanted: ReadonlySet<Embeddable>): Promise<JavaParts> {
  const java = await findJava(context.note);
  // One after the other: two Maven runs must not write one local repository.
  const jars = wanted.has('kafka') ? await kafkaJars(context.cache, context.note) : '';
  const jar = wanted.has('registry') ? await registryJar(context.cache, context.note) : '';
  return { java, jars, jar };
}

function places(context: ServerContext, name: string): { folder: string; log: string } {
  const layout = homeLayout(context.home);
  mkdirSync(layout.logs, { recursive: true });
  return { folder: join(layout.data, name), log: join(layout.logs, `${name}.log`) };
}

async function startKafka(context: ServerContext, parts: JavaParts): Promise<Settings> {
  const port = await context.port('kafka');
  const controllerPort = await context.port('kafka-controller');
  const spec = await prepareKafka({ ...parts, ...places(context, 'kafka'), port, controllerPort });
  await context.supervisor.launch(spec);
  return { KAFKA_BROKERS: `127.0.0.1:${port}` };
}

async function startRegistry(context: ServerContext, parts: JavaParts): Promise<Settings> {
  const port = await context.port('registry');
  await context.supervisor.launch(prepareRegistry({ ...parts, ...places(context, 'registry'), port }));
  return { SCHEMA_REGISTRY_URL: registryUrl(port) };
}

async function startPostgres(context: ServerContext): Promise<Settings> {
  const { cache, ephemeral } = context;
  const port = await context.port('postgres');
  const place = places(context, 'postgres');
  await context.supervisor.launch(
    await preparePostgres({ checkout: CHECKOUT, cache, ...place, port, ephemeral }),
  );
  await createMainDatabase(port);
  return { DATABASE_URL: postgresUrl(port) };
}

async function startChain(context: ServerContext): Promise<Settings> {
  const port = await context.port('chain');
  const spec = prepareChainNode({ checkout: CHECKOUT, ...places(context, 'chain'), port });
  await context.supervisor.launch(spec);
  return { EVM_RPC_URLS: `http://127.0.0.1:${port}`, EVM_CHAIN_ID: String(CHAIN_ID) };
}
