/** What a demo user's certificate is like at the first start; `none` where nobody means to issue one. */
export type CertificateState = 'current' | 'expires_soon' | 'expired' | 'revoked' | 'never_issued' | 'none'

/** A contract of the demo bank: one login method for all its people (R21). */
export type DemoContract = {
  readonly contractId: string
  readonly name: { readonly ja: string; readonly en: string }
  readonly loginMethod: 'certificate' | 'password'
}

/** Someone who logs in to the demo bank. */
export type DemoPerson = {
  readonly loginId: string
  readonly contractId: string
  readonly loginMethod: 'certificate' | 'password'
  readonly role: 'master' | 'general'
  readonly displayName: string
  readonly certificate: CertificateState
  readonly loginPassword: string
  /** Asked before a revocation. */
  readonly confirmationPassword: string
}

/** Someone who comes through the admin door, named by their own certificate. */
export type DemoOperator = {
  readonly role: 'security' | 'branch' | 'helpdesk' | 'auditor'
  /** Subject CN. */
  readonly commonName: string
}

/** Passwords of the demo: public knowledge. */
export const demoPasswords = { login: 'sekisho-demo', confirmation: 'sekisho-confirm', pkcs12: 'sekisho' } as const

/** The same as the directory keeps them (argon2id), with salts that do not change, so that seeding them again changes nothing. */
export const demoPasswordHashes = {
  login: '$argon2id$v=19$m=19456,t=2,p=1$z/hBCb0uHwqg0UNmXhI6fg$dMoC7L+qi3vTNNndnF4xtldDja4Foqb98pIfcICSU/4',
  confirmation: '$argon2id$v=19$m=19456,t=2,p=1$ickMfx1sIOXIvaH1JWZCXA$TSX4j7rdK2JfY2DoMkPYy/xhHkLyvjvQdApR4w6pbkQ',
} as const

/** Subject O of every certificate of the demo. */
export const demoOrganization = 'Sekisho Demo Bank'

/** The two contracts: one of each login method. */
export const demoContracts: readonly DemoContract[] = [
  {
    contractId: 'demo-shoji',
    name: { ja: 'デモ商事株式会社', en: 'Demo Shoji Co., Ltd.' },
    loginMethod: 'certificate',
  },
  {
    contractId: 'demo-yubin',
    name: { ja: 'デモ郵便株式会社', en: 'Demo Yubin Co., Ltd.' },
    loginMethod: 'password',
  },
]

/** Everyone who logs in to the demo bank, one in each state that the gateway tells apart. */
export const demoPeople: readonly DemoPerson[] = [
  person('master01', { displayName: '山本 一郎', role: 'master', certificate: 'current' }),
  person('user01', { displayName: '佐々木 恵', certificate: 'current' }),
  person('user02', { displayName: '中村 健太', certificate: 'current' }),
  person('user03', { displayName: '小林 美咲', certificate: 'current' }),
  person('user04', { displayName: '加藤 大輔', certificate: 'expires_soon' }),
  person('user05', { displayName: '吉田 由美', certificate: 'expired' }),
  person('user06', { displayName: '山田 翔', certificate: 'revoked' }),
  person('user07', { displayName: '松本 彩', certificate: 'never_issued' }),
  person('probe01', { displayName: '試験用 利用者', certificate: 'none' }),
  person('pass01', { displayName: '井上 隆', role: 'master', certificate: 'none', contractId: 'demo-yubin' }),
]

/** One operator of each role. */
export const demoOperators: readonly DemoOperator[] = [
  { role: 'security', commonName: 'sato.hanako' },
  { role: 'branch', commonName: 'suzuki.jiro' },
  { role: 'helpdesk', commonName: 'takahashi.aoi' },
  { role: 'auditor', commonName: 'tanaka.makoto' },
]

type PersonRow = Pick<DemoPerson, 'displayName' | 'certificate'> & Partial<Pick<DemoPerson, 'role' | 'contractId'>>

function person(loginId: string, row: PersonRow): DemoPerson {
  const contractId = row.contractId ?? 'demo-shoji'
  return {
    loginId,
    contractId,
    loginMethod: demoContracts.find((contract) => contract.contractId === contractId)?.loginMethod ?? 'certificate',
    role: row.role ?? 'general',
    displayName: row.displayName,
    certificate: row.certificate,
    loginPassword: demoPasswords.login,
    confirmationPassword: demoPasswords.confirmation,
  }
}
