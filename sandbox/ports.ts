/**
 * Chooses the ports of the embedded servers: the one of the last run, else the default, else a free one.
 * Free ones come from below the kernel's ephemeral range, so that no outgoing connection takes them meanwhile.
 */
import { createServer } from 'node:net';

/** Default ports; each is replaced by a free one when somebody else listens there. */
export const DEFAULT_PORTS = {
  kafka: 19092,
  'kafka-controller': 19093,
  registry: 19081,
  postgres: 15432,
  chain: 18545,
  nowpayments: 19181,
  changenow: 19182,
  prices: 19183,
  gateway: 18080,
} as const;

const FREE_RANGE = { first: 20_000, last: 29_999 } as const;

export interface PortChooser {
  /** A free port, not given out before by this chooser. `preferred` are tried first, in order. */
  choose(preferred: readonly (number | undefined)[]): Promise<number>;
}

/** Makes a chooser; `isFree` and `random` are replaced in tests. */
export function createPortChooser(
  isFree: (port: number) => Promise<boolean> = canListen,
  random: () => number = Math.random,
): PortChooser {
  const given = new Set<number>();
  const take = async (port: number): Promise<boolean> => {
    if (given.has(port)) return false;
    // Reserved before the look, so that two parallel calls never agree on one port.
    given.add(port);
    if (await isFree(port)) return true;
    given.delete(port);
    return false;
  };
  return {
    async choose(preferred) {
      for (const port of preferred) if (port !== undefined && (await take(port))) return port;
      const size = FREE_RANGE.last - FREE_RANGE.first + 1;
      for (let attempt = 0; attempt < 200; attempt++) {
        const port = FREE_RANGE.first + Math.floor(random() * size);
        if (await take(port)) return port;
      }
      throw new Error(`no free port found between ${FREE_RANGE.first} and ${FREE_RANGE.last}`);
    },
  };
}

/** True when this host lets us listen on the port on the loopback address and nobody listens on all addresses. */
export async function canListen(port: number): Promise<boolean> {
  // Both are tried: a server on 0.0.0.0 does not stop a listen on 127.0.0.1 on every system, and the other way round.
  return (await canListenOn(port, '127.0.0.1')) && (await canListenOn(port, '0.0.0.0'));
}

function canListenOn(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
