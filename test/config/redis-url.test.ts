// Goal: a Redis URL is read as everybody writes it, what is not one is refused with the reason, and no message can hold its password.
// Method: URLs good and bad; for each bad one a good twin that differs in one thing.
import t from 'tap'
import { maskRedisUrl, type RedisUrl, readRedisUrl } from '../../src/config/redis-url.ts'

const plain: RedisUrl = {
  host: 'localhost',
  port: 6_379,
  database: undefined,
  username: undefined,
  password: undefined,
  secure: false,
}

const good: [text: string, read: Partial<RedisUrl>][] = [
  ['redis://localhost', {}],
  ['redis://localhost/', {}],
  ['REDIS://LOCALHOST:6379', {}],
  ['redis://localhost:1/0', { port: 1, database: 0 }],
  ['redis://127.0.0.1/15', { host: '127.0.0.1', database: 15 }],
  ['redis://[::1]:65535/9999', { host: '::1', port: 65_535, database: 9_999 }],
  ['rediss://redis.bank.example', { host: 'redis.bank.example', secure: true }],
  ['redis://:pw@localhost', { password: 'pw' }],
  ['redis://user:pw@localhost', { username: 'user', password: 'pw' }],
  ['redis://user@localhost', { username: 'user' }],
  ['redis://us%40er:p%2Fw%3A%25%23%3F@localhost', { username: 'us@er', password: 'p/w:%#?' }],
  ['redis://user:p@w:x@localhost', { username: 'user', password: 'p@w:x' }],
]
for (const [text, read] of good) {
  t.test(`${text} is read`, async (t) => t.same(readRedisUrl(text), { ...plain, ...read }))
}

const bad: [text: string, fault: RegExp, twin: string][] = [
  ['', /begins neither/, 'redis://localhost'],
  ['localhost:6379', /begins neither/, 'redis://localhost:6379'],
  ['http://localhost:6379', /begins neither/, 'redis://localhost:6379'],
  ['redis:localhost', /begins neither/, 'redis://localhost'],
  ['file:/run/redis-url', /begins neither/, 'redis://localhost'],
  ['redis://', /neither a name nor an IP address/, 'redis://a'],
  ['redis://:6379', /no host/, 'redis://a:6379'],
  ['redis://localhost:65536', /port that is none/, 'redis://localhost:65535'],
  ['redis://localhost:port', /port that is none/, 'redis://localhost:1'],
  ['redis://localhost:0', /port is 0/, 'redis://localhost:1'],
  ['redis://local host', /port that is none/, 'redis://localhost'],
  ['redis://-localhost', /neither a name nor an IP address/, 'redis://localhost'],
  ['redis://1.2.3', /neither a name nor an IP address/, 'redis://1.2.3.4'],
  ['redis://a.example,b.example', /neither a name nor an IP address/, 'redis://a.example'],
  ['redis://localhost/zero', /number of a database/, 'redis://localhost/0'],
  ['redis://localhost/0/1', /number of a database/, 'redis://localhost/01'],
  ['redis://localhost/10000', /number of a database, 0 to 9999/, 'redis://localhost/9999'],
  ['redis://localhost/-1', /number of a database/, 'redis://localhost/1'],
  ['redis://localhost/0?family=6', /nothing may follow/, 'redis://localhost/0'],
  ['redis://localhost/0#x', /nothing may follow/, 'redis://localhost/0'],
  ['redis://user:p/w@localhost', /write \/ as %2F/, 'redis://user:p%2Fw@localhost'],
  ['redis://user:1/w@localhost', /write \/ in a password as %2F/, 'redis://user:1%2Fw@localhost'],
  ['redis://user:1?w@localhost', /write \? as %3F/, 'redis://user:1%3Fw@localhost'],
  ['redis://user:p%w@localhost', /write % as %25/, 'redis://user:p%25w@localhost'],
  ['redis://%:pw@localhost', /write % as %25/, 'redis://%25:pw@localhost'],
]
for (const [text, fault, twin] of bad) {
  t.test(`${JSON.stringify(text)} is refused, ${twin} is not`, async (t) => {
    const read = readRedisUrl(text)
    t.match('fault' in read ? read.fault : 'accepted', fault)
    t.notOk('fault' in readRedisUrl(twin))
  })
}

t.test('what is wrong is said without any part of the URL', async (t) => {
  const texts = ['%1:2/%0', '%1:%2@-%0', '%1:%2@h/%0', '%1:%2@h/0?%0', '%1:%2@h/0#%0', '%1:%2%@h', 'h:1%0']
  for (const text of texts.flatMap((rest) => [rest, `redis://${rest}`, `http://${rest}`])) {
    const url = text.replaceAll(/%[012]/g, 'qqqq')
    const read = readRedisUrl(url)
    t.notMatch('fault' in read ? read.fault : 'qqqq: accepted', /qqqq/, url)
  }
})

const masked: [text: string, shown: string][] = [
  ['redis://localhost:6379/0', 'redis://localhost:6379/0'],
  ['http://localhost:6379', 'http://localhost:6379'],
  ['localhost:6379', 'localhost:6379'],
  ['redis://user:secret@localhost:70000/0', 'redis://(not shown)@localhost:70000/0'],
  ['redis://:secret@[::1]/x', 'redis://(not shown)@[::1]/x'],
  ['user:secret@localhost', '(not shown)@localhost'],
  ['redis:user:secret@localhost', '(not shown)@localhost'],
  ['redis://user:s/ecret@localhost/x', 'redis://(not shown)@localhost/x'],
  ['redis://user:s@ecret@localhost/x', 'redis://(not shown)@localhost/x'],
  ['redis://user:s#ecret@localhost/x', 'redis://(not shown)@localhost/x'],
  ['redis://user:se\ncret@localhost', 'redis://(not shown)@localhost'],
  ['redis://localhost?password=secret', 'redis://(not shown)'],
  ['redis://localhost/0#secret', 'redis://(not shown)'],
  ['redis://:secret', 'redis://(not shown)'],
  ['redis://:12345', 'redis://(not shown)'],
  ['redis://user:secret', 'redis://(not shown)'],
  ['a secret', '(not shown)'],
  ['secret', '(not shown)'],
  ['', ''],
]
for (const [text, shown] of masked) {
  t.test(`${JSON.stringify(text)} may be shown as ${shown}`, async (t) => t.equal(maskRedisUrl(text), shown))
}
