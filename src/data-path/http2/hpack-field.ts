import type { FieldName } from './field-name.ts'

/** One decoded field line. Entries of the dynamic table are such objects, so what was found out about one is known when it comes again. */
export type HpackField = {
  readonly name: FieldName
  /** Latin1: bytes one to one. */
  readonly value: string
  /** Whether the value may stand in a field (RFC 9113 8.2.1); undefined: nobody asked yet. */
  sound: boolean | undefined
}

/** A decoded field block. */
export type HpackList = {
  readonly fields: HpackField[]
  /** The list was larger than the limits allow: `fields` holds its beginning only. */
  readonly tooLarge: boolean
}
