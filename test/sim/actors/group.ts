/** A consumer group: which member reads which partition; a member notices a change only when it looks. */
import type { Random } from '../random.ts';

export class Group {
  readonly #random: Random;
  readonly #owner = new Map<number, string>();
  readonly #partitions: readonly number[];
  #members: string[] = [];

  constructor(random: Random, partitions: readonly number[]) {
    this.#random = random;
    this.#partitions = partitions;
  }

  join(member: string): void {
    if (this.has(member)) return;
    this.#members.push(member);
    for (const partition of this.#partitions) {
      if (!this.#owner.has(partition) || this.#random.chance(0.5)) this.#owner.set(partition, member);
    }
  }

  leave(member: string): void {
    this.#members = this.#members.filter((one) => one !== member);
    for (const partition of this.#partitions) {
      if (this.#owner.get(partition) !== member) continue;
      if (this.#members.length === 0) this.#owner.delete(partition);
      else this.#owner.set(partition, this.#random.pick(this.#members));
    }
  }

  has(member: string): boolean {
    return this.#members.includes(member);
  }

  /** Moves some partitions to any members, at once. */
  rebalance(count: number): void {
    if (this.#members.length === 0) return;
    for (let i = 0; i < count; i++)
      this.#owner.set(this.#random.pick(this.#partitions), this.#random.pick(this.#members));
  }

  of(member: string): number[] {
    return this.#partitions.filter((partition) => this.#owner.get(partition) === member);
  }
}
