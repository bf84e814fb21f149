/** Finds Java 17 or newer and Maven; as root on Debian or Ubuntu it installs what is missing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lastLineOf, runCommand } from './command.ts';

const JAVA_OLDEST = 17;
const JAVA_PACKAGES = ['openjdk-17-jre-headless', 'openjdk-21-jre-headless', 'default-jre-headless'];
const EXISTING_SERVERS = 'or set KAFKA_BROKERS and SCHEMA_REGISTRY_URL to existing servers';

/**
 * The path of a usable `java`.
 * @throws one line that says what to install, when there is none and we may not install it.
 */
export async function findJava(note: (text: string) => void): Promise<string> {
  const found = await usableJava();
  if (found !== null) return found;
  if (!canInstall()) {
    throw new Error(
      `Java ${JAVA_OLDEST} or newer was not found; install it (or set JAVA_HOME), ${EXISTING_SERVERS}`,
    );
  }
  for (const name of JAVA_PACKAGES) if (await aptInstall(name, note)) break;
  const installed = await usableJava();
  if (installed !== null) return installed;
  throw new Error(
    `Java ${JAVA_OLDEST} could not be installed with apt-get; install it by hand, ${EXISTING_SERVERS}`,
  );
}

/** The path of `mvn`, installed if needed; only called when something has to be downloaded. */
export async function findMaven(note: (text: string) => void): Promise<string> {
  if ((await runCommand('mvn', ['-v'])).code === 0) return 'mvn';
  if (canInstall() && (await aptInstall('maven', note))) return 'mvn';
  throw new Error(
    `Maven (mvn) was not found; install it (it fetches Kafka and the schema registry), ${EXISTING_SERVERS}`,
  );
}

/** The major version in the output of `java -version`, or null when there is none. */
export function javaMajor(output: string): number | null {
  const match = /version "(?:1\.)?(\d+)/.exec(output);
  return match ? Number.parseInt(match[1]!, 10) : null;
}

async function usableJava(): Promise<string | null> {
  const home = process.env.JAVA_HOME?.trim();
  const candidates = home ? [join(home, 'bin', 'java'), 'java'] : ['java'];
  for (const java of candidates) {
    const { code, output } = await runCommand(java, ['-version']);
    if (code === 0 && (javaMajor(output) ?? 0) >= JAVA_OLDEST) return java;
  }
  return null;
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

async function aptInstall(name: string, note: (text: string) => void): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if ((await runCommand('apt-cache', ['show', name], { env })).code !== 0) {
    note('apt-get update');
    await runCommand('apt-get', ['-q', 'update'], { env });
  }
  note(`apt-get install ${name}`);
  const args = ['-q', '-y', '--no-install-recommends', 'install', name];
  const { code, output } = await runCommand('apt-get', args, { env });
  if (code !== 0) note(`apt-get install ${name} failed: ${lastLineOf(output)}`);
  return code === 0;
}
