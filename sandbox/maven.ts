/**
 * Fetches Apache Kafka and Apicurio Registry with Maven into the download cache. A download appears under its final
 * name only when it is whole, so that a kill or a second instance at the same time never leaves half of one.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLineOf, runCommand } from './command.ts';
import { remove } from './files.ts';
import { findMaven } from './java.ts';

export const KAFKA_VERSION = '4.4.0';
export const REGISTRY_VERSION = '3.0.9';
const LOG4J_VERSION = '2.25.5';
const REGISTRY_ARTIFACT = `io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}:tar.gz:all`;

const KAFKA_POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>embedded-kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

type Note = (text: string) => void;

/** Folder with Kafka's jars. */
export function kafkaJars(cache: string, note: Note): Promise<string> {
  return cached(cache, `kafka-${KAFKA_VERSION}`, async (folder) => {
    writeFileSync(join(folder, 'pom.xml'), KAFKA_POM);
    const goal = ['dependency:copy-dependencies', '-DoutputDirectory=libs', '-DincludeScope=runtime'];
    await maven(cache, folder, goal, `Apache Kafka ${KAFKA_VERSION}`, note);
  }).then((folder) => join(folder, 'libs'));
}

/** Path of the registry's runnable jar (its libraries lie beside it). */
export function registryJar(cache: string, note: Note): Promise<string> {
  return cached(cache, `apicurio-registry-${REGISTRY_VERSION}`, async (folder) => {
    const goal = ['dependency:copy', `-Dartifact=${REGISTRY_ARTIFACT}`, '-DoutputDirectory=.'];
    await maven(cache, folder, goal, `Apicurio Registry ${REGISTRY_VERSION}`, note);
    const archive = readdirSync(folder).find((name) => name.endsWith('.tar.gz'));
    if (archive === undefined) throw new Error(`Maven fetched no archive for ${REGISTRY_ARTIFACT}`);
    const { code, output } = await runCommand('tar', ['xzf', archive], { cwd: folder });
    if (code !== 0) throw new Error(`cannot unpack ${archive}: ${lastLineOf(output)}`);
    remove(join(folder, archive));
  }).then((folder) => join(folder, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`));
}

async function cached(cache: string, name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const final = join(cache, name);
  if (existsSync(final)) return final;
  mkdirSync(cache, { recursive: true, mode: 0o755 });
  const temporary = mkdtempSync(join(cache, `.${name}-`));
  try {
    await fill(temporary);
    renameSync(temporary, final);
  } catch (error) {
    remove(temporary);
    // Another instance fetched the same meanwhile: theirs is as good.
    if (existsSync(final)) return final;
    throw error;
  }
  return final;
}

async function maven(cache: string, folder: string, goal: string[], what: string, note: Note): Promise<void> {
  const mvn = await findMaven(note);
  note(`fetching ${what}`);
  let files = 0;
  let told = performance.now();
  const onLine = (line: string) => {
    if (!/Downloaded from/.test(line) || !/\.(jar|gz)\b/.test(line)) return;
    files += 1;
    if (performance.now() - told < 1_000) return;
    told = performance.now();
    note(`fetching ${what}: ${files} files`);
  };
  // -C: a file whose checksum is wrong fails the download instead of warning.
  const args = ['-B', '-C', `-Dmaven.repo.local=${join(cache, 'maven')}`, ...goal];
  const { code, output } = await runCommand(mvn, args, { cwd: folder, onLine });
  if (code === 0) return note(`fetched ${what}`);
  throw new Error(
    `Maven could not fetch ${what}: ${lastLineOf(output)}; check the network (or Maven's settings.xml), ` +
      'or set KAFKA_BROKERS and SCHEMA_REGISTRY_URL to existing servers',
  );
}
