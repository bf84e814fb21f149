/** Compiles usdt.sol into usdt.generated.json, which is checked in; run as a script it writes the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** By contract name. */
export type Artefact = Readonly<
  Record<string, { readonly abi: readonly unknown[]; readonly bytecode: string }>
>;

interface SolcOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts?: Readonly<
    Record<string, Record<string, { abi: unknown[]; evm: { bytecode: { object: string } } }>>
  >;
}

const SOURCE = new URL('usdt.sol', import.meta.url);
const ARTEFACT = new URL('usdt.generated.json', import.meta.url);

/** @throws Error with the compiler's own words */
export function compile(): Artefact {
  // The package is CommonJS, has no types and takes a second to load: only the script and one test need it.
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const input = {
    language: 'Solidity',
    sources: { 'usdt.sol': { content: readFileSync(SOURCE, 'utf8') } },
    settings: {
      // No metadata hash: the bytecode, and with it the address, must not depend on comments or paths.
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      optimizer: { enabled: true, runs: 200 },
      evmVersion: 'cancun',
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as SolcOutput;
  const failed = output.errors?.filter((error) => error.severity === 'error') ?? [];
  if (failed.length > 0) throw new Error(failed.map((error) => error.formattedMessage).join('\n'));
  const contracts = Object.entries(output.contracts?.['usdt.sol'] ?? {});
  return Object.fromEntries(
    contracts.map(([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` }]),
  );
}

export function readArtefact(): Artefact {
  return JSON.parse(readFileSync(ARTEFACT, 'utf8')) as Artefact;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(ARTEFACT, `${JSON.stringify(compile(), null, 2)}\n`);
}
