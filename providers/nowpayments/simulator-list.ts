/** The documented list of payments in the simulator, and the login that it wants beside the key. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ApiOptions, failure, keyCheck, paymentAnswer } from './simulator-api.ts';
import { lookalike, type Payment } from './simulator-book.ts';

export interface ListOptions extends ApiOptions {
  /** Null: the list wants the key alone. */
  readonly login: { readonly email: string; readonly password: string } | null;
}

const LIMIT_DEFAULT = 10;
const LIMIT_MAX = 500;

export function registerList(app: FastifyInstance, options: ListOptions): void {
  const { book, login } = options;
  const tokens = new Set<string>();

  app.post('/v1/auth', async (request, reply) => {
    const { email, password } = (request.body ?? {}) as Record<string, unknown>;
    if (login === null || email !== login.email || password !== login.password)
      return failure(reply, 403, 'ACCESS_DENIED', 'Wrong email or password');
    const token = lookalike(`token ${tokens.size}`, 40);
    tokens.add(token);
    return { token };
  });

  app.get('/v1/payment/', { preHandler: keyCheck(options.apiKey) }, async (request, reply) => {
    const token = request.headers.authorization?.replace(/^Bearer /, '');
    if (login !== null && (token === undefined || !tokens.has(token)))
      return failure(
        reply,
        401,
        'AUTH_REQUIRED',
        'Authorization header is empty (Bearer JWTtoken is required)',
      );
    const asked = readQuery(request);
    if (typeof asked === 'string') return failure(reply, 400, 'INVALID_REQUEST_PARAMS', asked);
    const found = [...book.payments.values()]
      .filter((payment) => isWanted(payment, asked))
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : 0) * asked.sign);
    const { limit, page } = asked;
    return {
      data: found.slice(page * limit, (page + 1) * limit).map(paymentAnswer),
      limit,
      page,
      pagesCount: Math.ceil(found.length / limit),
      total: found.length,
    };
  });

  // All tokens are out of date from now on.
  app.post('/_control/logout', async () => {
    tokens.clear();
    return { ok: true };
  });
}

interface ListQuery {
  readonly limit: number;
  readonly page: number;
  readonly sign: 1 | -1;
  readonly from: string | null;
  readonly to: string | null;
  readonly invoiceId: string | null;
}

/** @returns what the provider would say is wrong with the request, as text */
function readQuery(request: FastifyRequest): ListQuery | string {
  const query = request.query as Record<string, string | undefined>;
  const limit = Number(query.limit ?? LIMIT_DEFAULT);
  const page = Number(query.page ?? 0);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) return 'limit must be from 1 to 500';
  if (!Number.isInteger(page) || page < 0) return 'page must be 0 or more';
  if (query.sortBy !== undefined && query.sortBy !== 'created_at') return 'the simulator sorts by created_at';
  for (const name of ['dateFrom', 'dateTo']) {
    const text = query[name];
    if (text !== undefined && Number.isNaN(Date.parse(text))) return `${name} must be a valid date`;
  }
  const instant = (text: string | undefined): string | null =>
    text === undefined ? null : new Date(text).toISOString();
  return {
    limit,
    page,
    sign: query.orderBy === 'desc' ? -1 : 1,
    from: instant(query.dateFrom),
    to: instant(query.dateTo),
    invoiceId: query.invoiceId ?? null,
  };
}

function isWanted(payment: Payment, { from, to, invoiceId }: ListQuery): boolean {
  return (
    (from === null || payment.createdAt >= from) &&
    (to === null || payment.createdAt <= to) &&
    (invoiceId === null || payment.invoiceId === invoiceId)
  );
}
