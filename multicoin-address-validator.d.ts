/** The package ships no types; this is the part that is used. */
declare module 'multicoin-address-validator' {
  const validator: {
    validate(address: string, currency: string, options?: { networkType?: string }): boolean;
  };
  export default validator;
}
