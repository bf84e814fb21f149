/**
 * What an error of the database means for the caller: mend the data, repeat, or wait for the infrastructure.
 * Works on SQLSTATE alone, so that it holds for PostgreSQL and PGlite alike.
 */

/**
 * data: the values are refused, repeating is useless. retry: repeat the transaction. infrastructure: connection, lock,
 * disk, timeout and everything unknown; never a reason to set a record aside.
 */
export type ErrorClass = 'data' | 'retry' | 'infrastructure';

/** The answer to COMMIT was lost: the transaction is either fully there or fully not. Ask the data, not this error. */
export class CommitUnknownError extends Error {
  override name = 'CommitUnknownError';

  constructor(cause: unknown) {
    super('the answer to COMMIT was lost: the transaction may or may not have been committed', { cause });
  }
}

/** No answer from the server: nothing is known of the statement beyond what its transaction's end says. */
export class ConnectionLostError extends Error {
  override name = 'ConnectionLostError';

  constructor(cause: unknown) {
    super(`no answer from the database: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** The five-character SQLSTATE, or null for errors that the server did not send. */
export function sqlState(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  const { code } = error;
  // Node's own codes are letters only (EPIPE, the one with five, would pass a looser test); SQLSTATEs have a digit.
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : null;
}

export function errorClass(error: unknown): ErrorClass {
  const state = sqlState(error);
  if (state === '40001' || state === '40P01') return 'retry';
  if (state?.startsWith('22') || state?.startsWith('23')) return 'data';
  return 'infrastructure';
}

/**
 * An error of COMMIT itself. Only classes in which the server has certainly decided against the transaction count as
 * rolled back; 40003 says by its name that it does not know, and a shutdown (57) may come after the commit record.
 */
export function commitOutcome(error: unknown): 'rolled back' | 'unknown' {
  const state = sqlState(error);
  if (state === null || state === '40003') return 'unknown';
  return ['22', '23', '25', '40', '42', 'P0'].includes(state.slice(0, 2)) ? 'rolled back' : 'unknown';
}

/** SQLSTATE classes of a server in trouble: connection, resources, locks, operator, system, lost transaction. */
const TROUBLE = ['08', '25', '53', '55', '57', '58', 'XX'];

/** Trouble of the database or the way to it, rather than of our own code or values: worth trying again as it is. */
export function isTrouble(error: unknown): boolean {
  if (error instanceof ConnectionLostError || error instanceof CommitUnknownError) return true;
  if (errorClass(error) === 'retry') return true;
  const state = sqlState(error);
  return state !== null && TROUBLE.includes(state.slice(0, 2));
}
