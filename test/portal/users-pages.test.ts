// Goal: 管理 → 利用者管理 → 証明書失効 works without scripts and for those who may. Method: the real server on its socket, acts in memory.
import t from 'tap'
import { GatewayError } from '../../src/base/errors.ts'
import { isRevocable, readView, type UserRow, viewRows, writeView } from '../../src/portal/user-rows.ts'
import { startPortalFixture } from './portal-fixture.ts'

const fixture = await startPortalFixture()
t.teardown(() => fixture.close())
const { ask, acts } = fixture
const master = fixture.visitor('user01', 'master')

function order(body: string): string[] {
  return [...body.matchAll(/<strong class="code">([^<]+)<\/strong>/g)].map(([, loginId]) => loginId ?? '')
}

t.test('R12 R14 the master sees every user with state and 有効期限', async (t) => {
  const { body } = await ask('/.sekisho/users', { as: master })
  t.match(body, '管理 › 利用者管理 › 証明書失効')
  t.same(
    order(body),
    acts.users.map(({ loginId }) => loginId),
  )
  for (const text of [
    '2027年7月28日',
    '有効（残り12日）',
    '期限切れ',
    '失効済み',
    '未取得',
    'ロック中',
    '利用停止',
    'まだ使われていません',
  ]) {
    t.match(body, text)
  }
  t.match(body, '加藤 &lt;b&gt;誠&lt;/b&gt;', 'names are text')
  const pickable = [...body.matchAll(/type="radio" name="user" value="([^"]+)"/g)].map(([, loginId]) => loginId)
  t.same(
    pickable,
    ['user01', 'user02', 'user03', 'user05', 'user08', 'user09'],
    'only where there is something to revoke',
  )
})

t.test('search and sort stand in the address', async (t) => {
  t.same(
    order((await ask('/.sekisho/users?q=%EF%BC%B5SER03', { as: master })).body),
    ['user03'],
    'full width counts as half',
  )
  t.same(order((await ask(`/.sekisho/users?q=${encodeURIComponent('木村')}`, { as: master })).body), ['user08'])
  t.match(
    (await ask('/.sekisho/users?q=%3Cb%3Enobody', { as: master })).body,
    '「&lt;b&gt;nobody」に当てはまるユーザはいません',
  )
  const sorted = await ask('/.sekisho/users?sort=expiry', { as: master })
  t.same(order(sorted.body).slice(0, 3), ['user04', 'user03', 'user08'])
  t.match(sorted.body, 'aria-sort="ascending"><a href="/.sekisho/users?sort=expiry&amp;dir=desc"')
  t.equal(order((await ask('/.sekisho/users?sort=expiry&dir=desc', { as: master })).body)[0], 'user07')
  t.equal((await ask('/.sekisho/users?sort=nonsense&dir=7', { as: master })).status, 200)
})

t.test('views are read and written alike', async (t) => {
  for (const query of ['', 'q=a+b', 'sort=state', 'q=%E6%9C%A8&sort=name&dir=desc']) {
    t.equal(writeView(readView(new URLSearchParams(query))), query)
  }
  const rows: UserRow[] = ['b', 'a'].map((loginId) => ({ ...(acts.users[0] as UserRow), loginId }))
  t.same(
    viewRows(rows, readView(new URLSearchParams('sort=state'))).map(({ loginId }) => loginId),
    ['a', 'b'],
  )
  t.equal(isRevocable({ ...(acts.users[3] as UserRow) }), false)
})

t.test('general users have no list and revoke nobody; the master does', async (t) => {
  const general = fixture.visitor('user02', 'general')
  const list = await ask('/.sekisho/users', { as: general })
  t.equal(list.status, 403)
  t.match(list.body, 'マスターユーザに失効を依頼してください')
  const before = acts.calls.length
  for (const user of ['user02', 'user03', 'user01', 'nobody']) {
    t.equal(
      (await ask('/.sekisho/users/revoke', { as: general, form: { user, password: 'confirm' } })).status,
      403,
      user,
    )
  }
  t.equal(acts.calls.length, before)
  t.equal((await ask('/.sekisho/users/revoke?user=somebody-elsewhere', { as: master })).status, 403)
})

