/**
 * The schema registry over its REST interface (Confluent's, as Apicurio and Karapace speak it too): registers each
 * topic's schema under FULL_TRANSITIVE, checks it, and looks up schemas by id.
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { AVRO_SCHEMAS } from './avro.ts';
import { type Codec, CodecError, createCodec } from './codec.ts';
import { TOPIC_NAMES, type TopicName } from './topology.ts';

export interface RegistryOptions {
  /** Without a slash at the end; paths such as /subjects are appended. */
  readonly url: string;
  /** `user:password` */
  readonly auth?: string | undefined;
  /** PEM certificates that sign the registry. */
  readonly ca?: string | undefined;
  /** TOPIC_PREFIX; subjects are `<prefix><topic>-value`. */
  readonly prefix: string;
  readonly timeoutMs?: number;
}

export interface SchemaCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Registry {
  /** Registers what is missing and returns all ids. @throws RegistryError when a schema is not compatible */
  apply(): Promise<Record<TopicName, number>>;
  /** The ids of this program's schemas, registering nothing. @throws RegistryError when one is not registered */
  ids(): Promise<Record<TopicName, number>>;
  /** Per topic: registered and identical, the newest, compatible, under FULL_TRANSITIVE. Changes nothing. */
  verify(): Promise<SchemaCheck[]>;
  /** The schema kept under an id, as parsed JSON. @throws CodecError schema_unknown when there is none */
  schemaById(id: number): Promise<unknown>;
}

export class RegistryError extends Error {
  override name = 'RegistryError';
}

const COMPATIBILITY = 'FULL_TRANSITIVE';
const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}
type Call = (method: string, path: string, body?: unknown) => Promise<Answer>;

export function createRegistry(options: RegistryOptions): Registry {
  const call: Call = (method, path, body) => send(options, method, path, body);
  const subjectOf = (topic: TopicName) => encodeURIComponent(`${options.prefix}${topic}-value`);
  return {
    apply: () => eachTopic((topic) => applyOne(call, subjectOf(topic), schemaText(topic))),
    ids: () => eachTopic((topic) => idOf(call, subjectOf(topic), schemaText(topic), topic)),
    verify: async () => {
      const checks: SchemaCheck[] = [];
      for (const topic of TOPIC_NAMES) checks.push(...(await verifyOne(call, subjectOf(topic), topic)));
      return checks;
    },
    schemaById: (id) => schemaById(call, id),
  };
}

/** A codec that writes with the registered ids of this program's schemas. @throws RegistryError */
export async function openCodec(registry: Registry): Promise<Codec> {
  return createCodec(await registry.ids());
}

/**
 * Fetches the schemas that a batch needs and the codec lacks; ids that the registry does not have either stay
 * unknown, so that decode() refuses just their records. @throws RegistryError when the registry does not answer
 */
export async function learnSchemas(
  registry: Registry,
  codec: Codec,
  values: readonly (Buffer | null)[],
): Promise<void> {
  for (const id of codec.unknownIds(values)) {
    try {
      codec.learn(id, await registry.schemaById(id));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
    }
  }
}

function schemaText(topic: TopicName): string {
  return JSON.stringify(AVRO_SCHEMAS[topic]);
}

async function eachTopic(work: (topic: TopicName) => Promise<number>): Promise<Record<TopicName, number>> {
  const ids: Partial<Record<TopicName, number>> = {};
  for (const topic of TOPIC_NAMES) ids[topic] = await work(topic);
  return ids as Record<TopicName, number>;
}

/** The compatibility is set before a second version can come, and after the first: some registries need a subject first. */
async function applyOne(call: Call, subject: string, schema: string): Promise<number> {
  const versions = await call('GET', `/subjects/${subject}/versions`);
  if (versions.status !== 200 && versions.status !== 404) throw refused(`versions of ${subject}`, versions);
  const isNew = versions.status === 404;
  if (!isNew) await setCompatibility(call, subject);
  const answer = await call('POST', `/subjects/${subject}/versions`, { schema });
  if (answer.status === 409) {
    throw new RegistryError(
      `${subject}: the schema is not ${COMPATIBILITY} compatible: ${messageOf(answer)}`,
    );
  }
  if (answer.status !== 200) throw refused(`register ${subject}`, answer);
  if (isNew) await setCompatibility(call, subject);
  return intOf(answer, 'id');
}

