/** Remembers the ports of an instance, so that addresses stay the same from one `up` to the next while they are free. */
import { readIfThere, writeWhole } from './files.ts';
import { createPortChooser, DEFAULT_PORTS } from './ports.ts';

/**
 * @param path ports.json of the instance
 * @param ephemeral true: neither remembered nor default ports, so that many instances live side by side
 */
export function openPortBook(path: string, ephemeral: boolean): (name: string) => Promise<number> {
  const chooser = createPortChooser();
  const known: Record<string, number> = ephemeral ? {} : JSON.parse(readIfThere(path) ?? '{}');
  const defaults: Readonly<Record<string, number>> = ephemeral ? {} : DEFAULT_PORTS;
  return async (name) => {
    const port = await chooser.choose([known[name], defaults[name]]);
    known[name] = port;
    if (!ephemeral) writeWhole(path, `${JSON.stringify(known, null, 2)}\n`);
    return port;
  };
}
