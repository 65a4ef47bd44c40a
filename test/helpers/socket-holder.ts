import { ListeningSockets } from '../../src/supervise/listening-sockets.ts'

// A process of its own that holds listening sockets for `held-sockets.ts`, as the supervisor does for a gateway process.

new ListeningSockets().serve(process)
process.on('disconnect', () => process.exit())
