// Goal: whatever frames a client sends, the gateway lives, serves the others, gives the application only complete and valid
// requests, and keeps nothing open. Method: ten seconds of generated sessions against the real gateway; `npm run fuzz` goes on.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { fuzzHttp2 } from '../../fuzz/http2/fuzz-http2.ts'
import { startFuzzed } from '../../fuzz/http2/fuzzed-gateway.ts'
import { StrictUpstream } from '../../fuzz/http2/strict-upstream.ts'

t.test('the application of the fuzzer sees what is no complete and valid request', async (t) => {
  const upstream = await StrictUpstream.start('user')
  t.teardown(() => upstream.stop())
  const head = 'POST /a HTTP/1.1\r\nHost: a\r\nSekisho-Login-Id: user\r\n'
  const send = async (bytes: string) => {
    const socket = connect({ host: '127.0.0.1', port: upstream.port })
    socket.on('error', () => {})
    socket.end(bytes, 'latin1')
    socket.resume()
    await once(socket, 'close')
    return upstream.problems.splice(0).map((problem) => problem.split(':')[0])
  }
  t.strictSame(await send(`${head}Content-Length: 2\r\n\r\nab`), [])
  t.strictSame(await send(`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n`), [])
  t.equal(upstream.requests, 2)
  t.strictSame(await send(`${head}Content-Length: 3\r\n\r\nab`), [], 'one that was given up')
  t.equal(upstream.abandoned, 1)
  const wrong: readonly (readonly [bytes: string, problem: string])[] = [
    ['GET /a b HTTP/1.1\r\n\r\n', 'no request line'],
    [`${head}X a: 1\r\n\r\n`, 'a line that is no field'],
    [`${head}Host: b\r\n\r\n`, 'not one Host'],
    [`${head}X-Injected: 1\r\n\r\n`, 'a field that was smuggled within another'],
    [`${head}Sekisho_Login_Id: intruder\r\n\r\n`, 'not the one identity'],
    [`${head}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, 'a wrong Content-Length'],
    [`${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, 'a wrong Transfer-Encoding'],
    [`${head}\r\nGET`, 'bytes behind a request'],
    [`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n`, 'a chunk of another length'],
    [`${head}Transfer-Encoding: chunked\r\n\r\nx\r\n`, 'no chunk'],
    [`${head}Transfer-Encoding: chunked\r\n\r\n0\r\nx\r\n`, 'a trailer line that is no field'],
    [head, 'the connection ended within a head'],
  ]
  for (const [bytes, problem] of wrong) t.strictSame(await send(bytes), [problem], problem)
})

t.test('generated sessions leave the gateway unharmed', { timeout: 90_000 }, async (t) => {
  const gateway = await startFuzzed()
  t.teardown(() => gateway.stop())
  const seed = Math.floor(systemClock.nowMs()) % 0x7fffffff
  const { sessions, valid, answers, ends, finding } = await fuzzHttp2(gateway, {
    seed,
    seconds: 10,
    clock: systemClock,
  })
  t.comment(`seed ${seed}: ${sessions} sessions, ${valid} valid, ${answers} requests answered, ${JSON.stringify(ends)}`)
  t.strictSame(finding, undefined)
  t.strictSame(await gateway.leaks(), [], 'nothing is left open')
  t.ok(sessions > 200, `${sessions} sessions`)
  t.ok(valid > sessions / 20, 'some of them were valid, and served')
  t.ok(ends.answered + ends.closed > sessions / 4, 'the gateway read the others too')
})
