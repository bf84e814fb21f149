/** Each role's entry: its settings are checked before anything of it is loaded. */
import { armFailPoint } from '../processors/runtime/fail-point.ts';
import type { RoleContext, RunningRole } from '../processors/runtime/role.ts';
import { type RoleSettings, readRoleSettings } from '../schemas/settings.ts';
import type { RoleName } from '../schemas/topology.ts';
import { readTextFile } from './environment.ts';

type Start<R extends RoleName> = (settings: RoleSettings<R>, context: RoleContext) => Promise<RunningRole>;

const ROLES: { readonly [R in RoleName]: () => Promise<Start<R>> } = {
  gateway: async () => (await import('../gateway/role.ts')).startGateway,
  convert: async () => (await import('../processors/convert/role.ts')).startConvert,
  accumulate: async () => (await import('../processors/accumulate/role.ts')).startAccumulate,
  settle: async () => (await import('../processors/settle/role.ts')).startSettle,
  payout: async () => (await import('../processors/split/role.ts')).startPayout,
  relay: async () => (await import('../processors/runtime/relay-role.ts')).startRelayRole,
  reconcile: async () => (await import('../processors/reconcile/role.ts')).startReconcile,
};

/** Runs until the process ends. @throws SettingsError before anything is started */
export async function startRole<R extends RoleName>(name: R): Promise<void> {
  const settings = readRoleSettings(process.env, name, readTextFile);
  armFailPoint(settings.FAIL_POINT, name, settings.EVM_CHAIN_ID);
  const { runRole } = await import('../processors/runtime/role.ts');
  const start = await ROLES[name]();
  await runRole({ name, settings, start: (context) => start(settings, context) });
}
