/**
 * The ways between processes and what they use. Each can be cut for a while, so that either the question or only the
 * answer is lost; in the quiet phase all are whole.
 */
import { ProviderError } from '../../providers/error.ts';
import type { Faults } from './faults.ts';

export const SERVICES = ['database', 'log', 'evm', 'changenow', 'nowpayments', 'prices'] as const;
export type Service = (typeof SERVICES)[number];

/** question: nothing arrives there. answer: it arrives and has its effect, and nobody hears of it. */
export type Cut = 'question' | 'answer';

/** Which kinds of processes use what; a kind is a role's name up to its first dash. */
export const USES: Readonly<Record<string, readonly Service[]>> = {
  gateway: ['log'],
  convert: ['database', 'log'],
  accumulate: ['database', 'log'],
  relay: ['database', 'log'],
  sweep: ['database'],
  settle: ['database', 'evm', 'changenow', 'nowpayments', 'prices'],
  payout: ['database', 'evm', 'changenow'],
  reconcile: ['database', 'log', 'nowpayments'],
  operator: ['database'],
  owners: ['database'],
};

export interface Link {
  readonly kind: string;
  readonly service: Service;
}

export class Links {
  readonly #faults: Faults;
  readonly #cuts = new Map<string, Cut>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  static all(): Link[] {
    return Object.entries(USES).flatMap(([kind, services]) => services.map((service) => ({ kind, service })));
  }

  cut({ kind, service }: Link, how: Cut): void {
    this.#cuts.set(`${kind} ${service}`, how);
  }

  restore({ kind, service }: Link): void {
    this.#cuts.delete(`${kind} ${service}`);
  }

  /** @param process name of a role, such as `payout-a` @returns undefined: the way is open */
  of(process: string, service: Service): Cut | undefined {
    if (this.#cuts.size === 0 || this.#faults.quiet) return undefined;
    return this.#cuts.get(`${process.split('-', 1)[0]} ${service}`);
  }
}

/** A provider as a process reaches it. @param way how, at the moment of a call; told what is called */
export function linked<T extends object>(
  target: T,
  service: Service,
  way: (what: string, given: readonly unknown[]) => Cut | undefined,
): T {
  const failed = (kind: ProviderError['kind'], what: string) =>
    new ProviderError(what, { provider: service, kind, code: 'unreachable' });
  return new Proxy(target, {
    get(from, name) {
      const member: unknown = Reflect.get(from, name, from);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]) => {
        const cut = way(String(name), given);
        if (cut === 'question') throw failed('transient', String(name));
        const answer: unknown = await member.apply(from, given);
        if (cut === 'answer') throw failed('unknown_outcome', String(name));
        return answer;
      };
    },
  });
}
