/** How commands show a list of checks: one line each for people, one object for programs. */

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Prints the checks; sets exit code 1 when one is not ok. */
export function printChecks(checks: readonly Check[], asJson: boolean): void {
  const failed = checks.filter((check) => !check.ok).length;
  if (asJson) {
    console.log(JSON.stringify({ ok: failed === 0, checks }));
  } else {
    for (const check of checks) {
      const detail = check.detail === '' ? '' : `: ${check.detail}`;
      console.log(`${check.ok ? '✅' : '❌'} ${check.name}${detail}`);
    }
    console.log(`${checks.length - failed} of ${checks.length} checks ok`);
  }
  if (failed > 0) process.exitCode = 1;
}
