/** Generated pages are what the declarations say; UPDATE_DOCS=1 writes them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { flowDiagram, reasonsPage, settingsPage, topicsPage } from '../../../schemas/docs.ts';

const fileOf = (path: string) => new URL(`../../../${path}`, import.meta.url);
const isUpdate = process.env.UPDATE_DOCS === '1';

describe('generated docs', () => {
  it.each([
    ['docs/settings.md', settingsPage],
    ['docs/reasons.md', reasonsPage],
    ['docs/topics.md', topicsPage],
  ])('%s', (path, page) => {
    if (isUpdate) writeFileSync(fileOf(path), page());
    expect(readFileSync(fileOf(path), 'utf8')).toBe(page());
  });

  it('the drawing in README.md', () => {
    const block = /(<!-- flow -->\n```mermaid\n)([\s\S]*?)(\n```)/;
    const readme = readFileSync(fileOf('README.md'), 'utf8');
    const updated = readme.replace(block, (_all, before, _old, after) => before + flowDiagram() + after);
    expect(readme).toMatch(block);
    if (isUpdate) writeFileSync(fileOf('README.md'), updated);
    else expect(readme).toBe(updated);
  });
});
