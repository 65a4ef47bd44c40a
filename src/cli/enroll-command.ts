import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { usage } from './certificate-selection.ts'
import { CommandError } from './command-context.ts'
import { findDemo } from './demo-place.ts'
import { EnrollFiles, type EnrollKeyType, enrollKeyTypes, fileNameOf, readKey, writeWhole } from './enroll-files.ts'
import { enrollSteps } from './enroll-steps.ts'
import { EstClient } from './est-client.ts'
import { obtainCertificate, packPkcs12 } from './obtain-certificate.ts'
import type { CommandTools } from './run-command.ts'
import { SecretSource } from './secret-source.ts'
import { printable } from './text-table.ts'

type EnrollOptions = {
  readonly loginId: string
  readonly server?: string
  readonly cacert?: string
  readonly passwordFile?: string
  readonly code?: string
  readonly keyType: EnrollKeyType
  readonly out?: string
  readonly renew?: boolean
  readonly p12PasswordFile?: string
  /** The program's own options, which mean the certificate to be renewed here. */
  readonly cert?: string
  readonly key?: string
}

const details = `
Password or code: --password-file, --code, the terminal, or the first line of standard input; the .p12 file's password likewise, after it.
A run that was interrupted is run again as it was: the key that is there is used again and gives the same certificate.

Examples:
  sekisho enroll --login-id user07                    the demo of this clone
  sekisho enroll --server https://bank.example --login-id user07 --code 1234-ABCD
  sekisho enroll --server https://login.bank.example --login-id user07 --renew --cert user07.pem --key user07.key
`

/** `enroll`: key, request, certificate, chain and .p12 for a user on Linux or macOS (R7), and the renewal of one. */
export function addEnrollCommand(program: Command, tools: CommandTools): void {
  program
    .command('enroll')
    .description('make a key here and obtain a certificate for it, or renew one (EST)')
    .requiredOption('--login-id <id>', 'whose certificate')
    .option('--server <url>', 'public door; with --renew the certificate door (default: the demo of this clone)')
    .option('--cacert <file>', "CA of the server's own certificate (PEM)")
    .option('--password-file <file>', 'file whose first line is the login password')
    .option('--code <code>', 'one-time code from the issue page, in place of the password')
    .addOption(new Option('--key-type <type>', 'kind of a new key').choices(enrollKeyTypes).default('P-256'))
    .option('--out <folder>', 'where to write (default: sekisho-<login ID>; the demo: its state folder)')
    .option('--renew', 'renew the certificate --cert with its key --key')
    .option('--p12-password-file <file>', 'file whose first line becomes the password of the .p12 file')
    .addHelpText('after', details)
    .action((_options: unknown, command: Command) => enroll(command.optsWithGlobals<EnrollOptions>(), tools))
}

async function enroll(options: EnrollOptions, tools: CommandTools): Promise<void> {
  checkOptions(options)
  const secrets = new SecretSource(tools.context)
  const place = choosePlace(options, tools)
  const renewed = options.renew === true ? readRenewed(options) : undefined
  const login =
    renewed === undefined ? { loginId: options.loginId, secret: await readLogin(options, secrets) } : undefined
  const client = new EstClient({
    server: place.server,
    caPem: place.caPem,
    ...(renewed === undefined ? {} : { certificate: renewed }),
    ...(login === undefined ? {} : { login }),
  })
  const files = EnrollFiles.in(place.folder, options.loginId, renewed?.x509)
  const { privateKey, made } = files.ensureKey(options.keyType)
  const obtained = await obtainCertificate({ client, files, privateKey, renews: renewed?.x509 })
  const password = await readPkcs12Password(options, secrets)
  if (password !== undefined) {
    const { loginId: friendlyName } = options
    writeWhole(files.pkcs12, await packPkcs12({ ...obtained, privateKey, friendlyName, password }), 0o600)
  }
  report(
    { files, certificate: obtained.certificate, made, packed: password !== undefined, renewed: login === undefined },
    tools,
  )
}

