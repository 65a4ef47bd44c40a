/** How a connection speaks once it is judged: HTTP/1.1 or HTTP/2, chosen by ALPN (RFC 7301). */
export type ClientProtocol = {
  /** Bytes of the client, inside TLS. */
  receive(bytes: Buffer): void
  drained(): void
  /** The deadline passed. */
  expired(): void
  /** Ends when nothing is in progress, and has waited for that as long as the connection's `idleTimeoutMs` says. */
  drain(): void
  /**
   * The client may go on no more. True: what tells it the result of its own revocation is under way (R15); everything else ends now,
   * nothing new is begun, and the connection ends after that answer. False: nothing keeps it.
   */
  cut(cause: string): boolean
  /** The connection is gone: everything under way ends, upstream sides too. */
  closed(cause: string): void
}
