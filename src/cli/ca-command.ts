import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../base/clock.ts'
import {
  type AuthorityKeyType,
  authorityKeyTypes,
  type CreatedAuthority,
  createIssuing,
  createRoot,
  rotateIssuing,
} from '../x509/create-authority.ts'
import { type AuthorityFiles, describeFirstCa, describeNextCa } from './ca-steps.ts'
import { dryRunHint, usage } from './certificate-selection.ts'
import { CommandError } from './command-context.ts'
import { writeWhole } from './enroll-files.ts'
import type { CommandTools } from './run-command.ts'
import { SecretSource } from './secret-source.ts'
import { printable } from './text-table.ts'

type CommonOptions = {
  readonly out: string
  readonly organization: string
  readonly country: string
  readonly name: string
  readonly years: number
  readonly keyType: AuthorityKeyType
  readonly passphraseFile?: string
  readonly rootPassphraseFile?: string
  readonly apply?: boolean
}
type InitOptions = CommonOptions & { readonly rootName: string; readonly rootYears: number }
type RotateOptions = CommonOptions & { readonly current: string; readonly root: string; readonly rootKey: string }

const daysPerYear = 365
const fileNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

const details = `
Passphrases, at least 12 characters each: from a file, the terminal, or lines of standard input (the root's first). They encrypt the
keys (PKCS #8, AES-256). The root's key signs issuing CAs alone: keep it away from the gateways.

Examples:
  sekisho ca init --organization "Sample Bank" --name user-ca-2027 --out ca --apply
  sekisho ca rotate --organization "Sample Bank" --name user-ca-2029 --current ca/user-ca-2027.pem \\
      --root ca/root-ca.pem --root-key ca/root-ca.key --out ca --apply
`

/** `ca init|rotate`: CAs of one's own, as local files; nothing is sent anywhere. */
export function addCaCommands(program: Command, tools: CommandTools): void {
  const ca = program
    .command('ca')
    .description('make CAs of your own as local files: init a root and an issuing CA, rotate the issuing CA')
    .addHelpText('after', details)
  commonOptions(ca.command('init').description('a root CA and an issuing CA below it'))
    .option('--root-name <name>', 'common name of the root, and name of its files', readName, 'root-ca')
    .option('--root-years <count>', 'how long the root is valid', readYears, 20)
    .action((options: InitOptions) => initAuthorities(options, tools))
  commonOptions(
    ca.command('rotate').description('the next issuing CA below the same root, to be used beside the old one'),
  )
    .requiredOption('--current <file>', 'certificate of the issuing CA in use (PEM)')
    .requiredOption('--root <file>', 'certificate of the root (PEM)')
    .requiredOption('--root-key <file>', 'its private key')
    .action((options: RotateOptions) => rotateAuthority(options, tools))
}

function commonOptions(command: Command): Command {
  return command
    .requiredOption(
      '--name <name>',
      'common name of the issuing CA, as browsers show it, and name of its files',
      readName,
    )
    .requiredOption('--organization <text>', 'organisation in the names')
    .option('--country <code>', 'country in the names', 'JP')
    .option('--years <count>', 'how long the issuing CA is valid', readYears, 10)
    .addOption(new Option('--key-type <type>', 'of new keys').choices(authorityKeyTypes).default('P-256'))
    .option('--passphrase-file <file>', "file whose first line encrypts the issuing CA's key")
    .option('--root-passphrase-file <file>', "file whose first line encrypts, or opens, the root's key")
    .option('--out <folder>', 'where to write', '.')
    .option('--apply', 'do it; without this, only show what would be written')
}

function readName(text: string): string {
  if (fileNamePattern.test(text)) return text
  throw new InvalidArgumentError('It must have 1 to 63 letters, digits, dots, dashes or underscores.')
}

function readYears(text: string): number {
  const years = Number(text)
  if (Number.isInteger(years) && years >= 1 && years <= 40) return years
  throw new InvalidArgumentError('It must be a whole number from 1 to 40.')
}

