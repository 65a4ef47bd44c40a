import { LoginFieldFinder, type LoginReading } from './login-field.ts'

/** In which form a login comes. */
export type LoginBodyType = 'form' | 'json'

/**
 * The login ID in the whole body of a login. Read more strictly than by any application: what two of them might read in
 * two ways is unreadable. Never throws.
 */
export function readLoginBody(body: Buffer, type: LoginBodyType, field: string): LoginReading {
  return type === 'form' ? readForm(body, field) : readJson(body, field)
}

/** application/x-www-form-urlencoded (WHATWG URL 5), as browsers write it. */
function readForm(body: Buffer, field: string): LoginReading {
  const text = body.toString('latin1')
  // Browsers escape everything else; `;` separates fields for some applications.
  if (!/^[\x21-\x3a\x3c-\x7e]*$/.test(text)) return { unreadable: 'a byte that forms hold escaped only' }
  const finder = new LoginFieldFinder(field)
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeStrictly(equals < 0 ? pair : pair.slice(0, equals))
    const value = decodeStrictly(equals < 0 ? '' : pair.slice(equals + 1))
    if (name === undefined || value === undefined) return { unreadable: 'an escape that is not UTF-8' }
    // Tells applications in which charset the form is (HTML 4.10.19.5).
    if (name.toLowerCase() === '_charset_' && value.toLowerCase() !== 'utf-8')
      return { unreadable: 'the form is in another charset' }
    finder.take(name, value)
  }
  return finder.result()
}

function decodeStrictly(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

/** One JSON object (RFC 8259). Names are looked for at every depth, and may not be there twice in one object. */
function readJson(body: Buffer, field: string): LoginReading {
  let text: string
  let value: unknown
  try {
    // A byte order mark is not ignored: it is no JSON.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
    value = JSON.parse(text)
  } catch {
    return { unreadable: 'no JSON in UTF-8' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { unreadable: 'no JSON object' }
  const finder = new LoginFieldFinder(field)
  const members = value as Readonly<Record<string, unknown>>
  for (const name of jsonNames(text)) {
    if (name === 'twice') return { unreadable: 'a member of a JSON object is there twice' }
    const own = name.depth === 1 ? members[name.text] : undefined
    finder.take(name.text, typeof own === 'string' ? own : undefined)
  }
  return finder.result()
}

const jsonTokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g

/** The names of all members of all objects in a text that is JSON; `twice` for one that its object has already. */
function* jsonNames(text: string): Generator<{ readonly text: string; readonly depth: number } | 'twice'> {
  /** Names of each object that is open; undefined for an array. */
  const open: (Set<string> | undefined)[] = []
  let string: string | undefined
  for (const [token] of text.matchAll(jsonTokens)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':' && string !== undefined) {
      const name = JSON.parse(string) as string
      const names = open.at(-1)
      if (names?.has(name)) yield 'twice'
      names?.add(name)
      yield { text: name, depth: open.length }
    }
    string = token.startsWith('"') ? token : undefined
  }
}
