import { Command, CommanderError } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { GatewayError } from '../base/errors.ts'
import { type AdminAccess, AdminClient } from './admin-client.ts'
import { addCaCommands } from './ca-command.ts'
import { addCertificateCommands } from './certificate-commands.ts'
import { type CommandContext, CommandError, exitCodes } from './command-context.ts'
import { addContractCommands } from './contract-commands.ts'
import { addCrlCommands } from './crl-commands.ts'
import { findDemo } from './demo-place.ts'
import { addDoctorCommand } from './doctor-command.ts'
import { addEnrollCommand } from './enroll-command.ts'
import { addExplainCommand } from './explain-command.ts'
import { addGatewayCommands } from './gateway-commands.ts'
import { addInspectCommand } from './inspect-command.ts'
import { addListCommands } from './list-commands.ts'
import { addLocalCommands } from './local-commands.ts'
import { addNoticeCommands } from './notice-commands.ts'
import { addReloadCommand } from './reload-command.ts'
import { addRestoreCommand } from './restore-command.ts'
import { addRevokeCommand } from './revoke-command.ts'
import { addRuleCommands } from './rule-commands.ts'
import { addStatusCommands } from './status-commands.ts'
import { printable } from './text-table.ts'
import { addUserCommands } from './user-commands.ts'

/** What every command gets beside its own options. */
export type CommandTools = {
  readonly context: CommandContext
  /** The admin door chosen by the global options; `role`: whose certificate of the demo is the default. Throws CommandError. */
  client(role?: 'branch'): AdminClient
  readonly json: () => boolean
  /** Prints the value with `--json`, the text otherwise. */
  print(value: unknown, text: string): void
  /** What the program ends with unless it throws. */
  setExitCode(code: number): void
}

const examples = `
Exit codes: 0 done, 1 refused or failed (also: not confirmed by every gateway), 2 wrong usage.

Examples:
  sekisho issuers                                     name and id of each issuing CA
  sekisho revoke --login-id user02                    shows what would be revoked
  sekisho revoke --login-id user02 --apply            revokes it and cuts its connections
  sekisho revoke --serial 0A:1B:2C --issuer demo-issuing-ca --reason keyCompromise --apply
  sekisho revoke --from lost.csv --apply --wait       a file of them, confirmed by every gateway (sekisho revoke --help)
  sekisho restore --login-id user02 --reason "wrong user" --apply
  sekisho list --login-id user02                      revocations in force
  sekisho rules                                       what login IDs had and CAs issued that is refused as a whole
  sekisho crl import ca.crl --issuer partner-ca       what a list of another CA would revoke
  sekisho contracts switch acme --method certificate --form A-17 --reason "application form" --apply
  sekisho users list --contract acme                  who holds what, and until when
  sekisho users import users.csv                      lists what the file would change
  sekisho notices --dry-run --date 2027-04-01         mails that would go out that day
  sekisho gateways                                    which gateways are behind
  sekisho inspect user02.pem                          what the door says of a certificate, step by step
  sekisho explain k3x9q0aa-1f-2                       what happened to the request of this id, and why
  sekisho doctor --config /etc/sekisho/sekisho.yaml   what a gateway needs, and how to mend what is wrong
  sekisho config check config/full.yaml
  sekisho enroll --login-id user07                    a key and a certificate for a user of Linux or macOS
  sekisho reload                                      puts the configuration as it is on disk in force

Inside a clone the running demo is found by itself (SEKISHO_PORT_OFFSET is honoured). Elsewhere:
  sekisho --admin https://gateway.example:9443 --cert me.pem --key me.key --ca ca.pem status
`

/** Runs one command line (without the program's name). Returns the exit code; what goes wrong is written, not thrown. */
export async function runCommand(args: readonly string[], context: CommandContext): Promise<number> {
  let exitCode: number = exitCodes.ok
  const program = new Command('sekisho')
  const json = () => program.opts<{ json?: boolean }>().json === true
  const tools: CommandTools = {
    context,
    client: (role) => new AdminClient(chooseAccess(program, context, role)),
    json,
    print: (value, text) => context.write(json() ? `${JSON.stringify(value, null, 2)}\n` : text),
    setExitCode: (code) => {
      exitCode = code
    },
  }
  describeProgram(program, tools)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    return explainFailure(error, tools)
  }
}

function describeProgram(program: Command, tools: CommandTools): void {
  const { context } = tools
  program
    .description(
      'Sekisho: the front door of certificate-mode login. What changes something is a dry run unless --apply is given.',
    )
    .version(packageJson.version)
    .option('--admin <url>', 'admin door, https://host:port (default: the demo of this clone)')
    .option('--cert <file>', "operator certificate (default: the demo's security operator)")
    .option('--key <file>', 'its private key')
    .option('--ca <file>', "CA of the admin door's own certificate")
    .option('--json', 'print JSON for programs')
    .addHelpText('after', examples)
    .exitOverride()
    .configureOutput({ writeOut: context.write, writeErr: context.writeError })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(sekisho --help shows every command)')
    .showSuggestionAfterError()
  program.commandsGroup('Revocation:')
  addRevokeCommand(program, tools)
  addRestoreCommand(program, tools)
  addRuleCommands(program, tools)
  addListCommands(program, tools)
  addInspectCommand(program, tools)
  addCrlCommands(program, tools)
  program.commandsGroup('Contracts, users and certificates:')
  addContractCommands(program, tools)
  addUserCommands(program, tools)
  addCertificateCommands(program, tools)
  addNoticeCommands(program, tools)
  program.commandsGroup('Gateways:')
  addStatusCommands(program, tools)
  addReloadCommand(program, tools)
  addGatewayCommands(program, tools)
  program.commandsGroup('On this machine:')
  addDoctorCommand(program, tools)
  addExplainCommand(program, tools)
  addLocalCommands(program, tools)
  addEnrollCommand(program, tools)
  addCaCommands(program, tools)
}

function chooseAccess(program: Command, context: CommandContext, role: 'branch' | undefined): AdminAccess {
  const { admin, cert, key, ca } = program.opts<{ admin?: string; cert?: string; key?: string; ca?: string }>()
  const demo = findDemo(context)
  const operator = role === undefined ? demo : demo.operatorOf(role)
  return { adminUrl: admin ?? demo.adminUrl, cert: cert ?? operator.cert, key: key ?? operator.key, ca: ca ?? demo.ca }
}

function explainFailure(error: unknown, { context, json }: CommandTools): number {
  // Commander has written its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  if (error instanceof CommandError) {
    if (json() && error.problem !== undefined) context.write(`${JSON.stringify(error.problem, null, 2)}\n`)
    writeLines(context, error.message)
    return error.exitCode
  }
  if (error instanceof GatewayError) {
    writeLines(context, error.message)
    return exitCodes.failed
  }
  throw error
}

function writeLines(context: CommandContext, message: string): void {
  for (const line of message.split('\n')) context.writeError(`${printable(line)}\n`)
}
