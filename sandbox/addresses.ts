/** Writes stack.json (where everything answers) and the links in the checkout's .spillway/ that lead to it. */
import { lstatSync, mkdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { remove, writeWhole } from './files.ts';
import type { homeLayout } from './home.ts';
import { CHECKOUT, type StackAddresses } from './instance.ts';
import type { ServiceState } from './state.ts';

type Layout = ReturnType<typeof homeLayout>;

/** Writes the addresses as they are now and returns them. */
export function publishAddresses(
  layout: Layout,
  env: Readonly<Record<string, string>>,
  services: readonly ServiceState[],
  link: boolean,
): StackAddresses {
  const addresses = addressesOf(env, services);
  writeWhole(layout.stack, `${JSON.stringify(addresses, null, 2)}\n`);
  if (link) {
    linkInCheckout('stack.json', layout.stack);
    linkInCheckout('dev.env', layout.secrets);
  }
  return addresses;
}

/** Removes the link to the addresses, if it is ours. */
export function unlinkAddresses(layout: Layout): void {
  const path = join(CHECKOUT, '.spillway', 'stack.json');
  if (linkTarget(path) === layout.stack) remove(path);
}

/** The content of stack.json. Pure. */
export function addressesOf(
  env: Readonly<Record<string, string>>,
  services: readonly ServiceState[],
): StackAddresses {
  const roles = services.filter((service) => service.kind === 'role');
  const simulators = services.filter((service) => service.kind === 'simulator');
  return {
    ...(env.GATEWAY_PORT ? { gateway: `http://127.0.0.1:${env.GATEWAY_PORT}` } : {}),
    kafka: env.KAFKA_BROKERS ?? '',
    registry: env.SCHEMA_REGISTRY_URL ?? '',
    database: withoutPassword(env.DATABASE_URL ?? ''),
    chain: env.EVM_RPC_URLS?.split(',')[0]?.trim() ?? '',
    simulators: Object.fromEntries(simulators.map((service) => [service.name, service.url ?? ''])),
    roles: Object.fromEntries(
      roles.map((service) => [
        service.name,
        { pid: service.process?.pid ?? 0, metrics: `${service.url}/metrics` },
      ]),
    ),
  };
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return '';
  const parsed = new URL(url);
  parsed.password = '';
  return parsed.href;
}

function linkInCheckout(name: string, target: string): void {
  const folder = join(CHECKOUT, '.spillway');
  const path = join(folder, name);
  if (linkTarget(path) === target) return;
  mkdirSync(folder, { recursive: true });
  remove(path);
  symlinkSync(target, path);
}

function linkTarget(path: string): string | null {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : null;
}