function checkOptions({ renew, passwordFile, code, cert, key, loginId }: EnrollOptions): void {
  if (loginId === '') throw usage('--login-id needs a login ID.')
  if (passwordFile !== undefined && code !== undefined) throw usage('Give --password-file or --code, not both.')
  if (renew !== true) {
    if (cert !== undefined || key !== undefined) throw usage('--cert and --key go with --renew.')
    // RFC 7617 2: the first colon ends the name, whatever comes after it.
    if (loginId.includes(':') && code === undefined)
      throw usage('A login ID with a colon needs a one-time code (--code).')
    return
  }
  if (passwordFile !== undefined || code !== undefined) {
    throw usage('--renew shows the certificate: it goes with neither --password-file nor --code.')
  }
  if (cert === undefined || key === undefined) throw usage('--renew needs --cert FILE and --key FILE.')
}

function choosePlace({ server, cacert, out, renew, loginId }: EnrollOptions, { context }: CommandTools) {
  const demo = findDemo(context)
  const caFile = cacert ?? (server === undefined ? demo.ca : undefined)
  return {
    server: server ?? (renew === true ? demo.certificateUrl : demo.publicUrl),
    caPem: caFile === undefined ? undefined : readText(caFile, 'the CA certificate'),
    folder: out ?? (server === undefined ? join(demo.stateFolder, 'enrolled') : `sekisho-${fileNameOf(loginId)}`),
  }
}

function readRenewed({ cert = '', key = '' }: EnrollOptions) {
  const certificatePem = readText(cert, 'the certificate')
  const privateKey = readKey(key)
  let x509: X509Certificate
  try {
    x509 = new X509Certificate(certificatePem)
  } catch (cause) {
    throw new CommandError(`Cannot read ${cert} as a certificate (PEM).`, { cause })
  }
  if (!x509.checkPrivateKey(privateKey)) throw new CommandError(`The key ${key} does not belong to ${cert}.`)
  return { certificatePem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), x509 }
}

async function readLogin(options: EnrollOptions, secrets: SecretSource): Promise<string> {
  const { code, passwordFile, loginId } = options
  if (code !== undefined) return code
  if (passwordFile !== undefined) return secrets.fromFile(passwordFile, '--password-file')
  const entered = await secrets.ask(`Login password of ${printable(loginId)}, or a one-time code: `)
  if (entered === undefined) throw usage('A login password or a one-time code is needed: --password-file or --code.')
  return entered
}

/** Undefined: no .p12 file is wanted. */
async function readPkcs12Password(
  { p12PasswordFile }: EnrollOptions,
  secrets: SecretSource,
): Promise<string | undefined> {
  if (p12PasswordFile !== undefined) return secrets.fromFile(p12PasswordFile, '--p12-password-file')
  return await secrets.ask('A new password for the .p12 file (empty: no such file): ')
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
    throw new CommandError(`Cannot read ${what} ${file}: ${why}`, { cause })
  }
}

function report(
  done: { files: EnrollFiles; certificate: X509Certificate; made: boolean; packed: boolean; renewed: boolean },
  tools: CommandTools,
): void {
  const { files, certificate, made, packed, renewed } = done
  const { key, chain, request, pkcs12 } = files
  const notAfter = certificate.validToDate.toISOString()
  const serial = certificate.serialNumber.toLowerCase()
  const written = { key, request, certificate: files.certificate, chain, ...(packed ? { pkcs12 } : {}) }
  const lines = [
    `Key          ${key} (${made ? 'new' : 'it was there and was used again'})`,
    `Certificate  ${files.certificate} (serial ${serial}, valid until ${notAfter})`,
    `Chain        ${chain}`,
    packed
      ? `PKCS #12     ${pkcs12}`
      : `PKCS #12     not made as there was no password for it: run this again with --p12-password-file`,
    '',
    enrollSteps(files, { renewed }),
  ]
  tools.print({ files: written, keyMade: made, serial, notAfter }, lines.map((line) => `${line}\n`).join(''))
}
