/** The gateway benchmark as a table for people. */
import Table from 'cli-table3';
import type { GatewayBenchResult, GatewayFigures } from './gateway-result.ts';

export function gatewayTable(result: GatewayBenchResult): string {
  const table = new Table({
    head: ['webhooks', 'req/s', 'p50 ms', 'p99 ms', 'CPU us/req', 'failed'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const { ratio } = result;
  table.push(row('durable (acks=all)', result.durable), row('verify only', result.verifyOnly), [
    'ratio',
    ratio.requestsPerSecond.toFixed(2),
    '',
    ratio.p99.toFixed(2),
    ratio.cpu.toFixed(2),
    '',
  ]);
  const { connections, rounds, seconds } = result;
  return `${table.toString()}\n${connections} connections; median of ${rounds} alternating rounds of ${seconds} s`;
}

function row(name: string, figures: GatewayFigures): string[] {
  const { requestsPerSecond, p50Ms, p99Ms, cpuMicros, failed } = figures;
  return [name, ...[requestsPerSecond, p50Ms, p99Ms, cpuMicros, failed].map(String)];
}
