/**
 * How long to wait before a server that died is started again: longer each time, and no more where it dies too often.
 *
 * Does *not* keep time, nor start anything.
 */

/** Milliseconds. */
const WAITS = [200, 1_000, 4_000, 15_000];
const WITHIN = 180_000;

export class Deaths {
  private times: number[] = [];

  /** Notes a death at `now`, milliseconds; how long to wait, or undefined: it died too often. */
  next(now: number): number | undefined {
    this.times = this.times.filter((time) => now - time < WITHIN);
    const wait = WAITS[this.times.length];
    this.times.push(now);
    return wait;
  }

  forget(): void {
    this.times = [];
  }
}
