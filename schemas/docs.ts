/** The pages and drawings that are generated from the declarations in this folder; a test keeps them equal. */
import { AVRO_SCHEMAS } from './avro.ts';
import { REASON_CODES, REASONS } from './reasons.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, type SettingSpec } from './setting-table.ts';
import { ROLE_NEEDS } from './settings.ts';
import { PROCESSORS, type RoleName, TOPIC_NAMES, TOPICS, type TopicName } from './topology.ts';

const DAY_MS = 86_400_000;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** docs/settings.md */
export function settingsPage(): string {
  const rows = SETTING_NAMES.map((name) => {
    const spec: SettingSpec = SETTINGS[name];
    const roles = (Object.keys(ROLE_NEEDS) as RoleName[]).filter((role) =>
      (ROLE_NEEDS[role] as readonly SettingName[]).includes(name),
    );
    const fallback =
      spec.fallback === undefined ? '' : spec.fallback === '' ? '(empty)' : `\`${spec.fallback}\``;
    return [`\`${name}\``, fallback, roles.join(', '), spec.secret ? `${spec.about} (secret)` : spec.about];
  });
  return `# Settings

From the environment. Any setting can also come from a file: \`NAME_FILE=/path\` instead of \`NAME=value\`. Values are
trimmed; an empty value counts as not set. A missing or odd value stops the start and is named, and so is a name that looks
like a setting but is none. Times: \`500ms\`, \`60s\`, \`15m\`, \`24h\`, \`30d\`. Amounts are plain decimal numbers; 1 USD counts as
1 USDT. In Kubernetes set \`enableServiceLinks: false\`: for a service named \`gateway\` it would set \`GATEWAY_PORT\` by itself.

This page is generated from \`schemas/setting-table.ts\`; a test compares it.

${table(['setting', 'default', 'needed by', 'what it is for'], rows)}
`;
}

/** docs/reasons.md */
export function reasonsPage(): string {
  const rows = REASON_CODES.map((code) => {
    const { end, retry, text, http } = REASONS[code];
    return [`\`${code}\``, end, retry, http === undefined ? '' : String(http), text];
  });
  return `# Reasons

Every input ends applied, or with one of these codes. The code is what stands in topics (\`reason\`), in metrics (label
\`reason\`) and in \`spillway quarantine list\`.

- **refused**: answered and not kept. **duplicate**: seen before, no effect. **rejected**: kept, no effect, counted.
- **quarantined**: kept with its original bytes until it is redriven. **waiting**: goes on when the cause is gone.
- Retry: *auto* by itself, *redrive* by a person once the cause is mended, *never* because it would end the same way.

This page is generated from \`schemas/reasons.ts\`; a test compares it.

${table(['code', 'end', 'retry', 'webhook answer', 'meaning'], rows)}
`;
}

interface AvroField {
  readonly name: string;
  readonly type: unknown;
  readonly doc?: string;
}
interface AvroRecord {
  readonly name: string;
  readonly doc?: string;
  readonly fields: readonly AvroField[];
}

/** docs/topics.md: every topic with its fields, as registered. */
export function topicsPage(): string {
  const nested = new Map<string, AvroRecord>();
  const sections = TOPIC_NAMES.map((topic) => topicSection(topic, nested));
  const records = [...nested.values()].map(
    (record) => `### ${record.name}\n\n${record.doc ?? ''}\n\n${fieldTable(record)}\n`,
  );
  return `# Topics, field by field

How to consume them: [integrator.md](integrator.md). The schemas themselves: \`schemas/avro/*.avsc\`, and in the registry as
\`<prefix><topic>-value\`. This page is generated from them and from \`schemas/topology.ts\`; a test compares it.

${sections.join('\n')}
## Records within records

${records.join('\n')}`;
}

function topicSection(topic: TopicName, nested: Map<string, AvroRecord>): string {
  const { key, partitions, retentionMs, cleanup } = TOPICS[topic];
  const record = AVRO_SCHEMAS[topic] as AvroRecord;
  collectRecords(record.fields, nested);
  const kept =
    cleanup === 'compact' ? 'compacted' : retentionMs === -1 ? 'for ever' : `${retentionMs / DAY_MS} days`;
  const split = `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`;
  return `## ${topic}

${record.doc ?? ''} Key: ${key}. ${split}, kept ${kept}.

${fieldTable(record)}
`;
}

function collectRecords(node: unknown, into: Map<string, AvroRecord>): void {
  if (Array.isArray(node)) for (const item of node) collectRecords(item, into);
  else if (typeof node === 'object' && node !== null) {
    const record = node as AvroRecord & { type?: unknown };
    if (record.type === 'record') into.set(record.name, record);
    for (const value of Object.values(node)) collectRecords(value, into);
  }
}

function fieldTable(record: AvroRecord): string {
  const rows = record.fields.map(({ name, type, doc }) => [`\`${name}\``, typeText(type), doc ?? '']);
  return table(['field', 'type', ''], rows);
}

function typeText(type: unknown): string {
  if (Array.isArray(type)) return `${typeText(type[1])}, or null`;
  if (typeof type === 'string') return type;
  const node = type as {
    type: string;
    name?: string;
    logicalType?: string;
    items?: unknown;
    precision?: number;
    scale?: number;
  };
  if (node.type === 'array') return `list of ${typeText(node.items)}`;
  if (node.type === 'record') return node.name ?? 'record';
  if (node.logicalType === 'decimal') return `decimal(${node.precision},${node.scale})`;
  return node.logicalType ?? node.type;
}

/** The way of a payment as a Mermaid drawing, from what processors read and write. The outbox relay is left out. */
export function flowDiagram(): string {
  const id = (name: string) => name.replaceAll('.', '_');
  const lines = ['flowchart LR', '  NOWPayments([NOWPayments]) -- IPN --> gateway'];
  for (const topic of TOPIC_NAMES) lines.push(`  ${id(topic)}[(${topic})]`);
  lines.push('  accumulate == one transaction ==> ledger[(ledger in PostgreSQL)]');
  for (const [name, { reads, writes, intents, callsOut }] of Object.entries(PROCESSORS)) {
    if (name === 'relay') continue;
    if (reads.length === 0 && intents.length > 0) lines.push(`  ledger == intents ==> ${name}`);
    for (const topic of reads) lines.push(`  ${id(topic)} --> ${name}`);
    for (const topic of writes) lines.push(`  ${name} --> ${id(topic)}`);
    if (callsOut) lines.push(`  ${name} -. calls .-> outside([providers and chain])`);
  }
  return lines.join('\n');
}
