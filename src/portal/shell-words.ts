import { bilingual } from './portal-words.ts'

/** What stands around every page. */
export const shellWords = bilingual(
  {
    thisLanguage: '日本語',
    skip: '本文へ移動',
    menu: 'メニュー',
    contact: 'お問い合わせ',
    contactPoint: '連絡先',
    hours: '受付時間',
    requestId: 'お問い合わせ番号',
    requestIdNote: 'お問い合わせの際は、この番号をお知らせください。',
    certificate: '電子証明書の確認',
    renew: '電子証明書更新',
    users: '証明書失効',
    usersPath: '管理 › 利用者管理 › 証明書失効',
    help: 'ヘルプ',
    login: 'ログイン画面へ',
    service: '{service}',
    errorHeading: '入力内容をご確認ください',
    nextSteps: '次にすること',
    defaultEnvironments:
      'Windows 11（Microsoft Edge または Google Chrome の最新版）\nmacOS の最新版とその1つ前（Google Chrome または Microsoft Edge の最新版）',
  },
  {
    thisLanguage: 'English',
    skip: 'Skip to the content',
    menu: 'Menu',
    contact: 'Contact',
    contactPoint: 'Please ask',
    hours: 'Hours',
    requestId: 'Reference number',
    requestIdNote: 'Please tell us this number when you contact us.',
    certificate: 'Your certificate',
    renew: 'Renew',
    users: 'Revoke certificates',
    usersPath: 'Administration › Users › Revoke certificates',
    help: 'Help',
    login: 'To the login page',
    service: '{service}',
    errorHeading: 'Please check what you entered',
    nextSteps: 'What to do next',
    defaultEnvironments:
      'Windows 11 (current Microsoft Edge or Google Chrome)\nThe current macOS and the one before (current Google Chrome or Microsoft Edge)',
  },
)
