/** Health checks over the network, each with its own short limit. */
const LIMIT_MS = 2_000;

/** True when the URL answers 2xx. */
export async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) });
  await response.arrayBuffer();
  return response.ok;
}

/** True when an HTTP server answers at all, with whatever status. */
export async function answersHttp(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) });
  await response.arrayBuffer();
  return true;
}

/** Calls a JSON-RPC method; resolves to its result, rejects on an error answer. */
export async function jsonRpc(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
