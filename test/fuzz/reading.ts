/** One request as a parser understood it. */
export type ReadMessage = {
  readonly method: string
  /** As the parser gives it: Node keeps an absolute form, ours reduces it. */
  readonly target: string
  readonly minorVersion: number
  readonly fields: readonly string[]
  readonly persistent: boolean
  /** Body bytes as latin1, as far as they came. */
  body: string
  trailers: readonly string[]
  /** Whether the end of the message was found. */
  complete: boolean
}

/**
 * What a parser made of a stream of bytes. `boundary`: every message is complete and no byte is left (ours only);
 * `waiting`: it wants more; `closed`: it stopped after a last message; `upgrade`: it stopped after a request to change the
 * protocol (ours only; Node's server, having no use for it, drops what follows in the same read).
 */
export type Reading = {
  readonly messages: readonly ReadMessage[]
  readonly end: 'boundary' | 'waiting' | 'closed' | 'upgrade' | 'fault'
  /** Code and explanation of the fault. */
  readonly fault: string | undefined
}
