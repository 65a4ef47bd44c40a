import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError, exitCodes } from './command-context.ts'

const adminPort = 9_443
const publicPort = 8_442
const certificatePort = 8_443
const offsetMax = 50_000

/** Where the demo of this clone has its doors and files (`SEKISHO_PORT_OFFSET` shifts it). */
export type DemoPlace = {
  readonly adminUrl: string
  readonly publicUrl: string
  readonly certificateUrl: string
  readonly cert: string
  readonly key: string
  readonly ca: string
  readonly stateFolder: string
  /** Added to every port. */
  readonly offset: number
  /** Files of the operator who has this role. */
  operatorOf(role: string): { readonly cert: string; readonly key: string }
}

/** Throws CommandError for an offset that is none. */
export function findDemo(context: { root: string; env: Readonly<Record<string, string | undefined>> }): DemoPlace {
  const offset = readOffset(context.env.SEKISHO_PORT_OFFSET)
  // A link to it, as npx makes one, would be shown to people as another place.
  const root = existsSync(context.root) ? realpathSync(context.root) : context.root
  const certificates = join(root, 'certs', 'demo')
  const operatorOf = (role: string) => ({
    cert: join(certificates, 'operators', `${role}.pem`),
    key: join(certificates, 'operators', `${role}.key`),
  })
  return {
    adminUrl: `https://localhost:${adminPort + offset}`,
    publicUrl: `https://localhost:${publicPort + offset}`,
    certificateUrl: `https://localhost:${certificatePort + offset}`,
    ...operatorOf('security'),
    operatorOf,
    ca: join(certificates, 'root-ca.pem'),
    offset,
    stateFolder: join(root, offset === 0 ? 'data' : `data-${offset}`),
  }
}

function readOffset(text: string | undefined): number {
  if (text === undefined || text === '') return 0
  const offset = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (offset <= offsetMax) return offset
  throw new CommandError(
    `Cannot use SEKISHO_PORT_OFFSET as a whole number from 0 to ${offsetMax}: current value is ${JSON.stringify(text)}`,
    { exitCode: exitCodes.usage },
  )
}
