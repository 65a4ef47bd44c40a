import { X509Certificate } from 'node:crypto'
import type { Inspection } from '../../trust/inspect.ts'
import type { AdminClient } from '../admin-client.ts'
import { type CommandContext, CommandError, exitCodes } from '../command-context.ts'
import { readConfiguration } from '../doctor/read-configuration.ts'
import { counted, printable } from '../text-table.ts'
import { readCertificateFile } from './certificate-file.ts'
import { describeInspection } from './describe-inspection.ts'
import { type Foreseen, foresee } from './foresee.ts'

export type InspectOptions = {
  readonly file: string
  /** Configuration to go by where no gateway can be asked; undefined: the usual one, or the demo's. */
  readonly config: string | undefined
  readonly context: CommandContext
  /** Throws CommandError where no operator certificate is at hand. */
  readonly open: () => AdminClient
}

/** `answer` is for programs. */
export type Inspected = { readonly answer: unknown; readonly text: string; readonly exitCode: number }

type Seen = { readonly inspections: readonly Foreseen[]; readonly notAsked: string | undefined }

/**
 * Asks the gateway what its doors would say of a certificate; where it cannot be reached, finds out by the configuration what can be
 * known without it. Throws CommandError where the file holds no certificate, the gateway refuses to tell, or neither way is open.
 */
export async function runInspect(options: InspectOptions): Promise<Inspected> {
  const { der, others } = readCertificateFile(options.file)
  const { inspections, notAsked } = await see(der, options)
  const isPermitted = inspections.some(({ verdict }) => verdict === 'permitted')
  const notes = [
    ...(others === 0 ? [] : [`The file holds ${counted(others, 'more certificate')}: this is of the first.`]),
    ...(notAsked === undefined ? [] : [`No gateway was asked. ${notAsked}`, 'So ? marks what only a gateway knows.']),
  ].map((note) => `${printable(note)}\n`)
  const says = issuerSaid(der)
  const head = notes.length === 0 ? '' : `${notes.join('')}\n`
  return {
    answer: { inspections, ...(notAsked !== undefined && { notAsked }) },
    text: `${head}${inspections.map((one) => describeInspection(one, says)).join('\n')}`,
    exitCode: isPermitted ? exitCodes.ok : exitCodes.failed,
  }
}

function issuerSaid(der: Uint8Array): string | undefined {
  try {
    return new X509Certificate(der).issuer.replaceAll('\n', ', ')
  } catch {
    return undefined
  }
}

async function see(der: Uint8Array, { config: file, context, open }: InspectOptions): Promise<Seen> {
  try {
    const request = { method: 'POST', path: '/v1/inspect', bytes: der } as const
    const { inspections } = await open().call<{ inspections: readonly Inspection[] }>(request)
    return { inspections, notAsked: undefined }
  } catch (error) {
    // What a gateway says is its answer; a wrong option is for whoever wrote it.
    if (!(error instanceof CommandError) || error.problem !== undefined || error.exitCode === exitCodes.usage)
      throw error
    const config = configurationOf(file, context, error)
    const [notAsked = ''] = error.message.split('\n', 1)
    return { inspections: await foresee(der, config), notAsked }
  }
}

function configurationOf(file: string | undefined, context: CommandContext, unreached: CommandError) {
  const more = (why: string) =>
    new CommandError(
      `${unreached.message}\n${why}: with --config FILE it is found out what can be known without a gateway.`,
    )
  try {
    const { config, source, problems } = readConfiguration(file, context)
    if (config !== undefined) return config
    throw more(`${source} cannot be used either (${problems[0]})`)
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.usage) throw error
    throw more('No configuration is at hand either')
  }
}