async function initAuthorities(options: InitOptions, tools: CommandTools): Promise<void> {
  if (options.rootName === options.name) throw usage('--root-name and --name must differ.')
  const root = filesOf(options.rootName, options.out)
  const issuing = filesOf(options.name, options.out)
  refuseExisting([root, issuing])
  if (options.apply !== true) {
    foretell([root, issuing], tools)
    return
  }
  const secrets = new SecretSource(tools.context)
  const rootPassphrase = await readPassphrase(
    options.rootPassphraseFile,
    { of: options.rootName, isNew: true },
    secrets,
  )
  const passphrase = await readPassphrase(options.passphraseFile, { of: options.name, isNew: true }, secrets)
  const nowMs = systemClock.nowMs()
  const madeRoot = await createRoot(
    { ...settingsOf(options, options.rootName, options.rootYears), passphrase: rootPassphrase },
    nowMs,
  )
  const madeIssuing = await createIssuing(
    { ...settingsOf(options, options.name, options.years), passphrase },
    { root: { ...madeRoot, passphrase: rootPassphrase }, nowMs },
  )
  write(root, madeRoot, options.out)
  write(issuing, madeIssuing, options.out)
  const notAfter = endOf(madeIssuing)
  tools.print({ root, issuing, notAfter }, describeFirstCa({ root, issuing, notAfter }))
}

async function rotateAuthority(options: RotateOptions, tools: CommandTools): Promise<void> {
  const issuing = filesOf(options.name, options.out)
  refuseExisting([issuing])
  const currentPem = readText(options.current, '--current')
  const root = { certificatePem: readText(options.root, '--root'), keyPem: readText(options.rootKey, '--root-key') }
  if (options.apply !== true) {
    foretell([issuing], tools)
    return
  }
  const secrets = new SecretSource(tools.context)
  const isEncrypted = root.keyPem.includes('ENCRYPTED')
  const rootPassphrase = isEncrypted
    ? await readPassphrase(options.rootPassphraseFile, { of: 'the root', isNew: false }, secrets)
    : undefined
  const passphrase = await readPassphrase(options.passphraseFile, { of: options.name, isNew: true }, secrets)
  const made = await rotateIssuing(
    { ...settingsOf(options, options.name, options.years), passphrase },
    { root: { ...root, passphrase: rootPassphrase }, currentPem, nowMs: systemClock.nowMs() },
  )
  write(issuing, made, options.out)
  const notAfter = endOf(made)
  tools.print({ issuing, notAfter }, describeNextCa({ issuing, root: resolve(options.root), notAfter }))
}

function settingsOf({ country, organization, keyType }: CommonOptions, name: string, years: number) {
  return { subject: [`C=${country}`, `O=${organization}`, `CN=${name}`], keyType, validityDays: years * daysPerYear }
}

function filesOf(name: string, folder: string): AuthorityFiles {
  return { name, certificate: resolve(join(folder, `${name}.pem`)), key: resolve(join(folder, `${name}.key`)) }
}

/** A CA's key that was overwritten is lost for ever. */
function refuseExisting(authorities: readonly AuthorityFiles[]): void {
  const existing = authorities.flatMap(({ certificate, key }) => [certificate, key]).find((file) => existsSync(file))
  if (existing !== undefined) throw new CommandError(`Cannot write ${existing}: it is there already.`)
}

function foretell(authorities: readonly AuthorityFiles[], tools: CommandTools): void {
  const files = authorities.flatMap(({ certificate, key }) => [certificate, key])
  const lines = files.map((file) => `Would write ${printable(file)}\n`).join('')
  tools.print({ dryRun: true, files }, `${lines}${dryRunHint}`)
}

async function readPassphrase(
  file: string | undefined,
  { of, isNew }: { of: string; isNew: boolean },
  secrets: SecretSource,
): Promise<string> {
  if (file !== undefined) return secrets.fromFile(file, '--passphrase-file')
  const entered = await secrets.ask(`Passphrase of the key of ${printable(of)}: `)
  if (entered === undefined) throw usage(`A passphrase is needed for the key of ${of}: --passphrase-file.`)
  if (isNew && secrets.isTerminal && (await secrets.ask('The same once more: ')) !== entered) {
    throw new CommandError('The two passphrases are not the same: nothing was written.')
  }
  return entered
}

function write(files: AuthorityFiles, { certificatePem, keyPem }: CreatedAuthority, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeWhole(files.key, keyPem, 0o600)
  writeWhole(files.certificate, certificatePem)
}

function endOf({ certificate }: CreatedAuthority): string {
  return new Date(certificate.notAfterMs).toISOString()
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
    throw new CommandError(`Cannot read ${option} ${file}: ${why}`, { cause })
  }
}
