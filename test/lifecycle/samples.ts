import type { PasswordsConfig, PortalConfig } from '../../src/config/gateway-config.ts'
import { passwordsFile, portalFile } from '../../src/config/portal-file.ts'
import type { Caller } from '../../src/lifecycle/caller.ts'
import type { PasswordKind, PasswordVerifier } from '../../src/lifecycle/password-verifier.ts'

/** As configured when nothing is written: 5 attempts, 30 minutes, 100 failures an address in 600 seconds. */
export const passwords: PasswordsConfig = { ...passwordsFile.parse({}), verifier: { kind: 'directory' } }

const { enabled: _, ...written } = portalFile.parse({})
export const portal: PortalConfig = { ...written, publicAuthority: undefined, certificateAuthority: undefined }

export const caller: Caller = { requestId: 'r-1', clientAddress: '192.0.2.1' }

/** Knows everybody’s passwords: `login` and `confirmation`. Faults are switched on by the test. */
export class FakeVerifier implements PasswordVerifier {
  readonly asked: string[] = []
  /** Thrown by every question while it is set. */
  failure: Error | undefined
  /** What every question waits for. */
  gate: Promise<void> = Promise.resolve()

  async verify(kind: PasswordKind, loginId: string, password: string): Promise<'right' | 'wrong'> {
    this.asked.push(`${kind} ${loginId}`)
    await this.gate
    if (this.failure !== undefined) throw this.failure
    return password === kind && loginId !== 'nobody' ? 'right' : 'wrong'
  }
}