async function setCompatibility(call: Call, subject: string): Promise<void> {
  const answer = await call('PUT', `/config/${subject}`, { compatibility: COMPATIBILITY });
  if (answer.status !== 200) throw refused(`set compatibility of ${subject}`, answer);
}

async function idOf(call: Call, subject: string, schema: string, topic: TopicName): Promise<number> {
  const answer = await call('POST', `/subjects/${subject}`, { schema });
  if (answer.status === 404) {
    throw new RegistryError(`the schema of ${topic} is not registered: run spillway topics apply`);
  }
  if (answer.status !== 200) throw refused(`look up ${subject}`, answer);
  return intOf(answer, 'id');
}

async function verifyOne(call: Call, subject: string, topic: TopicName): Promise<SchemaCheck[]> {
  const schema = schemaText(topic);
  const latest = await call('GET', `/subjects/${subject}/versions/latest`);
  if (latest.status === 404) {
    return [{ name: `schema ${topic}`, ok: false, detail: 'not registered: run spillway topics apply' }];
  }
  if (latest.status !== 200) throw refused(`latest of ${subject}`, latest);
  const text = (latest.body as { schema?: unknown }).schema;
  const same = typeof text === 'string' && isDeepStrictEqual(JSON.parse(text), AVRO_SCHEMAS[topic]);
  const compatible = await call('POST', `/compatibility/subjects/${subject}/versions/latest`, { schema });
  const fits = (compatible.body as { is_compatible?: unknown } | null)?.is_compatible === true;
  const config = await call('GET', `/config/${subject}`);
  const level = levelOf(config);
  return [
    {
      name: `schema ${topic}`,
      ok: same,
      detail: same ? 'identical' : 'the newest registered schema is another one',
    },
    { name: `schema ${topic} compatible`, ok: fits, detail: fits ? '' : messageOf(compatible) },
    { name: `schema ${topic} compatibility`, ok: level === COMPATIBILITY, detail: level },
  ];
}

function levelOf(config: Answer): string {
  if (config.status !== 200) return 'not set';
  const body = config.body as { compatibilityLevel?: unknown; compatibility?: unknown };
  return String(body.compatibilityLevel ?? body.compatibility ?? 'not set');
}

async function schemaById(call: Call, id: number): Promise<unknown> {
  const answer = await call('GET', `/schemas/ids/${id}`);
  if (answer.status === 404) {
    throw new CodecError('schema_unknown', `the registry has no schema id ${id}`, { schemaId: id });
  }
  const text = (answer.body as { schema?: unknown } | null)?.schema;
  if (answer.status !== 200 || typeof text !== 'string') throw refused(`schema id ${id}`, answer);
  return JSON.parse(text);
}

function intOf(answer: Answer, field: string): number {
  const value = (answer.body as Record<string, unknown> | null)?.[field];
  if (!Number.isInteger(value)) throw refused(`no ${field} in the answer`, answer);
  return value as number;
}

function messageOf(answer: Answer): string {
  const body = answer.body as { message?: unknown; messages?: unknown } | null;
  return String(body?.message ?? body?.messages ?? JSON.stringify(answer.body)).slice(0, 300);
}

function refused(what: string, answer: Answer): RegistryError {
  return new RegistryError(`schema registry: ${what}: status ${answer.status}: ${messageOf(answer)}`);
}

/** node:http, because fetch takes no certificates of one's own. */
function send(options: RegistryOptions, method: string, path: string, body?: unknown): Promise<Answer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const url = new URL(`${options.url}${path}`);
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: Error) =>
      reject(new RegistryError(`schema registry at ${url.host}: ${reason}`, { cause }));
    const outgoing = request(url, {
      method,
      headers: {
        accept: 'application/vnd.schemaregistry.v1+json, application/json',
        ...(payload === undefined
          ? {}
          : {
              'content-type': 'application/vnd.schemaregistry.v1+json',
              'content-length': Buffer.byteLength(payload),
            }),
      },
      signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
      ...(options.auth === undefined ? {} : { auth: options.auth }),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    outgoing.on('error', (error) => fail(error.message, error));
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) incoming.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      incoming.on('error', (error) => fail(error.message, error));
      incoming.on('end', () => {
        try {
          resolve({
            status: incoming.statusCode ?? 0,
            body: JSON.parse(Buffer.concat(chunks).toString('utf8')),
          });
        } catch (error) {
          fail(`status ${incoming.statusCode}, and the answer is no JSON`, error as Error);
        }
      });
    });
    outgoing.end(payload);
  });
}
