import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import { checkDoorIssuers, checkDoors } from './check-doors.ts'
import {
  checkCertificates,
  checkGeneral,
  checkHttp,
  checkIdentity,
  checkInstitution,
  checkLimits,
  checkLoginRequests,
  checkRevocation,
} from './check-relations.ts'
import { type ConfigFile, configFile, workersMax } from './config-file.ts'
import { diskFiles, type FileAccess, unreadableReason } from './file-access.ts'
import type { GatewayConfig } from './gateway-config.ts'
import { nearestName } from './nearest-name.ts'
import { noteIssues } from './note-issues.ts'
import { type FieldPath, ProblemList } from './problem-list.ts'
import { type ReadIssuers, readIssuers, readOperatorIssuers } from './read-issuers.ts'
import { readIssuing } from './read-issuing.ts'
import { readNotices } from './read-notices.ts'
import { readPasswords } from './read-passwords.ts'
import type { PemContext } from './read-pems.ts'
import { readPortal } from './read-portal.ts'
import { readPublication } from './read-publication.ts'
import { readRoutes } from './read-routes.ts'
import { readServerCertificates } from './read-server-certificates.ts'
import { readStore } from './read-store.ts'
import { readTracing } from './read-tracing.ts'
import { readUpstreams } from './read-upstreams.ts'
import { readYaml } from './read-yaml.ts'
import { resolveValues } from './resolve-values.ts'

/** A configuration that may be used, and what an operator should know about it. No text holds a secret. */
export type LoadedConfig = {
  readonly config: GatewayConfig
  readonly warnings: readonly string[]
  /** Absolute paths of the configuration file, if there is one, and of every file it made this read; each once. */
  readonly files: readonly string[]
}

export type LoadOptions = {
  /** Where `${NAME}` is looked up. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Decides whether server certificates are valid now. */
  readonly clock: Clock
  /** How files are read. Default: from disk, at most 4 MiB each. */
  readonly files?: FileAccess
}

/**
 * Reads a configuration file, everything it names, and freezes the result. Relative paths in it start at its folder.
 * Throws GatewayError `config_invalid` with every problem, each "Cannot use <path> as <what it must be>: current value
 * is <value>", one a line; the error's `path` is the first problem's.
 */
export function loadConfig(file: string, options: LoadOptions): LoadedConfig {
  const files = options.files ?? diskFiles
  let text: string
  try {
    text = files.readFile(file).toString('utf8')
  } catch (error) {
    const message = `Cannot use ${file} as a configuration file: ${unreadableReason(error)}`
    throw new GatewayError('config_invalid', message, { cause: error })
  }
  const path = resolve(file)
  const loaded = parseConfig(text, { ...options, files, folder: dirname(path), source: file })
  return { ...loaded, files: [path, ...loaded.files.filter((name) => name !== path)] }
}

/**
 * The same for a text (YAML, so JSON too). `folder` is where relative paths start; `source` names the text in messages.
 * Throws like `loadConfig`.
 */
export function parseConfig(text: string, options: LoadOptions & { folder: string; source?: string }): LoadedConfig {
  const source = options.source ?? 'the text'
  const read = new Set<string>()
  const files = noteFiles(options.files ?? diskFiles, read)
  const written = readYaml(text, source)
  const problems = new ProblemList(written)
  const { folder } = options
  const tree = resolveValues(written, { env: options.env, files, folder, problems })
  const sections = parseSections(tree, problems)
  const context = { files, folder, problems, nowMs: options.clock.nowMs() }
  const config = checkSections(sections, context)
  problems.throwIfAny(source)
  if (config === undefined)
    throw new GatewayError('internal', `Cannot read ${source} as a configuration: no problem was noted`)
  return { config: deepFreeze(config), warnings: problems.warnings, files: [...read] }
}

/** The same files; `read` gets the absolute path of each one that is read. */
function noteFiles(files: FileAccess, read: Set<string>): FileAccess {
  return {
    readFile(path) {
      read.add(resolve(path))
      return files.readFile(path)
    },
    fileMode: (path) => files.fileMode(path),
  }
}

const sectionNames = Object.keys(configFile.shape)

/**
 * The sections that have the right shape, also those that may be left out and are: as own properties, undefined. One wrong section
 * does not keep the others from being checked further.
 */
function parseSections(tree: unknown, problems: ProblemList): Partial<ConfigFile> {
  const whole = configFile.safeParse(tree)
  if (whole.success) {
    const { data } = whole
    return Object.fromEntries(sectionNames.map((name) => [name, data[name as keyof ConfigFile]]))
  }
  noteIssues(whole.error.issues, problems)
  if (typeof tree !== 'object' || tree === null) return {}
  const good = Object.entries(configFile.shape).flatMap(([name, schema]) => {
    const section = schema.safeParse((tree as Record<string, unknown>)[name])
    return section.success ? [[name, section.data]] : []
  })
  return Object.fromEntries(good)
}

