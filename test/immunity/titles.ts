/** Which failures the titles of tests name, read with TypeScript's own parser. */
import ts from 'typescript';

export interface Proof {
  /** Path in the checkout. */
  readonly path: string;
  /** The titles around it and its own, without the tag. */
  readonly title: string;
  /** Numbers of failures, `43` or `H6`. */
  readonly failures: readonly string[];
  /** Skipped, planned, or expected to fail: proves nothing. */
  readonly isIdle: boolean;
}

const TAG = / ?\[failures? ([^\]]*)\]/;
const TESTS = new Set(['describe', 'it', 'test', 'suite']);

/** Every tagged test, or group of tests, of one file. */
export function proofsIn(path: string, text: string): Proof[] {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: Proof[] = [];
  const visit = (node: ts.Node, around: readonly string[], idle: boolean): void => {
    let [titles, isIdle] = [around, idle];
    const call = testCall(node, tree);
    if (call) {
      titles = [...around, call.title.replace(TAG, '')];
      isIdle ||= call.isIdle;
      const failures = TAG.exec(call.title)?.[1];
      if (failures !== undefined)
        found.push({ path, title: titles.join(': '), failures: failures.split(/,\s*/), isIdle });
    }
    ts.forEachChild(node, (child) => visit(child, titles, isIdle));
  };
  visit(tree, [], false);
  return found;
}

/** `it('title')`, `test.each([...])('title')`, `describe.each(rows)('title')` and their like. */
function testCall(node: ts.Node, tree: ts.SourceFile): { title: string; isIdle: boolean } | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  const title = node.arguments[0];
  if (!title || !(ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) return undefined;
  const words = wordsOf(node.expression, tree);
  if (!TESTS.has(words[0] ?? '')) return undefined;
  const isIdle = words.some((word) => /^(skip|skipIf|runIf|todo|fails)$/.test(word));
  return { title: ts.isStringLiteralLike(title) ? title.text : title.getText(tree).slice(1, -1), isIdle };
}

/** `test`, `each` of `test.each<T>([...])`. */
function wordsOf(callee: ts.Expression, tree: ts.SourceFile): string[] {
  if (ts.isCallExpression(callee)) return wordsOf(callee.expression, tree);
  if (ts.isPropertyAccessExpression(callee)) return [...wordsOf(callee.expression, tree), callee.name.text];
  return [callee.getText(tree)];
}
