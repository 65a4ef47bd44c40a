import { relative } from 'node:path'
import { demoPorts } from './demo-config.ts'
import type { DemoPki } from './demo-files.ts'
import { demoPasswords } from './demo-people.ts'

/** What to do with the running demo, for people. `store` says in a few words where trust is kept, and nothing secret. */
export function welcomeText(demo: {
  readonly root: string
  readonly pki: DemoPki
  readonly offset: number
  readonly store: string
}): string {
  const { root, pki, offset, store } = demo
  const place = (file: string) => relative(root, file)
  const url = (name: 'admin' | 'certificate' | 'public') => `https://localhost:${demoPorts[name] + offset}/`
  const curl = `curl --cacert ${place(pki.files.rootCa)}`
  const as = (loginId: string) => `--cert certs/demo/users/${loginId}.pem --key certs/demo/users/${loginId}.key`
  return `
Sekisho demo bank / せきしょデモ銀行
  Open    ${url('certificate')}  (client certificate)   ${url('public')}  (login top page)
  Import  ${place(pki.files.rootCa)} as a trusted root, certs/demo/users/user01.p12 as yours (password ${demoPasswords.pkcs12})
  Log in  as user01 with the login password ${demoPasswords.login}
  Try     allowed          ${curl} ${as('user01')} ${url('certificate')}
          no certificate   ${curl} ${url('certificate')}
          revoked          ${curl} ${as('user06')} ${url('certificate')}
  Issue   ${url('public')}.sekisho/issue as user07; with a certificate: ${url('certificate')}.sekisho/renew
  Users   ${url('certificate')}.sekisho/users as master01 (confirmation password ${demoPasswords.confirmation})
  Counter ${url('admin')}counter/ with certs/demo/operators/branch.p12   Mails: ${offset === 0 ? 'data' : `data-${offset}`}/outbox/
  Revoke  ${offset === 0 ? '' : `SEKISHO_PORT_OFFSET=${offset} `}npx sekisho revoke --login-id user02 --apply
  Store   ${store}
  Watch   ${url('admin')}live/ with certs/demo/operators/auditor.p12   http://127.0.0.1:${demoPorts.ops + offset}/metrics   Stop: Ctrl-C
`
}
