/**
 * Who watches over the supervisor's process, as systemd does. It is told how things go; nothing here throws or waits, and what it
 * does not hear harms no client. `status` is one line for people.
 */
export type ServiceKeeper = {
  /** The doors are open; also after `reloading`. */
  ready(status: string): void
  /** Configuration is read again, or a rolling restart goes on: connections are served meanwhile. */
  reloading(status: string): void
  /** Nobody new is accepted from now on. */
  stopping(status: string): void
  status(status: string): void
  /** Nothing hangs: said at least once in each period that the service manager has set, or it starts everything anew. */
  alive(): void
}

/** Nobody watches: started from a terminal or in a container. */
export const noServiceKeeper: ServiceKeeper = {
  ready() {},
  reloading() {},
  stopping() {},
  status() {},
  alive() {},
}
