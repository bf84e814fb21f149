/**
 * Calls for which NOWPayments wants a login beside the API key: a token from `POST /v1/auth`, valid for five minutes, is
 * fetched when it is needed and once more when it is refused.
 */
import { ProviderError } from '../error.ts';
import { type Http, json, type Query } from '../http.ts';

export interface Session {
  /** As Http.get, with the token. Without a login the key goes alone. @throws ProviderError */
  get(path: string, query: Query): Promise<json.Json>;
}

/** Somewhat less than the five minutes of the documentation. */
const TOKEN_MS = 4 * 60_000;

export function createSession(
  http: Http,
  login: { readonly email: string; readonly password: string } | undefined,
): Session {
  if (login === undefined) return { get: (path, query) => http.get(path, query) };
  let token: { readonly text: Promise<string>; readonly at: number } | undefined;

  const fetchToken = async (): Promise<string> => {
    const { email, password } = login;
    const reply = await http.post('/v1/auth', { email, password }, { effect: false });
    return json.text(json.object(reply, 'nowpayments.auth').token, 'nowpayments.auth.token');
  };
  const current = (): Promise<string> => {
    if (token === undefined || performance.now() - token.at > TOKEN_MS)
      token = { text: fetchToken(), at: performance.now() };
    return token.text;
  };
  const getWithToken = async (path: string, query: Query): Promise<json.Json> => {
    try {
      return await http.get(path, query, { authorization: `Bearer ${await current()}` });
    } catch (error) {
      // Whatever was wrong with it, the next call begins with a new one.
      token = undefined;
      throw error;
    }
  };
  return {
    async get(path, query) {
      const isFresh = token === undefined;
      try {
        return await getWithToken(path, query);
      } catch (error) {
        const isRefused = error instanceof ProviderError && (error.status === 401 || error.status === 403);
        if (!isRefused || isFresh) throw error;
        return getWithToken(path, query);
      }
    },
  };
}
