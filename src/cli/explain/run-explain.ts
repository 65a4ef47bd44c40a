import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import type { AdminClient } from '../admin-client.ts'
import { type CommandContext, CommandError } from '../command-context.ts'
import type { Reading } from '../doctor/examined.ts'
import { readConfiguration } from '../doctor/read-configuration.ts'
import { type DescribeOptions, describeNothing, describeRequest } from './describe-request.ts'
import { type FoundRequest, findRequest, type KnownRefusal, type LogPlaces } from './find-request.ts'
import { readRequestId } from './request-id.ts'

export type ExplainOptions = {
  readonly requestId: string
  readonly files: { readonly config?: string; readonly audit?: string; readonly accessLog?: string }
  readonly context: CommandContext
  /** Throws CommandError where no operator certificate is at hand. */
  readonly open: () => AdminClient
}

export type Explained = { readonly found: FoundRequest; readonly isKnown: boolean; readonly text: string }

const adminTimeoutMs = 5_000

/** Finds a request in the logs and at the admin door, and tells its story. Throws CommandError for what is no request id. */
export async function runExplain(options: ExplainOptions): Promise<Explained> {
  const requestId = readRequestId(options.requestId)
  const { places, names, timeZone, notes } = findPlaces(options)
  const asked = await askAdminDoor(requestId, options.open)
  const found = await findRequest(requestId, places, asked.refusal)
  const isKnown = found.access !== undefined || found.audit.length > 0 || found.refusal !== undefined
  const describe: DescribeOptions = { nowMs: systemClock.nowMs(), names, timeZone, notes: [...notes, asked.note] }
  return { found, isKnown, text: (isKnown ? describeRequest : describeNothing)(found, describe) }
}

function findPlaces({
  files,
  context,
}: ExplainOptions): Pick<DescribeOptions, 'names' | 'timeZone' | 'notes'> & { places: LogPlaces } {
  const isGiven = files.audit !== undefined || files.accessLog !== undefined
  const reading = isGiven && files.config === undefined ? undefined : tryConfiguration(files.config, context)
  const config = typeof reading === 'string' ? undefined : reading?.config
  const configured = config?.accessLog.file
  const accessLog = files.accessLog ?? (isGiven || configured === '-' ? undefined : configured)
  const audit =
    files.audit ?? (isGiven || config === undefined ? undefined : join(config.stateFolder, config.auditLog.file))
  const notes: string[] = []
  if (typeof reading === 'string') notes.push(reading)
  else if (reading?.problems[0] !== undefined) notes.push(`${reading.source}: not usable, ${reading.problems[0]}`)
  if (configured === '-' && files.accessLog === undefined) {
    notes.push(
      'the access log goes to standard output: journalctl -u sekisho -o cat | sekisho explain ID --access-log -',
    )
  } else if (accessLog === undefined && config !== undefined && !isGiven) {
    notes.push('there is no access log: accessLog.file is not configured')
  }
  const { name, selfReference } = config?.institution ?? { name: { en: 'the bank' }, selfReference: { en: 'the bank' } }
  return {
    places: { accessLog, auditLog: audit, input: context.input },
    names: { name: name.en, self: selfReference.en },
    timeZone: config?.timeZone,
    notes,
  }
}

/** The configuration, or why there is none. */
function tryConfiguration(file: string | undefined, context: CommandContext): Reading | string {
  try {
    return readConfiguration(file, context)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return 'no configuration is known: give --config FILE, or --audit FILE and --access-log FILE'
  }
}

type Asked = { readonly refusal: KnownRefusal | undefined; readonly note: string }

/** The door remembers refusals of all gateways for seven days. */
async function askAdminDoor(requestId: string, open: () => AdminClient): Promise<Asked> {
  try {
    const client = open()
    const path = `/v1/requests/${encodeURIComponent(requestId)}`
    const refusal = await client.call<KnownRefusal>({ method: 'GET', path, timeoutMs: adminTimeoutMs })
    return { refusal, note: '' }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const isUnknown = (error.problem as { code?: unknown } | undefined)?.code === 'admin_not_found'
    const note = isUnknown
      ? 'the admin door: it was not refused within the last seven days at any gateway of the store'
      : `the admin door: not asked, ${error.message.split('\n', 1)[0]}`
    return { refusal: undefined, note }
  }
}
