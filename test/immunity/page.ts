/** docs/immunity.md, and what is wrong with the proofs. */
import { FAILURES, type Failure, SECTIONS } from './failures.ts';
import { isBuilt, PARTS, type PartName } from './parts.ts';
import type { Proof } from './titles.ts';

const waitsOf = (failure: Failure) => Object.entries(failure.waits) as [PartName, string][];

/**
 * One line per fault, none when the table is true.
 * @param built whether a part exists already
 */
export function faultsOf(
  proofs: readonly Proof[],
  failures: ReadonlyMap<string, Failure> = FAILURES,
  built: (name: PartName) => boolean = isBuilt,
): string[] {
  const faults: string[] = [];
  const proven = new Set<string>();
  for (const proof of proofs) {
    if (proof.isIdle) faults.push(`${proof.path}: “${proof.title}” does not run and proves nothing`);
    for (const id of proof.failures) {
      if (!failures.has(id))
        faults.push(`${proof.path}: “${proof.title}” names failure ${id}, which is none`);
      proven.add(id);
    }
  }
  for (const failure of failures.values()) {
    const waits = waitsOf(failure);
    if (waits.length === 0 && !proven.has(failure.id))
      faults.push(`failure ${failure.id} has no test: ${failure.what}`);
    for (const [part, what] of waits.filter(([name]) => built(name)))
      faults.push(`failure ${failure.id} waits for ${part} (${what}), which is built: prove it there`);
  }
  return faults;
}

export function immunityPage(proofs: readonly Proof[]): string {
  const counts = { proven: 0, partly: 0, waiting: 0 };
  const tables = SECTIONS.map(({ title, failures }) => {
    const rows = failures.map((failure) => {
      const own = proofs.filter((proof) => proof.failures.includes(failure.id));
      const waits = waitsOf(failure);
      counts[waits.length === 0 ? 'proven' : own.length > 0 ? 'partly' : 'waiting']++;
      const cells = [
        ...own.map(link),
        ...waits.map(([part, what]) => `*waits for ${PARTS[part].title}: ${what}*`),
      ];
      return `| ${failure.id} | ${failure.what} | ${cells.join('<br>')} |`;
    });
    return `## ${title}\n\n| | what happened there | proven here by |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Immunity

The system that Spillway replaces left a list of 118 failures; its code showed 23 more hazards (H). Each is a line here, with
the tests that prove it impossible in Spillway. Some of them wait for a part that is not built yet.

${counts.proven} are proven, ${counts.partly} more as far as their part is built, ${counts.waiting} wait for their part as a whole.

This page is generated from \`test/immunity/failures.ts\` and from the titles of the tests: a test that proves number 43 ends
in \`[failure 43]\`. A test compares the page, and fails when a number has neither a test nor a part to wait for, when a part
that was waited for is built, and when a title names a number that is none.

${tables.join('\n')}`;
}

function link({ path, title }: Proof): string {
  const name = path.replace(/^test\//, '').replace(/\.test\.ts$/, '');
  // What stands for the values of a table of cases says nothing here.
  const text = title
    .replace(/%[sojdi]/g, '…')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
  return `[${name}](../${path}): ${text}`;
}
