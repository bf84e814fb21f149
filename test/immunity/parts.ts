/** The parts of the product that are not built yet, and how their coming is seen. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ROLE_NAMES } from '../../schemas/topology.ts';

interface Part {
  readonly title: string;
  /** Code in one of these folders means that it is built. */
  readonly folders: readonly string[];
  /** So does this role. */
  readonly role?: string;
}

export const PARTS = {
  accounts: { title: 'accounts and API', folders: ['gateway/accounts'], role: 'api' },
  dashboard: { title: 'dashboard', folders: ['web'] },
  telegram: { title: 'Telegram bot', folders: ['gateway/telegram', 'providers/telegram'], role: 'telegram' },
  notify: { title: 'notify', folders: ['processors/notify', 'providers/mail'], role: 'notify' },
  signer: { title: 'signer', folders: [], role: 'signer' },
  deploy: { title: 'image and Helm chart', folders: ['helm/spillway', 'deploy/k8s'] },
  observability: { title: 'observability', folders: ['deploy/prometheus', 'deploy/grafana'] },
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof PARTS;

/** @param filesIn names of what is in a folder of the checkout */
export function isBuilt(
  name: PartName,
  filesIn: (folder: string) => readonly string[] = listFolder,
  roles: readonly string[] = ROLE_NAMES,
): boolean {
  const part: Part = PARTS[name];
  if (part.role !== undefined && roles.includes(part.role)) return true;
  return part.folders.some((folder) => filesIn(folder).some((file) => file !== '.gitkeep'));
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(fileURLToPath(new URL(`../../${folder}`, import.meta.url)));
  } catch {
    // No such folder yet.
    return [];
  }
}
