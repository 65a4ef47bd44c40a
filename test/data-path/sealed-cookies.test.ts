// Goal: a sealed value opens for its cookie, login method and login ID only, for thirty days, on every gateway with the secret.
// Method: round trips under a fake clock, with each part of the binding and of the value changed in turn.
import t from 'tap'
import { type CookieBinding, CookieSealer } from '../../src/data-path/sealed-cookies.ts'
import { FakeClock } from '../helpers/fake-clock.ts'

const secret = Buffer.alloc(32, 1)
const dayMs = 86_400_000
const user01: CookieBinding = { loginMethod: 'certificate', loginId: 'user01' }

function sealerWith(clock = new FakeClock(), key = secret) {
  return { clock, sealer: new CookieSealer({ names: ['SESSION'], secret: key, clock }) }
}

/** name=value of a Set-Cookie value. */
const pair = (setCookie: string) => setCookie.split(';')[0] as string

t.test('round trip, with any value a cookie may have', async (t) => {
  const { sealer } = sealerWith()
  for (const value of ['x', '', '"quoted"', 'a=b==', 'x'.repeat(3_000), '\xe9\xff', '%41']) {
    const sealed = sealer.sealSetCookie(`SESSION=${value}; Path=/; Secure`, user01)
    t.match(sealed, /^SESSION=s1\.[0-9a-z]+\.[A-Za-z0-9_-]+; Path=\/; Secure$/)
    t.equal(sealer.openCookies(pair(sealed), user01), `SESSION=${value}`)
  }
})

t.test('the same value never looks the same twice', async (t) => {
  const { sealer } = sealerWith()
  t.not(sealer.sealSetCookie('SESSION=x', user01), sealer.sealSetCookie('SESSION=x', user01))
})

t.test('another binding opens nothing', async (t) => {
  const { sealer } = sealerWith()
  const sealed = pair(sealer.sealSetCookie('SESSION=x', user01))
  const others: CookieBinding[] = [
    { loginMethod: 'certificate', loginId: 'user02' },
    { loginMethod: 'certificate', loginId: 'user0' },
    { loginMethod: 'certificate', loginId: undefined },
    { loginMethod: 'password', loginId: 'user01' },
    { loginMethod: 'password', loginId: undefined },
  ]
  for (const binding of others) t.equal(sealer.openCookies(sealed, binding), '', JSON.stringify(binding))
})

t.test('a login ID cannot be made to look like a binding of its own', async (t) => {
  const { sealer } = sealerWith()
  const sealed = pair(sealer.sealSetCookie('SESSION=x', { loginMethod: 'certificate', loginId: 'a","b' }))
  t.equal(sealer.openCookies(sealed, { loginMethod: 'certificate', loginId: 'a' }), '')
})

t.test('keys change daily; values stay readable for thirty days, also one day ahead', async (t) => {
  const { clock, sealer } = sealerWith()
  const sealed = pair(sealer.sealSetCookie('SESSION=x', user01))
  clock.advance(dayMs)
  t.not(pair(sealer.sealSetCookie('SESSION=x', user01)).split('.')[1], sealed.split('.')[1])
  clock.advance(29 * dayMs)
  t.equal(sealer.openCookies(sealed, user01), 'SESSION=x')
  clock.advance(dayMs)
  t.equal(sealer.openCookies(sealed, user01), '')
  const ahead = sealerWith(new FakeClock(clock.nowMs() + dayMs)).sealer
  t.equal(
    sealer.openCookies(pair(ahead.sealSetCookie('SESSION=y', user01)), user01),
    'SESSION=y',
    'another gateway’s clock',
  )
  const farAhead = sealerWith(new FakeClock(clock.nowMs() + 2 * dayMs)).sealer
  t.equal(sealer.openCookies(pair(farAhead.sealSetCookie('SESSION=y', user01)), user01), '')
})

t.test('another secret opens nothing', async (t) => {
  const { clock, sealer } = sealerWith()
  const other = sealerWith(clock, Buffer.alloc(32, 2)).sealer
  t.equal(other.openCookies(pair(sealer.sealSetCookie('SESSION=x', user01)), user01), '')
})

t.test('any change of a sealed value makes it worthless, and nothing throws', async (t) => {
  const { sealer } = sealerWith()
  const value = pair(sealer.sealSetCookie('SESSION=x', user01)).slice('SESSION='.length)
  for (let at = 0; at < value.length; at++) {
    for (const other of ['A', 'b', '.', '=', '-', '']) {
      if (value[at] === other) continue
      const changed = value.slice(0, at) + other + value.slice(at + 1)
      if (sealer.openCookies(`SESSION=${changed}`, user01) !== '')
        t.fail(`opened with ${JSON.stringify(other)} at ${at}`)
    }
  }
  for (const odd of ['', 's1', 's1.', 's1..', 's1.0.', 's1.zzzzzzzzzz.AAAA', 's1.-1.AAAA', 's1.NaN.AAAA', 'SESSION']) {
    t.equal(sealer.openCookies(`SESSION=${odd}`, user01), '', odd)
  }
})

