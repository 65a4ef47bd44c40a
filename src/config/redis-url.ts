import { normaliseHost } from './host-name.ts'

/** What a URL of one Redis server says; undefined where it says nothing. */
export type RedisUrl = {
  /** Lower case, without brackets. */
  readonly host: string
  readonly port: number
  readonly database: number | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  /** rediss:// */
  readonly secure: boolean
}

/** Finishes "Cannot use <field> as …". */
export const redisUrlExpected =
  'a URL such as redis://redis.bank.example:6379/0, redis://user:password@redis.bank.example:6379/0, or rediss:// for TLS'

/** The largest number a database may have here; how many a server has is its own configuration. */
export const redisDatabaseMax = 9_999

const redisPort = 6_379

/** Takes a URL apart, or says what is wrong with it, without repeating any part of it. */
export function readRedisUrl(text: string): RedisUrl | { readonly fault: string } {
  if (!/^rediss?:\/\//i.test(text)) return { fault: 'it begins neither with redis:// nor with rediss://' }
  const url = URL.parse(text)
  if (url === null || /[\s\\]/.test(text)) {
    return { fault: 'it has no host, or a port that is none; in user name and password, write / as %2F, @ as %40' }
  }
  if (url.search + url.hash !== '') return { fault: 'nothing may follow the database; write ? as %3F, # as %23' }
  const host = normaliseHost(url.hostname)
  if (host === undefined) return { fault: 'its host is neither a name nor an IP address' }
  const port = url.port === '' ? redisPort : Number(url.port)
  if (port === 0) return { fault: 'its port is 0' }
  const database = /^\/?$/.test(url.pathname) ? undefined : readDatabase(url.pathname)
  if (Number.isNaN(database)) {
    return { fault: `its path is not the number of a database, 0 to ${redisDatabaseMax}; write / in a password as %2F` }
  }
  const username = decode(url.username)
  const password = decode(url.password)
  if (username === undefined || password === undefined) {
    return { fault: 'a % in user name or password is not followed by two hexadecimal digits; write % as %25' }
  }
  return {
    host,
    port,
    database,
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
    secure: url.protocol === 'rediss:',
  }
}

function readDatabase(path: string): number {
  const number = /^\/\d{1,5}$/.test(path) ? Number(path.slice(1)) : Number.NaN
  return number <= redisDatabaseMax ? number : Number.NaN
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** What may be shown of a text that was meant as such a URL: scheme, host, port and database; never what stands before an @. */
export function maskRedisUrl(text: string): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(text) ?? []
  const at = rest.lastIndexOf('@')
  const place = rest.slice(at + 1)
  const plain = /^((\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,6})?(\/[0-9A-Za-z]{0,16})?)?$/.test(place)
  // One word alone may be the password itself.
  const shown = plain && (scheme !== '' || at >= 0 || place === '' || /:\d/.test(place))
  return `${scheme}${at < 0 ? '' : '(not shown)@'}${shown ? place : '(not shown)'}`
}
