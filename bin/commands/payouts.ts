/** `spillway payouts list|show|reject|cancel|hold|release|retry`. */
import type { Command } from 'commander';
import { registerOwners } from '../owners.ts';

export function register(program: Command): void {
  const payouts = program.command('payouts').description('payouts to clients, and decisions about them');
  registerOwners(payouts, 'payout', ['reject', 'cancel', 'hold', 'release', 'retry']);
}
