/** What a file of sandbox/bench/ named after its benchmark exports as `benchmark`. */
export interface Benchmark<Result = unknown> {
  /** @param note told what is going on, for people who wait */
  run(note: (text: string) => void): Promise<Result>;
  /** The result as people read it; with --json it is printed as it is. */
  show(result: Result): string;
}
