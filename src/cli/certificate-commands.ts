import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { certificateAnswer, certificateList, issueAnswer } from '../admin/answer-schemas.ts'
import { dryRunHint } from './certificate-selection.ts'
import { CommandError } from './command-context.ts'
import { writeWhole } from './enroll-files.ts'
import type { CommandTools } from './run-command.ts'
import { printable, textTable } from './text-table.ts'

type Certificate = (typeof certificateAnswer)['_output']
type IssueOptions = {
  readonly loginId: string
  readonly csr: string
  readonly reason: string
  readonly out?: string
  readonly apply?: boolean
}

/** `certificates list|show|issue` */
export function addCertificateCommands(program: Command, tools: CommandTools): void {
  const certificates = program.command('certificates').description('certificates: list, show, issue')
  certificates
    .command('list')
    .description('every certificate of a login ID, newest first')
    .requiredOption('--login-id <id>', 'whose')
    .action(({ loginId }: { loginId: string }) => listCertificates(loginId, tools))
  certificates
    .command('show')
    .argument('<serial>', 'in any common spelling of hex')
    .description('what is recorded of a certificate: whose it is, its state, when it was seen')
    .requiredOption('--issuer <name>', 'issuing CA: its name or id (sekisho issuers)')
    .action((serial: string, { issuer }: { issuer: string }) => showCertificate({ issuer, serial }, tools))
  certificates
    .command('issue')
    .description('issue a certificate for a signing request, in a user’s place; the limits and rules of an issue hold')
    .requiredOption('--login-id <id>', 'for whom')
    .requiredOption('--csr <file>', 'PKCS #10 request (PEM)')
    .requiredOption('--reason <text>', 'why, for the audit log')
    .option('--out <file>', 'where the certificate and its chain are written (default: standard output)')
    .option('--apply', 'do it; without this, only show what would happen')
    .action((options: IssueOptions) => issueCertificate(options, tools))
}

/** The certificates of one login ID. */
export function describeCertificates(certificates: readonly Certificate[]): string {
  if (certificates.length === 0) return 'No certificate is recorded.\n'
  const rows = certificates.map(({ state, issuer, serial, notBefore, notAfter, firstSeen, lastSeen }) => [
    state,
    issuer,
    serial,
    notBefore,
    notAfter,
    firstSeen ?? '-',
    lastSeen ?? '-',
  ])
  return textTable(['STATE', 'ISSUER', 'SERIAL', 'FROM', 'UNTIL', 'FIRST SEEN', 'LAST SEEN'], rows)
}

async function listCertificates(loginId: string, tools: CommandTools): Promise<void> {
  const path = `/v1/users/${encodeURIComponent(loginId)}/certificates`
  const list = await tools.client().call<(typeof certificateList)['_output']>({ method: 'GET', path })
  tools.print(list, describeCertificates(list.certificates))
}

async function showCertificate(
  { issuer, serial }: { issuer: string; serial: string },
  tools: CommandTools,
): Promise<void> {
  const path = `/v1/certificates/${encodeURIComponent(issuer)}/${encodeURIComponent(serial)}`
  const certificate = await tools.client().call<Certificate>({ method: 'GET', path })
  tools.print(certificate, `Login ID  ${printable(certificate.loginId)}\n\n${describeCertificates([certificate])}`)
}

async function issueCertificate({ csr, out, apply, ...rest }: IssueOptions, tools: CommandTools): Promise<void> {
  const json = { ...rest, signingRequest: readRequest(csr), dryRun: apply !== true }
  const path = '/v1/certificates'
  const answer = await tools.client().call<(typeof issueAnswer)['_output']>({ method: 'POST', path, json })
  const name = printable(answer.loginId)
  if (answer.dryRun) {
    const again = answer.outcome === 'would_be_given_again'
    const what = again ? 'give the certificate of this key again to' : 'issue a certificate to'
    tools.print(answer, `Would ${what} ${name}.\n${dryRunHint}`)
    return
  }
  const pem = `${answer.certificate ?? ''}${answer.chain ?? ''}`
  if (out === undefined) {
    tools.print(answer, pem)
    return
  }
  writeWhole(out, pem)
  const { serial = '', notAfter = '' } = answer
  tools.print(answer, `Issued to ${name}: serial ${serial}, valid until ${notAfter}, written to ${printable(out)}.\n`)
}

function readRequest(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(cause)
    throw new CommandError(`Cannot read --csr ${file}: ${why}`, { cause })
  }
}
