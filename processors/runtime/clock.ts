/**
 * Where time and chance come from. Both are passed in everywhere, so that the simulation can replace them; rules of
 * money get them as data and never reach for them.
 */
import { randomBytes, randomUUID } from 'node:crypto';

export interface Clock {
  now(): Date;
}

export interface RandomSource {
  /** A fresh UUID: lease tokens, names of owners. Event ids are never random. */
  uuid(): string;
  bytes(count: number): Uint8Array;
}

export const systemClock: Clock = { now: () => new Date() };

export const systemRandom: RandomSource = {
  uuid: () => randomUUID(),
  bytes: (count) => randomBytes(count),
};
