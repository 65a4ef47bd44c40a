/**
 * How the end of a message body is found (RFC 9112 6.3). `none`: there is no body. `length` may be 0, which is not the
 * same as `none`: the sender said so. `until_close` occurs in responses only.
 */
export type BodyFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until_close' }

/** No body follows the head. */
export const noBody: BodyFraming = Object.freeze({ kind: 'none' })
/** A chunked body (RFC 9112 7.1). */
export const chunkedBody: BodyFraming = Object.freeze({ kind: 'chunked' })
/** A response body that ends with the connection (RFC 9112 6.3). */
export const bodyUntilClose: BodyFraming = Object.freeze({ kind: 'until_close' })

/** A body of exactly so many bytes. */
export function bodyOfLength(bytes: number): BodyFraming {
  return { kind: 'length', bytes }
}

const contentLengthValue = /^(?:0|[1-9][0-9]{0,14})$/

/** Whether a Content-Length is a plain number of bytes, without sign or leading zeros (RFC 9110 8.6), and small enough to count with. */
export function isContentLength(value: string): boolean {
  return contentLengthValue.test(value)
}
