/** The generated parts of docs/simulation.md: what can go wrong, and what no seed can reach. */
import { EXCLUDED } from './declared.ts';
import { FAULT_NAMES, FAULTS } from './faults.ts';

/** Blocks by the name of their mark, `<!-- faults -->` to `<!-- /faults -->`. */
export function blocks(): Readonly<Record<string, string>> {
  return { faults: faultTable(), excluded: excludedTable() };
}

/** @returns the page with its blocks as they must be @throws Error naming a mark that is missing */
export function filled(page: string): string {
  let text = page;
  for (const [name, block] of Object.entries(blocks())) {
    const marked = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
    if (!marked.test(text)) throw new Error(`docs/simulation.md has no mark ${name}`);
    text = text.replace(marked, (_all, before, after) => `${before}\n${block}\n\n${after}`);
  }
  return text;
}

function faultTable(): string {
  const rows = FAULT_NAMES.map((name) => {
    const { rate, most, text } = FAULTS[name];
    return `| \`${name}\` | ${text} | ${rate} | ${most} |`;
  });
  return ['| fault | what happens | usual chance | most |', '|---|---|---|---|', ...rows].join('\n');
}

function excludedTable(): string {
  const rows = Object.entries(EXCLUDED).map(([key, why]) => `| ${key} | ${why} |`);
  return ['| never reached | why |', '|---|---|', ...rows].join('\n');
}
