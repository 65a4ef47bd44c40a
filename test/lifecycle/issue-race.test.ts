// Goal: R17 holds whatever comes in between: a 失効 of a login ID leaves nobody with a certificate that was decided before it.
// Method: store wrappers that let a revocation happen at one exact place of an issue or renewal, or an issue within a revocation.
import t, { type Test } from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { issueCertificate } from '../../src/lifecycle/issue.ts'
import { revoke } from '../../src/lifecycle/revoke.ts'
import { createFileSigner } from '../../src/signing/file-signer.ts'
import { type FakeGateway, startFakeGateway } from '../control-path/fake-gateway.ts'
import { operator } from '../store/samples.ts'
import {
  addStaff,
  by,
  ca,
  changedStore,
  type IssuingOptions,
  issuingOver,
  newRequest,
  statesAt,
} from './issuing-gateway.ts'

type Store = FakeGateway['store']
const all = { certificates: [], reason: 'unspecified', comment: '', dryRun: false } as const
const fileSigner = createFileSigner({ keyPem: ca.keyPem, keyPassword: undefined })

/** A gateway where user01 has a certificate in use; `quiet` issues and revokes without anything in between. */
async function start(t: Test, options: (quiet: ReturnType<typeof issuingOver>) => IssuingOptions = () => ({})) {
  const gateway = await startFakeGateway(t)
  await addStaff(gateway.store)
  await gateway.follower.ready()
  const quiet = issuingOver(gateway)
  const old = await quiet.issue({ requestDer: newRequest() })
  await gateway.store.useCertificate(old.key)
  return { ...issuingOver(gateway, options(quiet)), quiet, old }
}

const revokeUser = (quiet: ReturnType<typeof issuingOver>) =>
  revoke({ ...all, loginIds: ['user01'] }, operator, quiet.ports)

const places: Readonly<Record<string, (store: Store, between: () => Promise<unknown>) => IssuingOptions>> = {
  'before the record': (store, between) => ({
    store: () =>
      changedStore(store, {
        reserveCertificate: async (...order) => {
          await between()
          return store.reserveCertificate(...order)
        },
      }),
  }),
  'after the record': (store, between) => ({
    store: () =>
      changedStore(store, {
        reserveCertificate: async (...order) => {
          const reserved = await store.reserveCertificate(...order)
          await between()
          return reserved
        },
      }),
  }),
  'while it is signed': (_store, between) => ({
    maker: {
      kind: 'own',
      signer: {
        ...fileSigner,
        sign: async (tbs) => {
          await between()
          return fileSigner.sign(tbs)
        },
      },
    },
  }),
}

for (const [place, options] of Object.entries(places)) {
  t.test(`R17: a 失効 that comes ${place} of a renewal`, async (t) => {
    const gateway = await start(t, (quiet) => options(quiet.store, () => revokeUser(quiet)))
    const requestDer = newRequest()
    const { old } = gateway
    await t.rejects(gateway.issue({ requestDer, proof: by(old.key) }), { code: 'login_refused' })
    t.strictSame(
      (await statesAt(gateway)).filter((state) => !state.endsWith('revoked')),
      [],
    )
    await t.rejects(gateway.quiet.issue({ requestDer, proof: by(old.key) }), GatewayError)
    t.notOk(gateway.mails.includes('renewed user01'))
    t.match(gateway.audited.at(-1), { event: 'issue_refused', reason: 'login_refused' })
    t.ok(await gateway.quiet.issue({ requestDer: newRequest() }), 'R16: with the password there is a new one')
  })

  t.test(`a 失効 of another user that comes ${place} of a renewal changes nothing for it`, async (t) => {
    const gateway = await start(t, (quiet) =>
      options(quiet.store, () => revoke({ ...all, loginIds: ['user02'] }, operator, quiet.ports)),
    )
    t.equal((await gateway.issue({ requestDer: newRequest(), proof: by(gateway.old.key) })).again, false)
    t.strictSame(await statesAt(gateway), ['current', 'issued'])
  })
}

t.test('R17: the proof alone is revoked by its serial number before the record: the renewal is refused', async (t) => {
  const gateway = await start(t, ({ store, publisher }) => ({
    store: () =>
      changedStore(store, {
        reserveCertificate: async (...order) => {
          const own = await store.certificatesOf('user01', 0)
          const requests = own.map(
            ({ key }) => ({ key, loginId: 'user01', reason: 'keyCompromise', comment: '' }) as const,
          )
          await publisher.publish(requests, operator)
          return store.reserveCertificate(...order)
        },
      }),
  }))
  await t.rejects(gateway.issue({ requestDer: newRequest(), proof: by(gateway.old.key) }), { code: 'login_refused' })
  t.strictSame(await statesAt(gateway), ['current revoked', 'issued revoked'])
})

t.test('R17: the proof is revoked by a rule alone before the record: the renewal is refused', async (t) => {
  const gateway = await start(t, ({ store, publisher }) => ({
    store: () =>
      changedStore(store, {
        keepNote: async (...note) => {
          const rule = { by: 'loginId', loginId: 'user01', notBeforeMaxMs: Date.now() - 299_000 } as const
          await publisher.publishRule({ rule, reason: 'unspecified', comment: '' }, operator)
          return store.keepNote(...note)
        },
      }),
  }))
  await t.rejects(gateway.issue({ requestDer: newRequest(), proof: by(gateway.old.key) }), { code: 'login_refused' })
  t.strictSame(await statesAt(gateway), ['current', 'issued revoked'])
})

t.test('R17: what is recorded while a login ID is being revoked is revoked with it', async (t) => {
  const gateway = await start(t)
  const { quiet, old, publisher } = gateway
  let late: { key: string } | undefined
  const ports = {
    ...quiet.ports,
    publisher: {
      ...publisher,
      publish: async (...request: Parameters<typeof publisher.publish>) => {
        // Decided, recorded and given before the first revocation is written.
        late ??= await quiet.issue({ requestDer: newRequest(), proof: by(old.key) })
        return publisher.publish(...request)
      },
    },
  }
  const result = await revoke({ ...all, loginIds: ['user01'] }, operator, ports)
  t.equal(result.revoked, 2)
  t.ok(gateway.isRevoked(late?.key as typeof old.key))
  t.strictSame(await statesAt(gateway), ['current revoked', 'issued revoked'])
})

t.test('a certificate that cannot be withdrawn is named in the log, and its key gets nothing', async (t) => {
  const lines: object[] = []
  const gateway = await start(t, (quiet) => ({
    ...places['after the record']?.(quiet.store, () => revokeUser(quiet)),
  }))
  const ports = {
    ...gateway.ports,
    log: { ...gateway.ports.log, error: (message: string, fields?: object) => void lines.push({ message, ...fields }) },
    publisher: {
      ...gateway.publisher,
      publish: async () => {
        throw new GatewayError('store_unavailable', 'Cannot reach the store')
      },
    },
  }
  const request = { loginId: 'user01', proof: by(gateway.old.key), requestDer: newRequest() }
  await t.rejects(issueCertificate(request, { requestId: 'r-9', clientAddress: '192.0.2.1' }, ports), {
    code: 'login_refused',
  })
  t.match(lines, [{ message: /could not be revoked: revoke it/, issuer: 'test-issuing-ca', serial: /^[0-9a-f]+$/ }])
})