t.test('cookies that are not sealed pass both ways as they are', async (t) => {
  const { sealer } = sealerWith()
  for (const value of ['theme=dark; Path=/', 'SESSIONS=x', 'X-SESSION=x', '=x', 'x', ''])
    t.equal(sealer.sealSetCookie(value, user01), value)
  t.equal(sealer.openCookies('a=1;b=2 ;  c="; d', user01), 'a=1; b=2; c="; d')
  t.equal(sealer.openCookies(' ; ;', user01), '')
})

t.test('Set-Cookie is sealed whatever the case of the name and the blanks around it', async (t) => {
  const { sealer } = sealerWith()
  for (const value of ['session=x', ' SESSION =x', 'Session=x;Path=/']) {
    const sealed = sealer.sealSetCookie(value, user01)
    t.match(sealed, /^[Ss][^=]*=s1\./, value)
    t.match(sealer.openCookies(pair(sealed), user01), /^session=x$/i)
  }
})

const login = { loginId: 'pass01', contractId: '契約 1' }
type Owned = NonNullable<CookieBinding['owned']>

/** The public door where logins are known; keeps what is opened. */
function ownedDoor(owner: Owned['login'], admits = true) {
  const opened: Parameters<Owned['admits']>[0][] = []
  const owned: Owned = {
    login: owner,
    defaultPath: '/app',
    admits: (cookie) => {
      opened.push(cookie)
      return admits
    },
  }
  const binding: CookieBinding = { loginMethod: 'password', loginId: undefined, owned }
  return { binding, opened }
}

t.test('where logins are known, a sealed value says whose it is and how it was set', async (t) => {
  const { sealer } = sealerWith()
  const { binding, opened } = ownedDoor(login)
  const cases: Record<string, string> = {
    '; Path=/x; Secure': '; Path=/x; Secure',
    '; Secure': '; Secure; Path=/app',
    '': '; Path=/app',
    '; path = /a; PATH=/b': '; path = /a; PATH=/b',
    '; Path=': '; Path=; Path=/app',
    '; Path=/a; Path': '; Path=/a; Path; Path=/app',
    '; Path=x': '; Path=x; Path=/app',
    [`; X=${'x'.repeat(600)}`]: '',
  }
  for (const [attributes, kept] of Object.entries(cases)) {
    const sealed = sealer.sealSetCookie(`SESSION=\xe9x${attributes}`, binding)
    t.match(sealed, /^SESSION=s2\./)
    t.ok(sealed.endsWith(attributes))
    t.equal(sealer.openCookies(pair(sealed), binding), 'SESSION=\xe9x')
    t.strictSame(opened.pop(), { name: 'SESSION', plain: '\xe9x', login, attributes: kept })
  }
})

t.test('it opens on the public door where logins are known only, and only if it is admitted there', async (t) => {
  const { sealer } = sealerWith()
  const sealed = pair(sealer.sealSetCookie('SESSION=x', ownedDoor(login).binding))
  const nobodys = pair(sealer.sealSetCookie('SESSION=x', ownedDoor(undefined).binding))
  t.equal(sealer.openCookies(sealed, ownedDoor(undefined).binding), 'SESSION=x', 'whoever asks')
  t.equal(sealer.openCookies(sealed, ownedDoor(login, false).binding), '')
  for (const value of [sealed, nobodys]) {
    t.equal(sealer.openCookies(value, { loginMethod: 'password', loginId: undefined }), '')
    t.equal(sealer.openCookies(value, { loginMethod: 'certificate', loginId: 'pass01' }), '')
  }
  const { binding, opened } = ownedDoor(login)
  t.equal(sealer.openCookies(nobodys, binding), 'SESSION=x')
  t.match(opened, [{ login: undefined }])
})

t.test('values of either kind are not taken for the other', async (t) => {
  const { sealer } = sealerWith()
  const { binding, opened } = ownedDoor(login)
  const plain = pair(sealer.sealSetCookie('SESSION=x', { loginMethod: 'password', loginId: undefined }))
  const sealed = pair(sealer.sealSetCookie('SESSION=x', binding))
  t.equal(sealer.openCookies(plain, binding), 'SESSION=x', 'from before logins were known')
  t.strictSame(opened, [])
  t.equal(sealer.openCookies(plain.replace('s1.', 's2.'), binding), '')
  t.equal(sealer.openCookies(sealed.replace('s2.', 's1.'), binding), '')
  const certificates = pair(sealer.sealSetCookie('SESSION=x', user01))
  t.equal(sealer.openCookies(certificates, binding), '')
  t.equal(sealer.openCookies(certificates.replace('s1.', 's2.'), binding), '')
})
