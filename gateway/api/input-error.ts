/** Input of a person or a program that cannot be accepted: which field, which value, what to do. */
export class InputError extends Error {
  override name = 'InputError';
  readonly field: string;

  constructor(field: string, value: string, advice: string) {
    super(`${field} ${JSON.stringify(value.slice(0, 120))}: ${advice}`);
    this.field = field;
  }
}
