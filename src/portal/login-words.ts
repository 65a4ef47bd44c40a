import { bilingual } from './portal-words.ts'

/** The login top page (R27). */
export const loginWords = bilingual(
  {
    title: 'ログイン',
    lead: 'ご契約のログイン方法を選んでください。',
    certificateTitle: '電子証明書方式のお客様',
    certificateText: '電子証明書が入っているパソコンからログインします。押すと、電子証明書の選択画面が表示されます。',
    passwordTitle: 'ID・パスワード方式のお客様',
    passwordText: 'ログインIDとログインパスワードでログインします。電子証明書方式のご契約では使えません。',
    login: 'ログイン',
    issueTitle: '電子証明書発行',
    issueText:
      '電子証明書を初めて取得するとき、有効期限が切れたとき、失効後に再発行するときは、こちらへお進みください。ログインIDとログインパスワードが必要です。',
    issue: '電子証明書発行',
    environments: 'ご利用環境',
    environmentsNote: '電子証明書方式でご利用いただけるOSとブラウザです。',
    fees: '手数料',
    feesText: '電子証明書のご利用に伴う新たな手数料はございません。',
    help: '電子証明書のヘルプ（ログインできないとき、パソコンを替えるとき など）',
  },
  {
    title: 'Log in',
    lead: 'Choose how your contract logs in.',
    certificateTitle: 'Certificate login (電子証明書方式)',
    certificateText: 'Log in from the PC that holds your certificate. Your browser will ask which certificate to use.',
    passwordTitle: 'ID and password login (ID・パスワード方式)',
    passwordText: 'Log in with your login ID and login password. Not for contracts that use certificates.',
    login: 'Log in',
    issueTitle: 'Get a certificate (電子証明書発行)',
    issueText:
      'For your first certificate, after yours has expired, or after it was revoked. You need your login ID and login password.',
    issue: 'Get a certificate',
    environments: 'Supported environments',
    environmentsNote: 'Systems and browsers for certificate login.',
    fees: 'Fees',
    feesText: 'There is no additional fee for using a certificate.',
    help: 'Help with certificates (if you cannot log in, when you change your PC, and more)',
  },
)
