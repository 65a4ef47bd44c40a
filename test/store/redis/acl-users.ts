import type { RedisServer } from '../../helpers/redis-server.ts'
import { readSource } from '../../tidy/source-files.ts'

/** The ACL lines of README.md for servers (not for Sentinels), by the name of the user. */
export function aclLines(): ReadonlyMap<string, readonly string[]> {
  const { text } = readSource('src/store/redis/README.md')
  const lines = [...text.matchAll(/^ACL SETUSER (\S+) (.*)$/gm)].map(
    ([, name = '', rest = '']) => [name, rest.split(' ')] as const,
  )
  return new Map(lines.filter(([, words]) => !words.some((word) => word.startsWith('+sentinel'))))
}

/** The ACL line for Sentinels, with a password, as words after ACL SETUSER. */
export function sentinelUser(password: string): readonly string[] {
  const { text } = readSource('src/store/redis/README.md')
  const line = /^ACL SETUSER (.*\+sentinel.*)$/m.exec(text)?.[1]
  if (line === undefined) throw new Error('README.md has no line for Sentinels')
  return line.replace('PASSWORD', password).split(' ')
}

/** Types one of them, with a password; what README.md says beside it must do. */
export async function setUser(server: RedisServer, name: string, password: string): Promise<void> {
  const words = aclLines().get(name)
  if (words === undefined) throw new Error(`README.md has no user ${name}`)
  await server.cli('ACL', 'SETUSER', name, ...words.map((word) => word.replace('PASSWORD', password)))
}
