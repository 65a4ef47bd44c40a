// Goal: files of contracts and users go in and out of the admin door as CSV and NDJSON, by those who may. Method: a real door on loopback
// over a real embedded store.
import { request as startRequest } from 'node:https'
import t from 'tap'
import { operators, serverCa, withAdmin } from './with-admin.ts'

const csv = { 'Content-Type': 'text/csv; charset=utf-8' }
const importUsers = '/v1/directory/import?kind=users'

t.test(
  'CSV as a spreadsheet writes it: a byte order mark, CRLF, quotes, empty fields; the dry run is the default',
  async (t) => {
    const { call, store, port } = await withAdmin(t)
    const body =
      '\ufeffloginId,contractId,role,name,email\r\ntaro,shoji,general,"山田, ""太郎""",\r\nuser01,,,,a@b.jp\r\n'
    const dry = await call('POST', importUsers, { headers: csv, body })
    t.match(dry.items, [
      { line: 2, id: 'taro', outcome: 'added' },
      { line: 3, id: 'user01', outcome: 'changed', changes: [{ field: 'email', from: null, to: 'a@b.jp' }] },
      { done: true, dryRun: true, applied: false, added: 1, changed: 1 },
    ])
    t.equal(await store.user('taro'), undefined)
    const done = await call('POST', `${importUsers}&dryRun=false`, { headers: csv, body })
    t.match(done.body, { done: true, applied: true })
    t.match(await store.user('taro'), { name: '山田, "太郎"', contractId: 'shoji' })
    const again = await download(port, '/v1/directory/export?kind=users&format=csv')
    t.match(again.type, /^text\/csv/)
    t.match(
      again.text,
      /^loginId,contractId,role,state,name,email,language\r\ntaro,shoji,general,active,"山田, ""太郎""",,\r\n/,
    )
    const same = await call('POST', `${importUsers}&dryRun=false`, { headers: csv, body: again.text })
    t.match(same.body, { done: true, unchanged: 3, added: 0, changed: 0, refused: 0 }, 'what goes out comes in')
  },
)

t.test('lines that cannot be read are refused by number, and nothing of the file is applied', async (t) => {
  const { call, store } = await withAdmin(t)
  const body = Buffer.concat([
    Buffer.from('loginId,contractId,role\ngood,shoji,general\nshort,shoji\n"open,shoji,general\n'),
    Buffer.from([0xff, 0xfe, 0x0a]),
  ])
  const { items } = await call('POST', `${importUsers}&dryRun=false`, { headers: csv, body })
  t.match(items, [
    { line: 2, outcome: 'added' },
    { line: 3, outcome: 'refused', problem: /2 fields where the header has 3/ },
    { line: 4, outcome: 'refused', problem: /quotes/ },
    { line: 5, outcome: 'refused', problem: /UTF-8/ },
    { done: true, applied: false, refused: 3 },
  ])
  t.equal(await store.user('good'), undefined)
  const ndjson = { 'Content-Type': 'application/x-ndjson' }
  const odd = await call('POST', importUsers, { headers: ndjson, body: '{"loginId":"a"\n[]\n{"loginId":7}\n' })
  t.match(odd.items, [
    { line: 1, problem: /not JSON/ },
    { line: 2, problem: /not a JSON object/ },
    { line: 3, field: 'loginId' },
    { done: true, refused: 3 },
  ])
  for (const header of ['a;b', 'loginId,loginId', '"x', '1,2']) {
    t.match(await call('POST', importUsers, { headers: csv, body: `${header}\n` }), {
      status: 400,
      body: { path: 'line 1', detail: /header of a CSV file/ },
    })
  }
  t.match(await call('POST', importUsers, { body: 'x' }), { status: 400, body: { detail: /Content-Type/ } })
})

t.test('setting passwords takes the role security', async (t) => {
  const { call } = await withAdmin(t)
  const body = 'loginId,loginPassword\nuser01,sekisho-demo\n'
  const refused = await call('POST', importUsers, { certificate: operators.branch, headers: csv, body })
  t.match(refused, { status: 403, body: { code: 'admin_role_missing', path: 'loginPassword' } })
  t.match((await call('POST', importUsers, { headers: csv, body })).body, { done: true, changed: 1 })
  const plain = 'loginId,name\nuser01,x\n'
  t.match((await call('POST', importUsers, { certificate: operators.branch, headers: csv, body: plain })).body, {
    done: true,
  })
})

type Download = { readonly text: string; readonly type: string }

function download(port: number, path: string): Promise<Download> {
  const { chainPem: cert, keyPem: key } = operators.auditor
  const { promise, resolve, reject } = Promise.withResolvers<Download>()
  const target = { host: '127.0.0.1', port, path, ca: serverCa.certificatePem, cert, key, agent: false }
  const request = startRequest(target, (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () =>
      resolve({ text: Buffer.concat(chunks).toString(), type: String(response.headers['content-type']) }),
    )
  })
  request.on('error', reject)
  request.end()
  return promise
}
