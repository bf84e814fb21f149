/**
 * Loads the whole product anew with a fault planted: every module of the checkout under its own query, so that one
 * process can look for many faults over one warm database, and none sees another's.
 */
import { type LoadFnOutput, type LoadHookContext, registerHooks } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { simulate } from '../run.ts';
import { applyEdits, CHECKOUT, type Plant } from './plant.ts';
import { PLANTS } from './plants.ts';

const ROOT = `${pathToFileURL(CHECKOUT)}/`;
const QUERY = '?plant=';

/** The simulation of a product that has this bug. @throws Error when no plant has that name, or it does not load */
export async function simulatePlanted(name: string): Promise<typeof simulate> {
  const module = (await import(`${ROOT}test/sim/run.ts${QUERY}${encodeURIComponent(name)}`)) as {
    readonly simulate: typeof simulate;
  };
  return module.simulate;
}

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const query = context.parentURL?.split(QUERY)[1];
    const isOurs = resolved.url.startsWith(ROOT) && !resolved.url.includes('/node_modules/');
    return query !== undefined && isOurs ? { ...resolved, url: `${resolved.url}${QUERY}${query}` } : resolved;
  },
  load(url, context, next) {
    const [plain = url, query] = url.split(QUERY);
    if (query === undefined) return next(url, context);
    return withEdits(plantOf(query), plain, context, next);
  },
});

function plantOf(query: string): Plant {
  const name = decodeURIComponent(query);
  const plant = PLANTS.find((one) => one.name === name);
  if (!plant) throw new Error(`no planted fault is called ${JSON.stringify(name)}`);
  return plant;
}

function withEdits(
  plant: Plant,
  url: string,
  context: LoadHookContext,
  next: (url: string, context: LoadHookContext) => LoadFnOutput,
): LoadFnOutput {
  const loaded = next(url, context);
  const file = relative(CHECKOUT, fileURLToPath(url));
  if (!plant.edits.some((edit) => edit.file === file)) return loaded;
  return { ...loaded, source: applyEdits(plant, file, String(loaded.source)) };
}
