import { judgeTrailer } from '../../src/data-path/http1/trailer-fields.ts'
import type { Reading, ReadMessage } from './reading.ts'

/**
 * Whether ours accepted only what Node accepted, and read it the same way. Ours may refuse or stop earlier: what it gave
 * out until then must agree. Returns what differs, or undefined.
 */
export function compareReadings(ours: Reading, node: Reading): string | undefined {
  for (const [index, message] of ours.messages.entries()) {
    const other = node.messages[index]
    if (other === undefined) return `message ${index}: Node did not accept it (${node.fault ?? node.end})`
    const difference = compareMessages(message, other)
    if (difference !== undefined) return `message ${index}: ${difference}`
  }
  if (ours.end === 'fault' || ours.end === 'upgrade') return undefined
  if (node.messages.length > ours.messages.length) return 'Node found one message more'
  if (ours.end === 'closed' && node.end !== 'closed') return `ours ends the connection, Node ends ${node.end}`
  // What ours still waits for it has not accepted. At a boundary there is nothing left that Node could refuse.
  if (ours.end === 'boundary' && node.end !== 'waiting') return `ours waits for a request, Node ends ${node.end}`
  return undefined
}

function compareMessages(ours: ReadMessage, node: ReadMessage): string | undefined {
  const target = reducedTarget(node)
  if (ours.method !== node.method) return `method ${ours.method}, Node ${node.method}`
  if (ours.target !== target) return `target ${ours.target}, Node ${target}`
  if (ours.minorVersion !== node.minorVersion) return `version 1.${ours.minorVersion}, Node 1.${node.minorVersion}`
  if (!sameList(ours.fields, node.fields)) return `fields ${show(ours.fields)}, Node ${show(node.fields)}`
  if (ours.persistent !== node.persistent) return `persistent ${ours.persistent}, Node ${node.persistent}`
  if (ours.complete && !node.complete) return 'ours found its end, Node did not'
  if (ours.complete ? ours.body !== node.body : !node.body.startsWith(ours.body)) {
    return `body ${JSON.stringify(ours.body)}, Node ${JSON.stringify(node.body)}`
  }
  const trailers = keptTrailers(node.trailers)
  if (ours.complete && !sameList(ours.trailers, trailers)) {
    return `trailers ${show(ours.trailers)}, Node ${show(trailers)}`
  }
  return undefined
}

/** Ours gives origin form where Node gives the absolute form it received. */
function reducedTarget(message: ReadMessage): string {
  const scheme = /^https?:\/\//i.exec(message.target)?.[0]
  if (scheme === undefined) return message.target
  const rest = message.target.slice(scheme.length)
  const place = rest.search(/[/?]/)
  if (place === -1) return message.method === 'OPTIONS' ? '*' : '/'
  return rest[place] === '?' ? `/${rest.slice(place)}` : rest.slice(place)
}

function keptTrailers(trailers: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string
    if (judgeTrailer(name) === 'keep') kept.push(name, trailers[i + 1] as string)
  }
  return kept
}

/**
 * Whether cutting the same bytes into pieces made a difference to our own reading. Which of two faults is named may
 * depend on how much had come when it was found; that there is one may not.
 */
export function compareSplit(whole: Reading, split: Reading): string | undefined {
  if (whole.end !== split.end)
    return `whole ends ${whole.end} (${whole.fault}), split ends ${split.end} (${split.fault})`
  const isSame = JSON.stringify(whole.messages) === JSON.stringify(split.messages)
  return isSame ? undefined : `whole ${JSON.stringify(whole.messages)}, split ${JSON.stringify(split.messages)}`
}

function sameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index])
}

function show(list: readonly string[]): string {
  return JSON.stringify(list)
}
