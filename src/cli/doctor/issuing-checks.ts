import { execFile } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { GatewayConfig, SignerConfig } from '../../config/gateway-config.ts'
import type { Examined } from './examined.ts'
import { bad, type Check, type Finding, ok, reasonOf } from './finding.ts'
import { reachTcp, reachTls } from './reach.ts'

/** Whether what signs certificates is there; nothing is signed. Empty where this gateway issues none. */
export function issuingChecks({ config, env }: Pick<Examined, 'config' | 'env'>): readonly Check[] {
  const { issuing } = config
  if (issuing === undefined) return []
  const { signer } = issuing
  const run = (signal: AbortSignal): readonly Finding[] | Promise<readonly Finding[]> => {
    if (signer.kind === 'file') return [keyFinding(signer, config, issuing.issuer)]
    if (signer.kind === 'pkcs11') return tokenFindings(signer, env, signal)
    return estFindings(signer, signal)
  }
  return [{ group: 'Issuing', subject: 'Issuing key', run }]
}

type FileSigner = Extract<SignerConfig, { kind: 'file' }>

function keyFinding({ keyPem, keyPassword }: FileSigner, config: GatewayConfig, issuerName: string): Finding {
  const subject = `Issuing key of ${issuerName}`
  const issuer = config.issuers.find(({ name }) => name === issuerName)
  try {
    const key = createPrivateKey(keyPassword === undefined ? keyPem : { key: keyPem, passphrase: keyPassword })
    if (issuer !== undefined && new X509Certificate(issuer.certificatePem).checkPrivateKey(key))
      return ok(subject, 'it opens and belongs to the CA')
    return bad(subject, 'it belongs to another certificate', 'Name the key of this CA in issuing.signer.key')
  } catch (error) {
    return bad(subject, `it does not open: ${reasonOf(error)}`, 'Correct the file or its password in issuing.signer')
  }
}

type TokenSigner = Extract<SignerConfig, { kind: 'pkcs11' }>

async function tokenFindings(
  { tool, module, tokenLabel }: TokenSigner,
  env: Examined['env'],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const program = findProgram(tool, env.PATH ?? '')
  const isReadable = canRead(module)
  return [
    program === undefined
      ? bad(
          'pkcs11-tool',
          `${tool} is not in PATH`,
          'Install OpenSC (apt-get install opensc), or give its path in tool',
        )
      : ok('pkcs11-tool', program),
    isReadable
      ? ok('Token library', module)
      : bad('Token library', `${module} cannot be read`, 'Install the vendor’s PKCS #11 library, or correct module'),
    ...(program !== undefined && isReadable ? [await slotFinding({ program, module, tokenLabel }, env, signal)] : []),
  ]
}

type Asked = { readonly program: string; readonly module: string; readonly tokenLabel: string }

/** Whether the token is there. Nobody logs in: a wrong PIN would count against it. */
async function slotFinding({ program, module, tokenLabel }: Asked, env: Examined['env'], signal: AbortSignal) {
  const subject = `Token ${tokenLabel}`
  const words = ['--module', module, '--list-token-slots']
  const fix = `See what it lists: ${program} ${words.join(' ')}; then connect the token, or correct tokenLabel`
  try {
    const { stdout } = await promisify(execFile)(program, words, { env, signal, killSignal: 'SIGKILL' })
    const labels = [...stdout.matchAll(/^\s*token label\s*: (.*?)\s*$/gm)].map(([, label = '']) => label)
    if (labels.includes(tokenLabel)) return ok(subject, 'it is there; the PIN is not tried, and nothing is signed')
    return bad(subject, `it is not there; what is: ${labels.join(', ') || 'no token at all'}`, fix)
  } catch (error) {
    signal.throwIfAborted()
    const [why = ''] = String((error as { stderr?: unknown }).stderr || reasonOf(error))
      .trim()
      .split('\n')
    return bad(subject, `it cannot be asked: ${why}`, fix)
  }
}

type EstSigner = Extract<SignerConfig, { kind: 'est' }>

/** Whether the other CA is reached, and its certificate good. Nothing is asked for. */
async function estFindings(signer: EstSigner, signal: AbortSignal): Promise<readonly Finding[]> {
  const { hostname, port, host } = new URL(signer.url)
  const subject = `Other CA ${host}`
  const name = hostname.replace(/^\[|\]$/g, '')
  let socket: Socket | undefined
  try {
    socket = await reachTcp({ host: name, port: Number(port || 443) }, signal)
    const { caPem = [], certificatePem: cert, keyPem: key } = signer
    const own = cert === undefined ? {} : { cert, key }
    const secure = await reachTls(socket, {
      host: name,
      ...(isIP(name) === 0 && { servername: name }),
      ca: caPem,
      ...own,
    })
    return [ok(subject, `${secure.getProtocol()}, its certificate is good; no certificate is asked for here`)]
  } catch (error) {
    const fix = `Try curl --cacert CA.pem ${signer.url}/cacerts; then open the way to it, or correct url and ca in issuing.signer`
    return [bad(subject, `no certificate can be issued: ${reasonOf(error)}`, fix)]
  } finally {
    socket?.destroy()
  }
}

function findProgram(tool: string, path: string): string | undefined {
  const places = tool.includes('/') ? [tool] : path.split(delimiter).map((folder) => join(folder, tool))
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function canRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}
