/** The unprivileged user that PostgreSQL runs as when we are root: it refuses to run as root. */
import { readFileSync } from 'node:fs';
import { lastLineOf, runCommand } from './command.ts';

export interface PostgresOwner {
  readonly uid: number;
  readonly gid: number;
}

const OWN_USER = 'spillway-pg';

/**
 * Null when we are not root (PostgreSQL then runs as we do); else a user of its own, made on first use.
 * @throws one line when no such user exists and none can be made.
 */
export async function postgresOwner(): Promise<PostgresOwner | null> {
  if (process.getuid?.() !== 0) return null;
  const own = findUser(OWN_USER);
  if (own !== null) return own;
  const args = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent'];
  const made = await runCommand('useradd', [...args, '--shell', '/usr/sbin/nologin', OWN_USER]);
  const user = findUser(OWN_USER) ?? findUser('postgres');
  if (user !== null) return user;
  throw new Error(
    `PostgreSQL does not run as root and the user ${OWN_USER} could not be made (${lastLineOf(made.output)}); ` +
      'run as a normal user, or set DATABASE_URL to an existing server',
  );
}

function findUser(name: string): PostgresOwner | null {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const fields = line?.split(':');
  if (!fields?.[2] || !fields[3]) return null;
  return { uid: Number.parseInt(fields[2], 10), gid: Number.parseInt(fields[3], 10) };
}
