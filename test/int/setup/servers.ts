/**
 * Starts one empty PostgreSQL, Kafka, registry and chain for the whole `int` run and tells the tests where they are.
 * Each run takes a numbered home of its own, so that runs side by side do not meet and a killed one is cleaned up by
 * the next run that takes its number.
 */
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { remove } from '../../../sandbox/files.ts';
import { ownPaths } from '../../../sandbox/instance.ts';
import { runOwnCommand } from '../../../sandbox/programs.ts';
import { AlreadyRunning, type Stack, startStack } from '../../../sandbox/stack.ts';
import { TEMPLATE_DATABASE } from './template.ts';

export interface ServerAddresses {
  /** host:port */
  readonly kafka: string;
  /** Confluent API of the registry. */
  readonly registry: string;
  /** An address of the server; its database is not for use: see database.ts. */
  readonly database: string;
  readonly chain: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: ServerAddresses;
  }
}

const SLOTS = 20;

/** vitest calls this once before the first test; what it returns runs after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stack, home } = await startInFreeSlot();
  try {
    const { kafka, registry, database, chain } = stack.addresses;
    await prepareTemplate(database);
    project.provide('servers', { kafka, registry, database, chain });
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return async () => {
    await stack.stop();
    remove(home);
  };
}

async function startInFreeSlot(): Promise<{ stack: Stack; home: string }> {
  for (let slot = 0; slot < SLOTS; slot++) {
    const home = `${ownPaths().home}-test-${slot}`;
    try {
      const only = ['kafka', 'registry', 'postgres', 'chain'] as const;
      return { home, stack: await startStack({ home, ephemeral: true, only }) };
    } catch (error) {
      if (!(error instanceof AlreadyRunning)) throw error;
    }
  }
  throw new Error(`${SLOTS} test runs are under way already; wait for one of them`);
}

async function prepareTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await client.end();
  const template = new URL(url);
  template.pathname = `/${TEMPLATE_DATABASE}`;
  const env = { ...process.env, DATABASE_URL: template.href } as Record<string, string>;
  await runOwnCommand(['migrate', 'up'], env);
}
