import { resolve } from 'node:path'
import type { ConfigFile } from './config-file.ts'
import type { CrlListConfig, CrlPlace, IssuerConfig, OcspConfig } from './gateway-config.ts'
import type { FieldPath } from './problem-list.ts'
import { type PemContext, readCertificates } from './read-pems.ts'

type WrittenIssuer = ConfigFile['issuers'][number]

/**
 * Where an issuer's revocations come from, its files of CAs read. Notes names of lists that stand there twice, https:// without CAs to
 * know the server by, CAs without https://, and URLs that hold a password.
 */
export function readSources(
  written: WrittenIssuer,
  path: FieldPath,
  context: PemContext,
): Pick<IssuerConfig, 'crls' | 'ocsp'> {
  const { problems } = context
  const names = written.crls.map(({ name }) => name)
  const crls = written.crls.map((list, index) => {
    const at = [...path, 'crls', index]
    if (names.indexOf(list.name) < index) problems.add([...at, 'name'], { expected: 'a name used once by this issuer' })
    return readList(list, at, context)
  })
  return { crls, ocsp: written.ocsp && readOcsp(written.ocsp, [...path, 'ocsp'], context) }
}

function readList(written: WrittenIssuer['crls'][number], path: FieldPath, context: PemContext): CrlListConfig {
  const { from, delta, ca, ...rest } = written
  const places = (texts: readonly string[], name: string) =>
    texts.map((text, index) => readPlace(text, [...path, name, index], context))
  const read = { from: places(from, 'from'), delta: places(delta, 'delta') }
  const urls = [...read.from, ...read.delta].flatMap((place) => (place.kind === 'url' ? [place.url] : []))
  return { ...rest, ...read, caPem: readCas(ca, { urls, path }, context) }
}

function readPlace(text: string, path: FieldPath, { folder, problems }: PemContext): CrlPlace {
  if (!/^https?:/i.test(text)) return { kind: 'file', path: resolve(folder, text) }
  checkUrl(text, path, problems)
  return { kind: 'url', url: text }
}

function readOcsp(written: NonNullable<WrittenIssuer['ocsp']>, path: FieldPath, context: PemContext): OcspConfig {
  const { ca, ...rest } = written
  checkUrl(written.url, [...path, 'url'], context.problems)
  return { ...rest, caPem: readCas(ca, { urls: [written.url], path }, context) }
}

function checkUrl(text: string, path: FieldPath, problems: PemContext['problems']): void {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') {
    problems.add(path, { reason: 'it is no URL, or holds a name or password' })
  }
}

function readCas(
  file: string | undefined,
  { urls, path }: { urls: readonly string[]; path: FieldPath },
  context: PemContext,
): string | undefined {
  const isSecure = urls.some((url) => url.toLowerCase().startsWith('https:'))
  const at = [...path, 'ca']
  if (file === undefined) {
    if (isSecure) context.problems.add(at, { reason: 'a place is https://' })
    return undefined
  }
  if (!isSecure) context.problems.add(at, { reason: 'no place is https://' })
  return readCertificates(file, at, context)
    ?.map(({ pem }) => pem)
    .join('')
}
