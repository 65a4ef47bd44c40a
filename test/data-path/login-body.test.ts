// Goal: a login ID is read only where no application could read another one from the same bytes.
// Method: forms and JSON in every shape that some application reads in its own way, each with the twin that is read.
import t from 'tap'
import { type LoginBodyType, readLoginBody } from '../../src/data-path/login-body.ts'
import { queryNames } from '../../src/data-path/login-field.ts'

function read(type: LoginBodyType, body: string | Buffer, field = 'loginId') {
  const reading = readLoginBody(Buffer.from(body), type, field)
  return 'loginId' in reading ? reading.loginId : undefined
}

t.test('forms that say one thing are read', async (t) => {
  const readable: Record<string, string> = {
    'loginId=pass01&password=x': 'pass01',
    'password=x&loginId=pass01': 'pass01',
    '&&loginId=pass01&': 'pass01',
    'loginId=p%61ss01': 'pass01',
    'l%6FginId=pass01': 'pass01',
    'loginId=a+b%2Bc': 'a b+c',
    'loginId=a=b': 'a=b',
    'loginId=': '',
    loginId: '',
    'loginId=%E3%83%A6': 'ユ',
    'loginId=pass01&loginIdHint=x&userLoginId=y&xloginId=z': 'pass01',
    'loginId=pass01&box=1&box=2': 'pass01',
    'loginId=pass01&_charset_=utf-8': 'pass01',
    'loginId=pass01&x=%253B%26loginId%3Duser01': 'pass01',
  }
  for (const [body, loginId] of Object.entries(readable)) t.equal(read('form', body), loginId, body)
})

t.test('a form that may name another login ID, or none, is not read', async (t) => {
  const unreadable = [
    '',
    'password=x',
    'loginId=pass01&loginId=user01',
    'loginId=pass01&loginId=pass01',
    'loginId=pass01&LOGINID=user01',
    'LoginId=pass01',
    'loginId[]=pass01',
    'loginId=pass01&loginId[]=user01',
    'loginId=pass01&loginId%5B0%5D=user01',
    'loginId=pass01&%20loginId=user01',
    'loginId=pass01&+loginId=user01',
    'loginId=pass01&loginId%20=user01',
    'loginId=pass01&loginId%00=user01',
    'loginId=pass01&loginId%00x=user01',
    'loginId=pass01&%22loginId%22=user01',
    'loginId=pass01&%EF%BB%BFloginId=user01',
    'loginId=pass01&%EF%BD%8CoginId=user01',
    'loginId=pass01&log%C4%B1nId=user01',
    'loginId=pass01&l%256FginId=user01',
    'loginId=pass01;loginId=user01',
    'x=1;loginId=user01&loginId=pass01',
    'loginId=pass01&_charset_=utf-16',
    'loginId=pass01%',
    'loginId=pass01%zz',
    'loginId=pass01%u0031',
    'loginId=pass01%C0%B1',
    'loginId=pass01%FF',
    'loginId=pass01\r\n',
    'loginId=pass 01',
    'loginId=pass01\0',
    'loginId=p\xe4ss01',
    '{"loginId":"pass01"}',
  ]
  for (const body of unreadable) t.equal(read('form', Buffer.from(body, 'latin1')), undefined, JSON.stringify(body))
})

t.test('names that PHP writes as one', async (t) => {
  t.equal(read('form', 'login_id=pass01', 'login_id'), 'pass01')
  for (const other of [
    'login.id',
    'login-id',
    'login%20id',
    'login+id',
    'login_id[x',
    'login[id',
    'login%5Bid',
    'loginid',
  ])
    t.equal(read('form', `login_id=pass01&${other}=user01`, 'login_id'), undefined, other)
})

t.test('JSON that says one thing is read', async (t) => {
  const readable: Record<string, string> = {
    '{"loginId":"pass01","password":"x"}': 'pass01',
    ' {\n"password" : "{\\"loginId\\":\\"user01\\"}" , "loginId" : "pass01" }\n': 'pass01',
    '{"login\\u0049d":"p\\u0061ss01"}': 'pass01',
    '{"loginId":"pass01","device":{"os":"x","list":[1,{"os":"y"}]}}': 'pass01',
    '{"loginId":""}': '',
    '{"loginId":"pass01","a":"loginId","b":["loginId",":"],"c":{}}': 'pass01',
    '{"loginId":"pass01","__proto__":{"x":1}}': 'pass01',
  }
  for (const [body, loginId] of Object.entries(readable)) t.equal(read('json', body), loginId, body)
})

t.test('JSON that may name another login ID, or none, is not read', async (t) => {
  const unreadable = [
    '',
    '{}',
    'null',
    '"loginId"',
    '[{"loginId":"pass01"}]',
    '{"password":"x"}',
    '{"loginId":"pass01","loginId":"user01"}',
    '{"loginId":"pass01","login\\u0049d":"user01"}',
    '{"loginId":"pass01","LOGINID":"user01"}',
    '{"loginId":"pass01","loginI\u0044 ":"user01"}',
    '{"loginId":"pass01","user":{"loginId":"user01"}}',
    '{"user":{"loginId":"pass01"}}',
    '{"loginId":"pass01","list":[[{"loginId":"user01"}]]}',
    '{"loginId":["pass01"]}',
    '{"loginId":{"$ne":""}}',
    '{"loginId":1}',
    '{"loginId":null}',
    '{"loginId":"pass01","password":"x","password":"y"}',
    '{"loginId":"pass01","a":{"b":1,"b":2}}',
    '{"loginId":"pass01",}',
    "{'loginId':'pass01'}",
    '{loginId:"pass01"}',
    '{"loginId":"pass01"}{"loginId":"user01"}',
    '{"loginId":"pass01"} x',
    '{"loginId":"pass01",/* */"x":1}',
    '\ufeff{"loginId":"pass01"}',
    '{"loginId":"pass01","loginId\\u0000":"user01"}',
    '{"loginId":"pass01","login%49d":"user01"}',
    'loginId=pass01',
  ]
  for (const body of unreadable) t.equal(read('json', body), undefined, JSON.stringify(body))
  t.equal(read('json', Buffer.from('{"loginId":"pass01"}', 'utf16le')), undefined, 'UTF-16')
  t.equal(read('json', Buffer.from('{"loginId":"\xff"}', 'latin1')), undefined, 'no UTF-8')
  t.equal(read('json', `${'['.repeat(5_000)}${']'.repeat(5_000)}`), undefined, 'deep')
  t.equal(read('json', `{"loginId":"pass01","x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`), 'pass01', 'deep beside it')
})

t.test('what keeps it from being read never shows what was typed', async (t) => {
  for (const body of ['loginId=hunter2&loginId=hunter2', 'loginIdx=hunter2', 'loginId=hunter2%zz'])
    t.notMatch(JSON.stringify(readLoginBody(Buffer.from(body), 'form', 'loginId')), /hunter2/)
})

t.test('a query that any application may read as naming the field', async (t) => {
  for (const query of [
    'loginId=x',
    'a=1&loginId',
    'a=1;loginId=x',
    'LOGINID=x',
    'l%6FginId=x',
    'l%256FginId=x',
    'loginId%5B%5D=x',
    '+loginId=x',
    'a?loginId=x',
  ])
    t.equal(queryNames(`/login?${query}`, 'loginId'), true, query)
  for (const query of ['', 'lang=ja', 'next=loginId', 'loginIdHint=x', 'a=%26loginId%3Dx', '%', '%zz=1'])
    t.equal(queryNames(`/login?${query}`, 'loginId'), false, query)
  t.equal(queryNames('/login', 'loginId'), false)
})
