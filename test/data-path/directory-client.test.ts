// Goal: what a worker remembers of the directory is never older than the last change it was told of.
// Method: lookups are answered by hand, with changes announced before, while and after they are on their way.
import t from 'tap'
import { DirectoryClient, type DirectoryQuestion } from '../../src/data-path/directory-client.ts'
import type { DirectoryAnswer } from '../../src/trust/directory-answer.ts'
import type { CertificateKey } from '../../src/x509/certificate-key.ts'

const key = (name: string) => name as CertificateKey
const user = (contractId: string): DirectoryAnswer =>
  ({ user: { contractId, role: 'general' }, certificateRegistered: true }) as DirectoryAnswer
const stranger = { user: undefined, certificateRegistered: false } as DirectoryAnswer

function setUp() {
  const asked: { question: DirectoryQuestion; resolve(answer: DirectoryAnswer): void; reject(error: Error): void }[] =
    []
  const directory = new DirectoryClient(
    (question) => new Promise((resolve, reject) => asked.push({ question, resolve, reject })),
  )
  return { asked, directory }
}

const one: DirectoryQuestion = { loginId: 'user01', certificateKey: key('a') }
const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('an answer is asked for once and remembered for that login ID and certificate', async (t) => {
  const { asked, directory } = setUp()
  t.equal(directory.remembered(one, 0), undefined)
  const answer = directory.lookUp(one)
  asked[0]?.resolve(user('x'))
  t.strictSame(await answer, user('x'))
  t.strictSame(directory.remembered(one, 0), user('x'))
  t.equal(directory.remembered({ ...one, certificateKey: key('b') }, 0), undefined, 'another certificate')
  t.equal(directory.remembered({ ...one, loginId: 'user02' }, 0), undefined, 'another user')
})

t.test('what is forgotten is asked anew', async (t) => {
  const { asked, directory } = setUp()
  for (const forget of [() => directory.forget('user01'), () => directory.forgetAll()]) {
    const answer = directory.lookUp(one)
    asked.at(-1)?.resolve(user('x'))
    await answer
    forget()
    t.equal(directory.remembered(one, 0), undefined)
  }
})

t.test('an answer that was on its way when its user changed is not used: it is asked again', async (t) => {
  const { asked, directory } = setUp()
  for (const [index, forget] of [() => directory.forget('user01'), () => directory.forgetAll()].entries()) {
    const answer = directory.lookUp(one)
    const before = asked.length
    forget()
    asked.at(-1)?.resolve(user(`old ${index}`))
    await turn()
    t.equal(asked.length, before + 1, 'asked again')
    t.equal(directory.remembered(one, 0), undefined)
    asked.at(-1)?.resolve(user(`new ${index}`))
    t.strictSame(await answer, user(`new ${index}`))
    t.strictSame(directory.remembered(one, 0), user(`new ${index}`))
    directory.forgetAll()
  }
})

t.test('changes of other users do not hold a lookup up', async (t) => {
  const { asked, directory } = setUp()
  const answer = directory.lookUp(one)
  for (let i = 0; i < 100; i++) directory.forget(`other${i}`)
  asked[0]?.resolve(user('x'))
  t.strictSame(await answer, user('x'))
  t.equal(asked.length, 1)
})

t.test('a stranger is not remembered: he may be registered any moment', async (t) => {
  const { asked, directory } = setUp()
  const answer = directory.lookUp(one)
  asked[0]?.resolve(stranger)
  t.strictSame(await answer, stranger)
  t.equal(directory.remembered(one, 0), undefined)
})

t.test('a directory that does not answer rejects, and leaves nothing behind', async (t) => {
  const { asked, directory } = setUp()
  const answer = directory.lookUp(one)
  directory.forget('user01')
  asked[0]?.reject(new Error('away'))
  await t.rejects(answer, { message: 'away' })
  t.equal(directory.remembered(one, 0), undefined)
  const next = directory.lookUp(one)
  asked[1]?.resolve(user('x'))
  t.strictSame(await next, user('x'))
})

t.test('an answer that vouches for a certificate is remembered until that ends', async (t) => {
  const { asked, directory } = setUp()
  const answer = directory.lookUp(one)
  const vouched = { ...user('x'), goodUntilMs: 5_000 }
  asked[0]?.resolve(vouched)
  await answer
  t.strictSame(directory.remembered(one, 4_999), vouched)
  t.equal(directory.remembered(one, 5_000), undefined)
})
