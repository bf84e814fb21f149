/**
 * Kills one role again and again: each start is armed with the fail point that was hit least, so that the next death
 * is at a named line. What the process wrote before it died is the proof of where it was.
 */
import { readFileSync, statSync } from 'node:fs';
import { type ArmedFailPoint, type FailPoint, markOf } from '../../processors/runtime/fail-point.ts';
import type { ServiceState } from '../../sandbox/state.ts';
import type { RoleName } from '../../schemas/topology.ts';
import type { Random } from '../sim/random.ts';
import { PAIRS, type Tally } from './tally.ts';

/** Points that a process passes once, or seldom: the first pass is the one that is reached. */
const FIRST_PASS_ONLY =
  /^(takeover\.|drain\.|gateway\.drained|batch\.before_kafka_commit|order\.|quarantine\.)/;
const DRAIN = /^(drain\.|gateway\.drained)/;
const PASSES = 3;
/** What it works on is rare: it dies at the first chance. */
const SELDOM_BUSY: readonly RoleName[] = ['reconcile'];
/** A role that is this many kills per point ahead of the slowest waits for it, so that the machine works for that one. */
const AHEAD_MAX = 4;
const LOOK_MS = 2_000;
/** Without its point reached for this long a process has failed the run. */
const LIFE_MS = 300_000;

export interface KillerDeps {
  readonly role: RoleName;
  readonly random: Random;
  readonly tally: Tally;
  readonly log: string;
  /** Sends a signal to the running process of the role. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Told of every death, for the leases that the dead held. */
  readonly onDeath: (role: RoleName, at: Date) => void;
  readonly fail: (what: string) => void;
}

type Mode = 'off' | 'kill';

export class Killer {
  readonly role: RoleName;
  readonly #deps: KillerDeps;
  #mode: Mode = 'off';
  #target = Number.POSITIVE_INFINITY;
  /** Taken by the next start, before any other. */
  #forced: ArmedFailPoint | null = null;
  #armed: ArmedFailPoint | null = null;
  #logFrom = 0;
  #askedFor = false;
  #diedAt: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #isAhead = false;
  #ready = false;
  #hadSigterm = false;

  constructor(deps: KillerDeps) {
    this.role = deps.role;
    this.#deps = deps;
  }

  get ready(): boolean {
    return this.#ready;
  }

  get isKilling(): boolean {
    return this.#mode === 'kill';
  }

