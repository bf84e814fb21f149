/** Lets a loop sleep until somebody wakes it or a time has passed. A wake that comes while it works is not lost. */
export class Wake {
  #woken = false;
  #resume: (() => void) | null = null;

  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Returns at once when it was woken since the last wait. @param ms longest sleep */
  async wait(ms: number): Promise<void> {
    if (!this.#woken && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#resume = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#woken = false;
    this.#resume = null;
  }
}
