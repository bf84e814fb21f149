/**
 * Reads the part of YAML that our compose file keeps to: two-space maps, and values that are JSON (strings in double
 * quotes, numbers, lists and maps in one line). Whatever else stands there is an error, so nothing is misread.
 */

export type YamlMap = { [key: string]: YamlValue };
export type YamlValue = string | number | boolean | null | YamlValue[] | YamlMap;

/** @throws Error naming the line that is outside of the subset */
export function parseYamlSubset(text: string): YamlMap {
  const root: YamlMap = {};
  const open: { indent: number; map: YamlMap }[] = [{ indent: -2, map: root }];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const match = /^( *)([A-Za-z0-9_-]+):(?: (.+))?$/.exec(line);
    if (match === null) throw new Error(`line ${index + 1} is not "key: value": ${line}`);
    const [, spaces, key, value] = match;
    const indent = spaces!.length;
    while (open.at(-1)!.indent >= indent) open.pop();
    const parent = open.at(-1)!;
    if (indent !== parent.indent + 2) throw new Error(`line ${index + 1} has an odd indent`);
    if (key! in parent.map) throw new Error(`line ${index + 1} repeats the key ${key}`);
    if (value === undefined) {
      const map: YamlMap = {};
      parent.map[key!] = map;
      open.push({ indent, map });
    } else parent.map[key!] = parseValue(value, index + 1);
  }
  return root;
}

function parseValue(text: string, line: number): YamlValue {
  try {
    return JSON.parse(text) as YamlValue;
  } catch (error) {
    throw new Error(`line ${line}: a value must be JSON (${(error as Error).message}): ${text}`);
  }
}