  /** From now on every start is armed, until every point of this role was hit `target` times. */
  begin(target = Number.POSITIVE_INFINITY): void {
    this.#mode = 'kill';
    this.#target = target;
    this.#strikeIfWanted();
    this.#lookTimer = setInterval(() => {
      if (this.#ready && this.#armed === null && this.#forced === null) this.#strikeIfWanted();
    }, LOOK_MS);
  }

  #strikeIfWanted(): void {
    if (this.#wanted() !== null) this.strike();
  }

  /** Has every point of this role been hit as often as `begin` was told? */
  get done(): boolean {
    return !this.#deps.tally.below(this.#target).some(({ role }) => role === this.role);
  }

  /** Starts are unarmed from now on; an armed process is killed where it is. */
  pause(): void {
    this.#mode = 'off';
    clearInterval(this.#lookTimer);
    if (this.#armed !== null) this.strike();
  }

  /** SIGKILL at no named line. */
  strike(): void {
    try {
      this.#deps.signal('SIGKILL');
      this.#askedFor = true;
      this.#deps.tally.fault('SIGKILL at no named line');
    } catch {
      // It is down already and will start as it is wanted now.
    }
  }

  /** The next process freezes at this point. */
  freezeAt(point: FailPoint): void {
    this.#forced = { point, pass: 1, action: 'stop' };
    this.strike();
  }

  /** Whether the process of now has frozen where it was told to. */
  get isFrozen(): boolean {
    const { action } = this.#armed ?? {};
    return action === 'stop' && this.saysNow(markOf(this.#armed!));
  }

  /** A frozen process was woken and refused: where kills go on, it is the next. */
  thawed(): void {
    clearTimeout(this.#timer);
    this.#armed = null;
    this.#strikeIfWanted();
  }

  /** For messages: the role, what it has still to be killed at, and the end of its log. */
  get plight(): string {
    const left = this.#deps.tally.below(this.#target).filter(({ role }) => role === this.role);
    const armed = this.#armed === null ? 'not armed' : `armed with ${this.#armed.point}`;
    const points = left.map(({ point }) => point).join(', ');
    return `${this.role} (${armed}) was never killed at ${points}; its log ends: ${this.lastWords}`;
  }

  /** Whether the process of now has written this. */
  saysNow(text: string): boolean {
    return this.#output().includes(text);
  }

  /** Settings of the next start. */
  envOfStart(): Record<string, string> {
    this.#logFrom = sizeOf(this.#deps.log);
    this.#ready = false;
    this.#hadSigterm = false;
    clearTimeout(this.#timer);
    this.#armed = this.#forced ?? this.#next();
    this.#forced = null;
    if (this.#armed === null) return {};
    const { point, pass, action } = this.#armed;
    this.#timer = setTimeout(() => this.#late(), LIFE_MS);
    return { FAIL_POINT: action === 'stop' ? `${point}:${pass}:stop` : `${point}:${pass}` };
  }

  /** Told of each change of the service's state. */
  changed(state: ServiceState): void {
    if (state.status === 'ready' && !this.#ready) this.#becameReady();
    if (state.status === 'restarting' && state.process === null) this.#ended(state.lastExit ?? '');
  }

  stop(): void {
    this.#mode = 'off';
    clearTimeout(this.#timer);
    clearTimeout(this.#drainTimer);
    clearInterval(this.#lookTimer);
  }

  #becameReady(): void {
    this.#ready = true;
    if (this.#diedAt !== null) {
      this.#deps.tally.recovered(`kill of ${this.role}`, performance.now() - this.#diedAt);
      this.#diedAt = null;
    }
    const isDrain = this.#armed !== null && DRAIN.test(this.#armed.point);
    if (!isDrain) return;
    // Some moment of its work; the drain then begins in the middle of it.
    this.#drainTimer = setTimeout(() => this.#terminate(), this.#deps.random.int(100, 1_500));
  }

  #terminate(): void {
    if (this.#armed === null || !this.#ready) return;
    try {
      this.#deps.signal('SIGTERM');
      this.#hadSigterm = true;
    } catch {
      // Dead already: its end was or will be told.
    }
  }

  #ended(how: string): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#drainTimer);
    const { role, tally, onDeath } = this.#deps;
    onDeath(role, new Date());
    this.#diedAt ??= performance.now();
    const armed = this.#armed;
    this.#armed = null;
    this.#ready = false;
    const asked = this.#askedFor;
    this.#askedFor = false;
    if (armed?.action === 'kill' && how === 'signal SIGKILL' && this.saysNow(markOf(armed))) {
      tally.killed({ role, point: armed.point });
      return;
    }
    if (asked) return;
    const drained = this.#hadSigterm ? ' after SIGTERM' : '';
    tally.exits.push(`${role}${drained}: ${how}: ${this.lastWords}`);
  }

  #next(): ArmedFailPoint | null {
    const point = this.#wanted();
    if (point === null) return null;
    const first = FIRST_PASS_ONLY.test(point) || SELDOM_BUSY.includes(this.role);
    const pass = first ? 1 : this.#deps.random.int(1, PASSES);
    return { point, pass, action: 'kill' };
  }

  /** One of the points hit least; null when none is wanted. */
  #wanted(): FailPoint | null {
    if (this.#mode === 'off') return null;
    const { tally, random } = this.#deps;
    const mine = PAIRS.filter((pair) => pair.role === this.role);
    const least = Math.min(...mine.map((pair) => tally.killsOf(pair)));
    if (least >= this.#target) return null;
    this.#isAhead = least > tally.least + (this.#isAhead ? 0 : AHEAD_MAX);
    if (this.#isAhead) return null;
    return random.pick(mine.filter((pair) => tally.killsOf(pair) === least)).point;
  }

  #late(): void {
    const { point, pass } = this.#armed!;
    this.#deps.fail(
      `${this.role} did not get to ${point} (pass ${pass}) within ${LIFE_MS / 1_000} s; its log ends: ${this.lastWords}`,
    );
  }

  #output(): string {
    const bytes = readFileSync(this.#deps.log);
    // The file was moved aside when it got too large: then all of it is new.
    return bytes.subarray(this.#logFrom > bytes.length ? 0 : this.#logFrom).toString('utf8');
  }

  get lastWords(): string {
    const lines = this.#output().trim().split('\n');
    return lines.slice(-3).join(' | ').slice(-900);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
