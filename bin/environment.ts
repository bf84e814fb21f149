/** The settings of this process: its environment and the files that NAME_FILE settings point at. */
import { readFileSync } from 'node:fs';
import type { SettingName } from '../schemas/setting-table.ts';
import { readSettings, type SettingsWith } from '../schemas/settings.ts';

export function readTextFile(path: string): string {
  return readFileSync(path, 'utf8');
}

/** @throws SettingsError naming every setting that is missing or wrong */
export function settingsFor<const N extends SettingName>(...needs: readonly N[]): SettingsWith<N> {
  return readSettings(process.env, needs, readTextFile);
}

/**
 * For commands that look at or act on a running system: what the environment does not say is taken from the stack that
 * `up` started from this checkout, if there is one. `run` and `migrate` never do that.
 * @throws SettingsError naming every setting that is missing or wrong
 */
export async function operatorSettings<const N extends SettingName>(
  ...needs: readonly N[]
): Promise<SettingsWith<N>> {
  const { stackEnvironment } = await import('../sandbox/instance.ts');
  return readSettings({ ...stackEnvironment(), ...process.env }, needs, readTextFile);
}
