const itemsAtOnce = 1_000

/**
 * The JSON of plain data in pieces, none of which takes long to make: values of an object one after another, long lists a thousand
 * items at a time.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  if (Array.isArray(value)) yield* arrayPieces(value)
  else if (typeof value === 'object' && value !== null) {
    let before = '{'
    for (const [name, part] of Object.entries(value)) {
      if (part === undefined) continue
      yield `${before}${JSON.stringify(name)}:`
      before = ','
      if (Array.isArray(part)) yield* arrayPieces(part)
      else yield JSON.stringify(part)
    }
    yield before === '{' ? '{}' : '}'
  } else yield JSON.stringify(value ?? null)
}

function* arrayPieces(items: readonly unknown[]): Generator<string> {
  yield '['
  for (let first = 0; first < items.length; first += itemsAtOnce) {
    const text = JSON.stringify(items.slice(first, first + itemsAtOnce)).slice(1, -1)
    yield first === 0 ? text : `,${text}`
  }
  yield ']'
}