/** Checks what the schema cannot; the finished configuration, or undefined when a section is missing. */
function checkSections(sections: Partial<ConfigFile>, context: PemContext): GatewayConfig | undefined {
  const { problems } = context
  checkPlain(sections, problems)
  const http = sections.http && checkHttp(sections.http, problems)
  const { certificates, directory, identity, limits } = sections
  const rule = certificates && directory && checkCertificates(certificates, directory, problems)
  const read = sections.issuers && readIssuers(sections.issuers, context)
  const written = sections.doors && checkDoors(sections.doors, problems)
  const doors = written && readDoors(written, { names: sections.issuers?.map(({ name }) => name), read }, context)
  const workers = sections.workers ?? Math.min(availableParallelism(), workersMax)
  const upstreams = sections.upstreams && readUpstreams(sections.upstreams, { ...context, identity, workers })
  const routes =
    Object.hasOwn(sections, 'routes') && written && sections.upstreams && http && limits
      ? readRoutes(sections.routes, { doors: written, upstreams: sections.upstreams, http, limits }, problems)
      : undefined
  const published = readPublication(sections, doors, problems)
  const issuing = readIssuing(sections, read?.issuers, { ...context, baseUrl: published?.baseUrl })
  const passwords = sections.passwords && readPasswords(sections.passwords, context)
  const portal = sections.portal && doors && readPortal(sections.portal, { doors, directory, problems })
  const notices = sections.notices && readNotices(sections.notices, directory, context)
  const tracing = sections.tracing && readTracing(sections.tracing, context)
  const store = Object.hasOwn(sections, 'store') ? readStore(sections.store, context) : undefined
  if (
    !isComplete(sections) ||
    !http ||
    !rule ||
    !read ||
    !doors ||
    !upstreams ||
    !routes ||
    !store ||
    !passwords ||
    !notices ||
    !tracing
  )
    return undefined
  const accessFile = sections.accessLog.file
  return {
    ...sections,
    workers,
    http,
    certificates: rule,
    issuers: read.issuers,
    doors,
    upstreams,
    routes,
    issuing,
    publication: published,
    passwords,
    portal,
    notices,
    store,
    tracing,
    stateFolder: resolve(context.folder, sections.stateFolder),
    accessLog: {
      ...sections.accessLog,
      ...(accessFile === undefined || accessFile === '-' ? {} : { file: resolve(context.folder, accessFile) }),
    },
  }
}

/** The sections that depend on no other and stay as they are. */
function checkPlain(sections: Partial<ConfigFile>, problems: ProblemList): void {
  const { timeZone, auditLog } = sections
  if (sections.limits) checkLimits(sections.limits, problems)
  checkLoginRequests(sections, problems)
  if (sections.revocation) checkRevocation(sections.revocation, problems)
  if (sections.identity) checkIdentity(sections.identity, problems)
  if (sections.institution) checkInstitution(sections.institution, problems)
  checkGeneral(
    {
      ...(timeZone === undefined ? {} : { timeZone }),
      ...(auditLog === undefined ? {} : { auditFile: auditLog.file }),
    },
    problems,
  )
}

function isComplete(sections: Partial<ConfigFile>): sections is ConfigFile {
  return sectionNames.every((name) => Object.hasOwn(sections, name))
}

type KnownIssuers = { readonly names: readonly string[] | undefined; readonly read: ReadIssuers | undefined }

function readDoors(doors: ConfigFile['doors'], known: KnownIssuers, context: PemContext): GatewayConfig['doors'] {
  const { problems } = context
  const { names } = known
  if (names !== undefined) checkDoorIssuers(doors, names, { nearest: (name) => nearestName(name, names), problems })
  const serve = (
    path: FieldPath,
    door: { serverCertificates: { certificate: string; key: string }[]; hostNames?: string[] },
  ) => readServerCertificates(door.serverCertificates, { path, hostNames: door.hostNames ?? [] }, context)
  const { admin, ops, publication } = doors
  const keyOwners = known.read?.keyOwners ?? new Map<string, string>()
  return {
    certificate: doors.certificate.map((door, index) => ({
      ...door,
      serverCertificates: serve(['doors', 'certificate', index], door),
      proxyProtocol: door.proxyProtocol,
    })),
    public: doors.public && {
      ...doors.public,
      serverCertificates: serve(['doors', 'public'], doors.public),
      proxyProtocol: doors.public.proxyProtocol,
    },
    admin: admin && {
      listen: admin.listen,
      serverCertificates: serve(['doors', 'admin'], admin),
      operatorIssuerPems: readOperatorIssuers(admin.operatorIssuers, { keyOwners, context }),
    },
    ops,
    publication,
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member)
  return Object.freeze(value)
}
