/** Every planted fault. Each must be found by the simulation; what one of them could hide would hide a real bug, too. */
import type { Plant } from './plant.ts';
import { CREDIT_PLANTS } from './plants-credit.ts';
import { ENGINE_PLANTS } from './plants-engine.ts';
import { OUT_PLANTS } from './plants-out.ts';

export const PLANTS: readonly Plant[] = [...CREDIT_PLANTS, ...OUT_PLANTS, ...ENGINE_PLANTS];
