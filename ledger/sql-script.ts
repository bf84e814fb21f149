/** Splits a file of SQL into its statements, so that each can be run alone and a failing one can be named. */

export interface ScriptStatement {
  readonly text: string;
  /** Line of the file on which the statement starts, from 1. */
  readonly line: number;
}

/** What hides a semicolon: comments, 'text' (also E'text' with backslashes), "names", $tag$bodies$tag$. */
const HIDING =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]\w*)?\$|;/g;

/** @throws Error when a comment or a dollar-quoted body is not closed */
export function splitScript(script: string): ScriptStatement[] {
  const statements: ScriptStatement[] = [];
  let start = 0;
  HIDING.lastIndex = 0;
  for (let match = HIDING.exec(script); match; match = HIDING.exec(script)) {
    const token = match[0];
    if (token === ';') {
      push(statements, script, start, match.index);
      start = HIDING.lastIndex;
    } else if (token === '/*') {
      HIDING.lastIndex = afterComment(script, match.index);
    } else if (token.startsWith('$')) {
      HIDING.lastIndex = after(script, token, HIDING.lastIndex);
    }
  }
  push(statements, script, start, script.length);
  return statements;
}

function after(script: string, closing: string, from: number): number {
  const at = script.indexOf(closing, from);
  if (at < 0) throw new Error(`${closing} on line ${lineOf(script, from)} is not closed`);
  return at + closing.length;
}

/** Block comments of PostgreSQL nest. */
function afterComment(script: string, from: number): number {
  let depth = 0;
  for (let at = from; at < script.length; at += 1) {
    const pair = script.slice(at, at + 2);
    if (pair === '/*') depth += 1;
    else if (pair === '*/') depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  throw new Error(`/* on line ${lineOf(script, from)} is not closed`);
}

function push(statements: ScriptStatement[], script: string, start: number, end: number): void {
  const raw = script.slice(start, end);
  const text = raw.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '').trimEnd();
  if (text !== '') statements.push({ text, line: lineOf(script, start + raw.indexOf(text)) });
}

function lineOf(script: string, at: number): number {
  return script.slice(0, at).split('\n').length;
}
