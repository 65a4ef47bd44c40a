/** A flow-control window that we give (RFC 9113 6.9), on a stream or a connection. It is opened again in steps of half its size. */
export class Http2Window {
  readonly #stepBytes: number
  #leftBytes: number
  #returnedBytes = 0

  /** `bytes`: as the client was told when it began, whatever the configuration says by now. */
  constructor(bytes: number) {
    this.#stepBytes = bytes / 2
    this.#leftBytes = bytes
  }

  /** The client has sent this much. False: more than it may. */
  take(bytes: number): boolean {
    this.#leftBytes -= bytes
    return this.#leftBytes >= 0
  }

  /** So much has been dealt with. Returns the increment of the WINDOW_UPDATE that is due now, or 0. */
  give(bytes: number): number {
    this.#returnedBytes += bytes
    if (this.#returnedBytes < this.#stepBytes) return 0
    const increment = this.#returnedBytes
    this.#returnedBytes = 0
    this.#leftBytes += increment
    return increment
  }
}
