import { DerReader, tags } from '../../../src/x509/der-reader.ts'
import { derElement } from '../../../src/x509/der-writer.ts'
import type { Random } from '../random.ts'

/** An element as a tree: with `inside` it is written from what is inside, else from its contents. */
type Node = { tag: number; contents: Uint8Array; inside: Node[] | undefined }

const lengths = ['80', '817f', '82ffff', '83ffffff', '84ffffffff', '8500000000ff', '00', '7f', 'ff']
const someTags: readonly number[] = [...Object.values(tags), 0x0a, 0x80, 0x81, 0xa0, 0xa4, 0, 0x1f, 0xff]
const changesMax = 3

/**
 * The same list with one to three changes. Half of the lists are changed as trees, so that the lengths around a change fit: elements
 * left out, given twice, moved, emptied, with other tags or contents. The others are changed as bytes.
 */
export function mutateList(bytes: Buffer, random: Random): Buffer {
  const changes = 1 + random.integer(changesMax)
  if (random.chance(0.5)) {
    const list = treeOf(bytes)
    for (let change = 0; change < changes; change++) changeTree(list, random)
    return Buffer.from(derOf(list))
  }
  let changed: Buffer = Buffer.from(bytes)
  for (let change = 0; change < changes; change++) changed = changeBytes(changed, random)
  return changed
}

export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, () => random.integer(256)))
}

function treeOf(bytes: Uint8Array): Node {
  const reader = new DerReader(bytes)
  const element = reader.next()
  const contents = reader.contents(element)
  // Values of extensions are DER within an OCTET STRING.
  const isHolder = (element.tag & 0x20) !== 0 || element.tag === tags.octetString
  return { tag: element.tag, contents, inside: isHolder ? partsOf(contents) : undefined }
}

function partsOf(contents: Uint8Array): Node[] {
  const reader = new DerReader(contents)
  const parts: Node[] = []
  while (!reader.done) parts.push(treeOf(reader.whole(reader.next())))
  return parts
}

function derOf({ tag, contents, inside }: Node): Uint8Array {
  return inside === undefined ? derElement(tag, contents) : derElement(tag, ...inside.map(derOf))
}

function nodesOf(node: Node): Node[] {
  return [node, ...(node.inside ?? []).flatMap(nodesOf)]
}

function changeTree(list: Node, random: Random): void {
  const nodes = nodesOf(list)
  const holders = nodes.filter(({ inside }) => inside !== undefined && inside.length > 0)
  const inside = random.pick(holders)?.inside ?? []
  const at = random.integer(inside.length)
  const chosen = inside[at]
  if (chosen === undefined) return
  const other = structuredClone(random.pick(nodes))
  const changes: readonly (() => void)[] = [
    () => inside.splice(at, 1),
    () => inside.splice(at, 0, structuredClone(chosen)),
    () => inside.splice(random.integer(inside.length), 0, ...inside.splice(at, 1)),
    () => inside.splice(at, random.integer(2), other),
    () =>
      inside.splice(at, 0, {
        tag: random.pick(someTags),
        contents: randomBytes(random, random.integer(9)),
        inside: undefined,
      }),
    () => {
      chosen.tag = random.chance(0.5) ? random.pick(someTags) : random.integer(256)
    },
    () => {
      chosen.inside = undefined
      chosen.contents = random.chance(0.3) ? new Uint8Array() : randomBytes(random, random.integer(40))
    },
    () => {
      if (chosen.inside === undefined) chosen.contents = flipByte(Buffer.from(chosen.contents), random)
    },
    () => {
      if (chosen.inside === undefined) chosen.contents = Uint8Array.from([...chosen.contents, random.integer(256)])
    },
  ]
  random.pick(changes)()
}

function changeBytes(bytes: Buffer, random: Random): Buffer {
  const at = random.integer(bytes.length)
  const length = Buffer.from(random.pick(lengths), 'hex')
  const changes: readonly (() => Buffer)[] = [
    () => flipByte(bytes, random),
    () => flipByte(bytes, random),
    () => Buffer.concat([bytes.subarray(0, at), length, bytes.subarray(at + random.integer(4))]),
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes, randomBytes(random, 1 + random.integer(3))]),
  ]
  return random.pick(changes)()
}

function flipByte(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes)
  if (changed.length > 0)
    changed[random.integer(changed.length)] = random.chance(0.3) ? random.pick(someTags) : random.integer(256)
  return changed
}