t.test('R14 選ぶ, 失効, 確認用パスワード, 実行; then what the user does next', async (t) => {
  const confirm = await ask('/.sekisho/users/revoke?user=user02', { as: master })
  t.match(
    confirm.body,
    /user02[\s\S]+石川 太郎[\s\S]+2027年7月28日[\s\S]+失効は取り消せません[\s\S]+確認用パスワード[\s\S]+実行/,
  )
  const empty = await ask('/.sekisho/users/revoke', { as: master, form: { user: 'user02', password: '' } })
  t.equal(empty.status, 400)
  t.match(empty.body, /role="alert"[\s\S]+確認用パスワードを入力してください/)
  const wrong = await ask('/.sekisho/users/revoke', { as: master, form: { user: 'user02', password: 'nope' } })
  t.equal(wrong.status, 403)
  t.match(wrong.body, /確認用パスワードが違います[\s\S]+失効していません/)
  t.notMatch(wrong.body, 'nope')
  t.notMatch(
    (await ask('/.sekisho/users?revoked=user02', { as: master })).body,
    '失効しました',
    'an address alone proves nothing',
  )
  const done = await ask('/.sekisho/users/revoke', { as: master, form: { user: 'user02', password: 'confirm' } })
  t.same([done.status, done.headers.location], [303, '/.sekisho/users?revoked=user02'])
  const result = await ask('/.sekisho/users?revoked=user02', { as: master })
  t.match(
    result.body,
    /role="status"[^>]*>[\s\S]+user02 の電子証明書を失効しました[\s\S]+電子証明書発行[\s\S]+「認証」[\s\S]+「発行」/,
  )
  t.match((await ask('/.sekisho/users/revoke?user=user02', { as: master })).body, '失効できる電子証明書がありません')
})

t.test('too many wrong passwords and a store that is away are said so', async (t) => {
  acts.throwNext = new GatewayError('login_locked', 'Cannot check')
  const locked = await ask('/.sekisho/users/revoke', { as: master, form: { user: 'user03', password: 'x' } })
  t.match(locked.body, '一時的に止めています')
  acts.throwNext = new GatewayError('store_unavailable', 'Cannot write')
  const away = await ask('/.sekisho/users/revoke', { as: master, form: { user: 'user03', password: 'confirm' } })
  t.equal(away.status, 503)
  t.match(away.body, '利用者一覧で結果をご確認ください')
})

t.test('R15 one’s own is warned of first, and its last page needs nothing more from this door', async (t) => {
  const confirm = await ask('/.sekisho/users/revoke?user=user01', { as: master })
  t.match(confirm.body, /ご自身の電子証明書です[\s\S]+すぐにこの画面を含めて使えなくなります/)
  const done = await ask('/.sekisho/users/revoke', { as: master, form: { user: 'user01', password: 'confirm' } })
  t.equal(done.status, 200)
  t.match(
    done.body,
    /<style>[\s\S]+ご自身の電子証明書を失効しました[\s\S]+https:\/\/bank\.example:8442\/\.sekisho\/issue/,
  )
  t.notMatch(done.body, /<link|<script|href="\/|<form/)
  t.match(done.headers['content-security-policy'], /^default-src 'none'; style-src 'sha256-[^']+'; form-action/)
})

t.test('a master unlocks a general user, by a form of its own', async (t) => {
  t.match((await ask('/.sekisho/users', { as: master })).body, /form="unlock-form" name="user" value="user05"/)
  const done = await ask('/.sekisho/users/unlock', { as: master, form: { user: 'user05' } })
  t.same([done.status, done.headers.location], [303, '/.sekisho/users?unlocked=user05'])
  t.match((await ask('/.sekisho/users?unlocked=user05', { as: master })).body, 'user05 のロックを解除しました')
  acts.throwNext = new GatewayError('unlock_not_allowed', 'Cannot unlock')
  const refused = await ask('/.sekisho/users/unlock', { as: master, form: { user: 'user01' } })
  t.equal(refused.status, 403)
  t.match(refused.body, 'このユーザのロックは解除できません')
})
