/** What a login request says: the login ID it names, or why it cannot be read in one way only. Faults are for operators and hold no value. */
export type LoginReading = { readonly loginId: string } | { readonly unreadable: string }

/** Looks for the login ID among the names of a form or of a JSON object, as strictly as lenient applications make necessary. */
export class LoginFieldFinder {
  readonly #field: string
  readonly #folded: string
  #value: string | undefined
  #found = 0
  #unreadable: string | undefined

  constructor(field: string) {
    this.#field = field
    this.#folded = foldName(field)
  }

  /** `value`: undefined for what is no text, or stands in a place where it does not count. */
  take(name: string, value: string | undefined): void {
    if (oddName.test(name)) this.#unreadable ??= 'a field name holds a control character or an escape'
    if (!mayBe(name, this.#folded)) return
    this.#found++
    if (name !== this.#field) this.#unreadable ??= 'a field is spelt nearly like that of the login ID'
    else if (value === undefined) this.#unreadable ??= 'the login ID is no text at the top level'
    else this.#value = value
  }

  result(): LoginReading {
    if (this.#unreadable !== undefined) return { unreadable: this.#unreadable }
    if (this.#found > 1) return { unreadable: 'the field of the login ID is there several times' }
    return this.#value === undefined ? { unreadable: 'the field of the login ID is missing' } : { loginId: this.#value }
  }
}

/** Some applications stop at them, others leave them out; an escape that is left after decoding may be decoded once more. */
const oddName = /[\p{C}%]/u

/**
 * Whether lenient applications may take a name for the one that folds to `folded`: an index in brackets may count, or the bracket alone
 * (PHP makes `login[id` the same as `login_id`).
 */
function mayBe(name: string, folded: string): boolean {
  const plain = foldName(name)
  return plain.replace(/[[\]]/g, '') === folded || plain.replace(/\[.*$/, '') === folded
}

/** Without regard to case, width, accents, quotes, and what applications write as `_` or leave out. */
function foldName(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[\p{M}\p{C}\s"'_.-]/gu, '')
    .toUpperCase()
    .toLowerCase()
}

/**
 * Whether a query may be read as naming the field, by any application: many put query and body together, and differ in which of
 * the two counts.
 */
export function queryNames(target: string, field: string): boolean {
  const start = target.indexOf('?')
  if (start < 0) return false
  const folded = foldName(field)
  return target
    .slice(start + 1)
    .split(/[&;?]/)
    .some((pair) => mayBe(decodeLoosely(pair.split('=', 1)[0] as string), folded))
}

/** Decoded as often as an escape is left, and never refused. */
function decodeLoosely(text: string): string {
  let decoded = text.replaceAll('+', ' ')
  for (let times = 0; times < decodingsMax && decoded.includes('%'); times++) {
    const bytes = decoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    decoded = Buffer.from(bytes, 'latin1').toString('utf8')
  }
  return decoded
}

const decodingsMax = 4
