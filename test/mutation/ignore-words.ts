/**
 * Words for people are not mutated: a text with a space between letters is a sentence in an error, a discrepancy or the
 * detail of a quarantined record. States, kinds, reasons, accounts and fields have no space, so they all are.
 */
interface Path {
  readonly node: { readonly type: string; readonly value?: unknown; readonly quasis?: readonly Quasi[] };
}
interface Quasi {
  readonly value: { readonly raw: string };
}

const WORDS = /\p{L}['’,:]? \p{L}/u;

export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'words',
    value: {
      shouldIgnore({ node }: Path): string | undefined {
        const text =
          node.type === 'StringLiteral'
            ? String(node.value)
            : node.type === 'TemplateLiteral'
              ? (node.quasis ?? []).map(({ value }) => value.raw).join('x')
              : '';
        return WORDS.test(text) ? 'words for people' : undefined;
      },
    },
  },
];
