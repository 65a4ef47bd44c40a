import type { HpackDecoder, HpackLimits } from '../../../src/data-path/http2/hpack-decoder.ts'

export const listLimits: HpackLimits = { headBytesMax: 16_384, headFieldsMax: 100 }

/** Hex with spaces as bytes. */
export function hexBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

/** What a decoder makes of a block: name, value, name, value…; or the detail of its fault. */
export function decoded(decoder: HpackDecoder, block: Buffer, limits: HpackLimits = listLimits): string[] | string {
  const list = decoder.decode(block, limits)
  if ('code' in list) return list.detail
  return list.fields.flatMap(({ name, value }) => [name.text, value])
}
