/** Where the files of one CA stand. */
export type AuthorityFiles = { readonly name: string; readonly certificate: string; readonly key: string }

/** What was written, and how a gateway issues with it. */
export function describeFirstCa({
  root,
  issuing,
  notAfter,
}: {
  readonly root: AuthorityFiles
  readonly issuing: AuthorityFiles
  readonly notAfter: string
}): string {
  return [
    ...written(root),
    ...written(issuing),
    `The issuing CA is valid until ${notAfter}.`,
    '',
    'Lines for the configuration:',
    ...issuerLines(issuing, root.certificate),
    'doors:',
    '  certificate:',
    '    - # …',
    `      issuers: [${issuing.name}]`,
    ...issuingLines(issuing),
    '',
    'Steps',
    `  1. Move ${root.key} to where no gateway runs: it is needed for the next issuing CA only.`,
    '  2. Put the lines into the configuration of every gateway, then: sekisho config check FILE, and sekisho reload.',
    '',
  ].join('\n')
}

/** What was written, and in which order a new CA takes over, so that nobody is locked out meanwhile. */
export function describeNextCa({
  issuing,
  root,
  notAfter,
}: {
  readonly issuing: AuthorityFiles
  readonly root: string
  readonly notAfter: string
}): string {
  return [
    ...written(issuing),
    `The new issuing CA is valid until ${notAfter}.`,
    '',
    'Lines for the configuration, beside those of the old issuing CA:',
    ...issuerLines(issuing, root),
    'doors:',
    '  certificate:',
    '    - # …',
    `      issuers: [the old one, ${issuing.name}]`,
    ...issuingLines(issuing),
    '',
    'Steps',
    '  1. On every gateway add the entry of issuers and the name in the list of the door, and sekisho reload: both CAs are trusted.',
    '     sekisho issuers shows the new one; go on when all gateways have it.',
    '  2. Then change issuing on every gateway, and sekisho reload: new certificates come from the new CA, old ones still log in.',
    '     Users go over at their next renewal.',
    '  3. When the last certificate of the old CA has expired, take its name out of the door and its entry out of issuers, and reload.',
    '     Destroy its key then. Taking it out earlier locks out whoever has not renewed.',
    '',
  ].join('\n')
}

function written({ certificate, key }: AuthorityFiles): string[] {
  return [`Wrote ${certificate}`, `Wrote ${key} (encrypted)`]
}

function issuerLines({ name, certificate }: AuthorityFiles, root: string): string[] {
  return ['issuers:', `  - name: ${name}`, `    certificate: ${quoted(certificate)}`, `    chain: [${quoted(root)}]`]
}

function issuingLines({ name, key }: AuthorityFiles): string[] {
  return [
    'issuing:',
    `  issuer: ${name}`,
    '  signer:',
    '    kind: file',
    `    key: ${quoted(key)}`,
    `    keyPassword: file:\${CREDENTIALS_DIRECTORY}/ca-password`,
  ]
}

/** As YAML takes it, whatever it holds; `$` begins a variable there. */
function quoted(path: string): string {
  return JSON.stringify(path.replaceAll('${', '$$${'))
}
