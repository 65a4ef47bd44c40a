// Goal: no answer but a right one lets anybody in, or keeps anybody out: replayed, expired, for others, by others, broken, redirected.
// Method: the real checker under both policies, against a responder on loopback that gives one bad answer each; good twins beside.
import t from 'tap'
import { createTestCa } from '../helpers/test-ca.ts'
import { delegate, ocspFailureStatus, type ReceivedQuestion } from '../helpers/test-ocsp.ts'
import { ca, certIdFor, type OcspWorld, startWorld } from './ocsp-world.ts'

type Bad = {
  readonly answer: (question: ReceivedQuestion, world: OcspWorld) => Uint8Array | undefined
  readonly result: 'refused' | 'unreachable'
  readonly says: RegExp
}

/** Bad answers that say revoked: believed, they would lock out whoever an attacker names. */
const revoked = { status: 'revoked' } as const
const namesake = createTestCa({ commonName: 'Bank CA' })
const typed = ({ response }: ReceivedQuestion) => response.setHeader('content-type', 'application/ocsp-response')

const cases: Readonly<Record<string, Bad>> = {
  'replayed, with the nonce of another question': {
    answer: (question, world) => world.respond(question, revoked, { nonce: Buffer.alloc(32, 1) }),
    result: 'refused',
    says: /nonce is not the one sent/,
  },
  'replayed without a nonce, after its nextUpdate': {
    answer: (question, world) => {
      const nowMs = world.clock.nowMs()
      const dates = { thisUpdateMs: nowMs - 20_000, nextUpdateMs: nowMs - 1_000 }
      return world.respond(question, { ...revoked, ...dates }, { nonce: undefined })
    },
    result: 'refused',
    says: /has expired/,
  },
  'from the future': {
    answer: (question, world) => world.respond(question, { ...revoked, thisUpdateMs: world.clock.nowMs() + 5_000 }),
    result: 'refused',
    says: /in the future/,
  },
  'for another serial number': {
    answer: (question, world) => world.respond(question, { ...revoked, certId: certIdFor('dead') }),
    result: 'refused',
    says: /about other certificates \(dead\)/,
  },
  'signed by a client’s certificate of this CA': {
    answer: (question, world) => world.respond(question, revoked, { signer: ca.issueClient({ commonName: 'Client' }) }),
    result: 'refused',
    says: /not for signing OCSP responses/,
  },
  'signed by a responder of another CA with the same name': {
    answer: (question, world) => world.respond(question, revoked, { signer: delegate(namesake) }),
    result: 'refused',
    says: /was not issued by bank itself: signature/,
  },
  'signed by another CA with the same name': {
    answer: (question, world) => world.respond(question, revoked, { signer: namesake, responderId: 'name' }),
    result: 'refused',
    says: /was not issued by bank itself/,
  },
  'signed with SHA-1': {
    answer: (question, world) =>
      world.respond(question, revoked, { signer: delegate(ca, { keyKind: 'rsa2048' }), hash: 'sha1' }),
    result: 'refused',
    says: /signed with hash sha1/,
  },
  tryLater: { answer: () => ocspFailureStatus(3), result: 'refused', says: /says tryLater/ },
  garbage: { answer: () => Buffer.from('garbage'), result: 'refused', says: /cannot be read/ },
  nothing: { answer: () => Buffer.alloc(0), result: 'refused', says: /cannot be read/ },
  'cut off': {
    answer: (question, world) => world.respond(question, revoked).subarray(0, 200),
    result: 'refused',
    says: /cannot be read/,
  },
  'a body that breaks off': {
    answer: (question, world) => {
      typed(question).setHeader('content-length', 5_000)
      question.response.write(world.respond(question, revoked), () => question.response.destroy())
      return undefined
    },
    result: 'unreachable',
    says: /cannot be reached/,
  },
  'over 64 KiB': {
    answer: (question) => {
      const more = (): void => {
        while (!question.response.destroyed && question.response.write(Buffer.alloc(65_536)));
      }
      typed(question).on('drain', more)
      more()
      return undefined
    },
    result: 'unreachable',
    says: /longer than 65536 bytes/,
  },
  'a redirect': {
    answer: ({ response, request }) => {
      response.writeHead(307, { location: `http://${request.headers.host}/good` }).end()
      return undefined
    },
    result: 'unreachable',
    says: /status 307/,
  },
  'another type': {
    answer: (question, world) => {
      question.response.setHeader('content-type', 'text/html').end(world.respond(question, revoked))
      return undefined
    },
    result: 'unreachable',
    says: /type "text\/html"/,
  },
  'an error': {
    answer: (question, world) => {
      typed(question).writeHead(500).end(world.respond(question, revoked))
      return undefined
    },
    result: 'unreachable',
    says: /status 500/,
  },
  'a connection that ends': {
    answer: ({ response }) => {
      response.destroy()
      return undefined
    },
    result: 'unreachable',
    says: /cannot be reached/,
  },
}

for (const [what, bad] of Object.entries(cases)) {
  t.test(what, async (t) => {
    for (const policy of ['mustBeGood', 'revokedOnly'] as const) {
      const { world, responder } = await startWorld(t, { policy })
      responder.answer = (question) => bad.answer(question, world)
      t.equal(await world.ask('a1'), policy === 'mustBeGood' ? 0 : undefined)
      await world.until(() => world.results.length > 0)
      t.same([world.results, world.published], [[`bank ${bad.result}`], []], policy)
      t.match(world.logged, [bad.says])
      t.equal(world.logged.length, 1)
      responder.answer = (question) => world.respond(question, revoked)
      await world.ask('b2')
      await world.until(() => world.published.length > 0)
      t.equal(world.published.length, 1, 'the right answer has its effect')
      t.match(world.logged.at(-1), /^info the OCSP responder answers again/)
    }
  })
}

t.test('never answering: the question ends after timeoutMs', async (t) => {
  const { world, responder } = await startWorld(t, { timeoutMs: 100 })
  responder.answer = (question) => {
    typed(question).write(Buffer.of(0x30))
    return undefined
  }
  t.equal(await world.ask('a1'), 0)
  t.same(world.results, ['bank unreachable'])
  t.match(world.logged, [/has not answered within 100 ms/])
})

t.test('down: denied where it must be good, nothing else elsewhere', async (t) => {
  const { world, responder } = await startWorld(t)
  await responder.close()
  t.equal(await world.ask('a1'), 0)
  t.match(world.logged, [/cannot be reached or is not trusted \(ECONNREFUSED\)/])
})
