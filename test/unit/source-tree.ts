/** The checkout as the tidy tests see it: files, their imports, functions, calls and texts, read with TypeScript's own parser. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const IGNORED = new Set(['node_modules', '.git', '.spillway', 'dist', 'coverage']);

export interface Import {
  /** Path in the checkout, or the name of a package; `node:` in front of Node's own. */
  readonly target: string;
  readonly isOwn: boolean;
  /** Erased before the program runs. */
  readonly typeOnly: boolean;
}

export interface Found {
  readonly line: number;
  readonly text: string;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
  /** Functions with their length in lines. */
  readonly functions: readonly (Found & { readonly length: number })[];
  /** What is called or constructed, as written: `Number`, `Date.now`, `x.toNumber`, `new Date`. */
  readonly calls: readonly (Found & { readonly argumentCount: number })[];
  /**
   * Literal texts and the fixed parts of templates, without import paths; `holder` is the property or call they are in.
   * A part of a template has the expressions of the whole of it; a text by itself has none.
   */
  readonly texts: readonly (Found & { readonly holder: string; readonly expressions: readonly string[] })[];
}

/** Paths of all files of the checkout that are ours. */
export function allFiles(): string[] {
  return readdirSync(ROOT, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !path.split('/').some((part) => IGNORED.has(part)))
    .sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function parseSource(path: string): SourceFile {
  const text = readText(path);
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const file = {
    path,
    text,
    lines: text.split('\n'),
    imports: [] as Import[],
    functions: [] as SourceFile['functions'][number][],
    calls: [] as SourceFile['calls'][number][],
    texts: [] as SourceFile['texts'][number][],
  };
  const visit = (node: ts.Node): void => {
    readNode(node, tree, file);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return file;
}

type Building = {
  -readonly [K in keyof SourceFile]: SourceFile[K] extends readonly (infer E)[] ? E[] : SourceFile[K];
};

function readNode(node: ts.Node, tree: ts.SourceFile, file: Building): void {
  const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const from = node.moduleSpecifier;
    if (from && ts.isStringLiteral(from)) file.imports.push(importOf(file.path, from.text, isTypeOnly(node)));
  } else if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    const first = node.arguments?.[0];
    // Loaded only when the code runs there: no cycle at start, but a dependency all the same.
    if (node.expression.kind === ts.SyntaxKind.ImportKeyword && first && ts.isStringLiteral(first)) {
      file.imports.push(importOf(file.path, first.text, false));
    }
    const name = node.expression.getText(tree);
    const text = ts.isNewExpression(node) ? `new ${name}` : name;
    file.calls.push({ line, text, argumentCount: node.arguments?.length ?? 0 });
  } else if (ts.isFunctionLike(node) && 'body' in node && node.body) {
    const end = tree.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
    file.functions.push({ line, text: node.name?.getText(tree) ?? '(anonymous)', length: end - line + 1 });
  } else if (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddleOrTemplateTail(node)
  ) {
    if (ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent)) return;
    file.texts.push({
      line,
      text: node.text,
      holder: holderOf(node, tree),
      expressions: expressionsIn(node, tree),
    });
  }
}

function expressionsIn(part: ts.Node, tree: ts.SourceFile): string[] {
  const template = ts.isTemplateSpan(part.parent) ? part.parent.parent : part.parent;
  if (!ts.isTemplateExpression(template)) return [];
  return template.templateSpans.map(({ expression }) => expression.getText(tree));
}

function holderOf(node: ts.Node, tree: ts.SourceFile): string {
  const parent = node.parent;
  if (ts.isPropertyAssignment(parent)) return parent.name.getText(tree);
  if (ts.isCallExpression(parent)) return parent.expression.getText(tree);
  if (ts.isBinaryExpression(parent)) return parent.left.getText(tree);
  return '';
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  if (clause.name || !named || !ts.isNamedImports(named) || named.elements.length === 0) return false;
  return named.elements.every((element) => element.isTypeOnly);
}

function importOf(path: string, specifier: string, typeOnly: boolean): Import {
  if (specifier.startsWith('.')) {
    return { target: posix.join(dirname(path), specifier), isOwn: true, typeOnly };
  }
  if (specifier.startsWith('node:')) return { target: specifier, isOwn: false, typeOnly };
  if (builtinModules.includes(specifier)) return { target: `node:${specifier}`, isOwn: false, typeOnly };
  const parts = specifier.split('/');
  const target = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
  return { target, isOwn: false, typeOnly };
}

/** A cycle of imports as a list of paths, or undefined. Erased imports count too: they confuse readers as much. */
export function findCycle(files: ReadonlyMap<string, SourceFile>): string[] | undefined {
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const { target, isOwn } of files.get(path)?.imports ?? []) {
      const cycle = isOwn ? walk(target, [...trail, path]) : undefined;
      if (cycle) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of files.keys()) {
    const cycle = walk(path, []);
    if (cycle) return cycle;
  }
  return undefined;
}

/** Everything that a file loads when it runs: own files and packages, with the chain that leads there. */
export function reachOf(
  files: ReadonlyMap<string, SourceFile>,
  start: string,
): Map<string, readonly string[]> {
  const reached = new Map<string, readonly string[]>([[start, [start]]]);
  const queue = [start];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const { target, isOwn, typeOnly } of files.get(path)?.imports ?? []) {
      if (typeOnly || reached.has(target)) continue;
      reached.set(target, [...(reached.get(path) ?? []), target]);
      if (isOwn) queue.push(target);
    }
  }
  return reached;
}
