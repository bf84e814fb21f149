/** Apicurio Registry: schemas under the Confluent API, kept in a file so that schema ids survive `down` and `up`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemEnv } from './kafka.ts';
import { answersOk } from './probe.ts';
import type { ServiceSpec } from './process.ts';

export interface RegistryOptions {
  readonly java: string;
  readonly jar: string;
  readonly folder: string;
  readonly port: number;
  readonly log: string;
}

/** The address for clients of the Confluent schema registry API. */
export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Describes how to run the registry. */
export function prepareRegistry(options: RegistryOptions): ServiceSpec {
  mkdirSync(options.folder, { recursive: true });
  const database = join(options.folder, 'registry');
  return {
    name: 'registry',
    kind: 'server',
    command: options.java,
    args: ['-Xmx384m', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-jar', options.jar],
    cwd: options.folder,
    env: {
      ...systemEnv(),
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(options.port),
      QUARKUS_HTTP_ACCESS_LOG_ENABLED: 'false',
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'h2',
      // Its default storage is memory, which would give every schema a new id after a restart; records in Kafka carry
      // the old ones. Written without delay, so that a kill loses no id that was given out.
      APICURIO_DATASOURCE_URL: `jdbc:h2:file:${database};WRITE_DELAY=0`,
      APICURIO_DATASOURCE_USERNAME: 'sa',
      APICURIO_DATASOURCE_PASSWORD: 'sa',
    },
    log: options.log,
    url: `http://127.0.0.1:${options.port}`,
    isReady: () => answersOk(`${registryUrl(options.port)}/subjects`),
    startLimit_ms: 90_000,
    stopSignal: 'SIGTERM',
    grace_ms: 20_000,
    startRetries: 0,
  };
}
