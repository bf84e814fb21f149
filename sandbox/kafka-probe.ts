/**
 * Asks a broker, in four small messages of its own protocol, whether consumers can work: a fresh broker answers long
 * before its group coordinator is loaded, and a consumer that joins in between fails. (A client library would be a
 * second one beside that of the engine, with retries that hide what is asked here.)
 */
import { connect, type Socket } from 'node:net';

const LIMIT_MS = 2_000;
const FIND_COORDINATOR = 10;
const DESCRIBE_GROUPS = 15;
/** Enough names that every partition of the offsets topic has some. */
const PROBE_GROUPS = Array.from({ length: 32 }, (_, index) => `spillway-probe-${index}`);

/** True when every group coordinator of this single broker is loaded; creates the offsets topic on first use. */
export async function isBrokerReady(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    const found = await ask(socket, FIND_COORDINATOR, text(PROBE_GROUPS[0]!));
    if (found.readInt16BE(0) !== 0) return false;
    const described = await ask(
      socket,
      DESCRIBE_GROUPS,
      Buffer.concat([int32(PROBE_GROUPS.length), ...PROBE_GROUPS.map(text)]),
    );
    return groupErrors(described).every((code) => code === 0);
  } finally {
    socket.destroy();
  }
}

/** Error codes in the answer to DescribeGroups version 0, for groups without members. */
export function groupErrors(body: Buffer): number[] {
  const codes: number[] = [];
  let at = 4;
  for (let left = body.readInt32BE(0); left > 0; left--) {
    codes.push(body.readInt16BE(at));
    at += 2;
    // Group, state, protocol type, protocol: texts that are of no interest here.
    for (let field = 0; field < 4; field++) at += 2 + body.readInt16BE(at);
    if (body.readInt32BE(at) !== 0) throw new Error('a probe group has members');
    at += 4;
  }
  return codes;
}

/** Sends one request (version 0) and resolves to the body of its answer. */
function ask(socket: Socket, api: number, body: Buffer): Promise<Buffer> {
  const header = Buffer.alloc(8);
  header.writeInt16BE(api, 0);
  header.writeInt32BE(api, 4);
  const message = Buffer.concat([header, text('spillway-probe'), body]);
  socket.write(Buffer.concat([int32(message.length), message]));
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const fail = (error?: Error) => reject(error ?? new Error('the broker closed the connection'));
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return;
      socket.removeAllListeners();
      // The size, then the correlation id of the request.
      resolve(received.subarray(8));
    };
    socket.setTimeout(LIMIT_MS, () => fail(new Error('the broker did not answer')));
    socket
      .on('data', take)
      .once('error', fail)
      .once('close', () => fail());
  });
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
