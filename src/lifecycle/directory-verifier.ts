import { LimitedWork } from './limited-work.ts'
import { isPasswordHash, makeDummyHash, matchesHash } from './password-hash.ts'
import type { PasswordKind, PasswordVerifier } from './password-verifier.ts'
import type { LifecyclePorts } from './ports.ts'

export type DirectoryVerifierPorts = Pick<LifecyclePorts, 'passwords' | 'log'> & {
  readonly store: Pick<LifecyclePorts['store'], 'user'>
}

/** Compares with hashes in the directory, for the demo and small sites. */
export class DirectoryVerifier implements PasswordVerifier {
  readonly #ports: DirectoryVerifierPorts
  readonly #work: LimitedWork

  constructor(ports: DirectoryVerifierPorts) {
    this.#ports = ports
    this.#work = new LimitedWork(() => {
      const { hashesAtOnce, hashQueueMax } = ports.passwords()
      return { atOnce: hashesAtOnce, queueMax: hashQueueMax }
    })
  }

  async verify(kind: PasswordKind, loginId: string, password: string): Promise<'right' | 'wrong'> {
    const phc = (await this.#ports.store.user(loginId))?.credentials?.[kind]
    const isUsable = phc !== undefined && isPasswordHash(phc)
    if (phc !== undefined && phc !== '' && !isUsable) {
      this.#ports.log.error('the password hash of a user cannot be read', { loginId, kind })
    }
    return await this.#work.run(async () => {
      const matches = await matchesHash(password, isUsable ? phc : this.#dummyHash())
      return matches && isUsable ? 'right' : 'wrong'
    })
  }

  /** Costs what new hashes cost now, so that a login ID that nobody has takes as long as one that is there. */
  #dummyHash(): string {
    const { hashMemoryKib: memoryKib, hashPasses: passes } = this.#ports.passwords()
    return makeDummyHash({ memoryKib, passes })
  }
}
