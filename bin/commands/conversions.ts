/** `spillway conversions list|show|cancel|hold|release|retry`. */
import type { Command } from 'commander';
import { registerOwners } from '../owners.ts';

export function register(program: Command): void {
  const conversions = program.command('conversions').description('treasury swaps of ETH to USDT');
  registerOwners(conversions, 'conversion', ['cancel', 'hold', 'release', 'retry']);
}
