// Lifecycle ports of several gateways over one store in memory, for acts that need people and notes alone.
import type { ControlAuditEvent } from '../../src/control-path/ports.ts'
import type { Contract, LifecyclePorts, User } from '../../src/lifecycle/ports.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { FakeNotes } from './fake-notes.ts'
import { FakeVerifier, passwords, portal } from './samples.ts'

const contracts: readonly Contract[] = [
  { contractId: 'shoji', loginMethod: 'certificate', certificateLimit: 100 },
  { contractId: 'yubin', loginMethod: 'password', certificateLimit: 100 },
]
const people: readonly User[] = [
  { loginId: 'master01', contractId: 'shoji', role: 'master', state: 'active' },
  {
    loginId: 'user01',
    contractId: 'shoji',
    role: 'general',
    state: 'active',
    credentials: { login: 'hash of user01' },
  },
  { loginId: 'user02', contractId: 'shoji', role: 'general', state: 'active' },
  { loginId: 'user09', contractId: 'shoji', role: 'general', state: 'suspended' },
  { loginId: 'master09', contractId: 'shoji', role: 'master', state: 'suspended' },
  { loginId: 'pass01', contractId: 'yubin', role: 'general', state: 'active' },
  { loginId: 'pass02', contractId: 'yubin', role: 'master', state: 'active' },
]

export type FakeGateways = ReturnType<typeof startFakeGateways>

/** `storeClock` is the store's, `clock` that of the gateways. */
export function startFakeGateways(changes: Partial<LifecyclePorts> = {}) {
  const storeClock = new FakeClock()
  const clock = new FakeClock()
  const notes = new FakeNotes(() => storeClock.nowMs())
  const audited: ControlAuditEvent[] = []
  const logged: string[] = []
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const advance = (durationMs: number): void => {
    storeClock.advance(durationMs)
    clock.advance(durationMs)
  }

  /** One gateway more; its verifier is its own, as in another process. */
  function gateway() {
    const verifier = new FakeVerifier()
    const directory = {
      user: async (loginId: string) => people.find((user) => user.loginId === loginId),
      contract: async (contractId: string) => contracts.find((contract) => contract.contractId === contractId),
      loginIds: async () => [],
    }
    const store = new Proxy(notes, {
      get(target, name) {
        const member = Reflect.get(name in directory ? directory : target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const ports: LifecyclePorts = {
      store: store as unknown as LifecyclePorts['store'],
      publisher: {} as LifecyclePorts['publisher'],
      workers: { connectedKeys: async () => [], connectionsOf: async () => [] },
      issuers: [],
      issuingCas: () => [],
      directory: 'embedded',
      audit: (event) => void audited.push(event),
      issuing: () => undefined,
      passwords: () => passwords,
      portal: () => portal,
      revokedUntilMs: async () => undefined,
      revokedByRule: async () => new Set(),
      log: { info: log, warn: log, error: log },
      verifier,
      nowMs: () => clock.nowMs(),
      pause: async () => {},
      ...changes,
    }
    return { ports, verifier }
  }
  return { storeClock, clock, advance, notes, audited, logged, gateway, ...gateway() }
}
