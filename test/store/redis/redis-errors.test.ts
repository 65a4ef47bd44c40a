// Goal: what Redis, Valkey and older servers say becomes the right fault, in their own words but never with a password. Method: the
// very messages of these servers.
import t from 'tap'
import { leadsElsewhere, redisFault } from '../../../src/store/redis/redis-errors.ts'

const server = 'Redis at 127.0.0.1:6379'

const answers: readonly { said: string; code: string; writes?: boolean; elsewhere?: boolean }[] = [
  { said: "OOM command not allowed when used memory > 'maxmemory'.", code: 'store_unavailable' },
  {
    said: 'ERR Error running script (call to f_1): @user_script:9: OOM command not allowed',
    code: 'store_unavailable',
  },
  { said: "READONLY You can't write against a read only replica.", code: 'store_unavailable', elsewhere: true },
  {
    said: "ERR Error running script (call to f_1): @user_script:9: -READONLY You can't write against a read only replica.",
    code: 'store_unavailable',
    elsewhere: true,
  },
  { said: 'LOADING Redis is loading the dataset in memory', code: 'store_unavailable', elsewhere: true },
  {
    said: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    code: 'store_unavailable',
    elsewhere: true,
  },
  { said: 'CLUSTERDOWN The cluster is down', code: 'store_unavailable', elsewhere: true },
  { said: 'MOVED 494 127.0.0.1:7001', code: 'store_unavailable', elsewhere: true },
  { said: 'TRYAGAIN Multiple keys request during rehashing of slot', code: 'store_unavailable', elsewhere: true },
  { said: 'WRONGTYPE Operation against a key holding the wrong kind of value', code: 'store_unavailable' },
  { said: 'NOAUTH Authentication required.', code: 'store_unavailable', elsewhere: true },
  { said: "NOPERM User u has no permissions to run the 'xrange' command", code: 'store_unavailable' },
  { said: "NOPERM User u has no permissions to run the 'evalsha' command", code: 'store_read_only', writes: true },
  {
    said: "ERR The user executing the script can't run this command or subcommand script: 1, on @user_script:9.",
    code: 'store_read_only',
    writes: true,
  },
  {
    said: "ACL failure in script: No permissions to access the '{sekisho}:log' key",
    code: 'store_read_only',
    writes: true,
  },
  { said: 'NEWERSCHEMA 7', code: 'store_schema_newer', writes: true },
  { said: 'connect ECONNREFUSED 127.0.0.1:6379', code: 'store_unavailable' },
]

for (const { said, code, writes = false, elsewhere = false } of answers) {
  t.test(`${said.slice(0, 60)}: ${code}${elsewhere ? ', and another server is looked for' : ''}`, async (t) => {
    const error = new Error(said)
    const fault = redisFault(error, { server, secrets: [], writes })
    t.equal(fault.code, code)
    t.match(fault.message, server)
    if (code !== 'store_schema_newer') t.match(fault.message, said)
    t.equal(leadsElsewhere(error), elsewhere)
  })
}

t.test('a password that a server repeats is hidden, and the command with it is not kept as a cause', async (t) => {
  const error = Object.assign(
    new Error('ERR unknown command `HELLO`, with args beginning with: `3` `AUTH` `u` `hunter22`'),
    {
      command: { name: 'hello', args: ['3', 'AUTH', 'u', 'hunter22'] },
    },
  )
  const fault = redisFault(error, { server, secrets: ['hunter22', ''] })
  t.match(fault.message, /\[hidden\]/)
  t.notMatch(fault.message, /hunter22/)
  t.equal(fault.cause, undefined)
})

t.test('a fault that is one already stays as it is', async (t) => {
  const fault = redisFault(new Error('x'), { server, secrets: [] })
  t.equal(redisFault(fault, { server: 'other', secrets: [] }), fault)
})
