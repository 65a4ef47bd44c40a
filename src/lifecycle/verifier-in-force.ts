import { isDeepStrictEqual } from 'node:util'
import { DirectoryVerifier, type DirectoryVerifierPorts } from './directory-verifier.ts'
import { HttpVerifier, type HttpVerifierConfig } from './http-verifier.ts'
import type { PasswordVerifier } from './password-verifier.ts'

/** Asks whomever the configuration names now; a reload may change that, and questions under way end where they began. */
export function createPasswordVerifier(ports: DirectoryVerifierPorts): PasswordVerifier {
  const directory = new DirectoryVerifier(ports)
  let asked: { readonly config: HttpVerifierConfig; readonly verifier: HttpVerifier } | undefined

  function inForce(): PasswordVerifier {
    const { verifier } = ports.passwords()
    if (verifier.kind === 'http' && isDeepStrictEqual(asked?.config, verifier)) return asked?.verifier ?? directory
    asked?.verifier.close()
    asked = verifier.kind === 'http' ? { config: verifier, verifier: new HttpVerifier(verifier) } : undefined
    return asked?.verifier ?? directory
  }

  return { verify: (kind, loginId, password, about) => inForce().verify(kind, loginId, password, about) }
}
