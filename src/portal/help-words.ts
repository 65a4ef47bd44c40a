import { bilingual } from './portal-words.ts'

/** The help page; causes of a login that fails, and how to install and delete, stand in other tables. */
export const helpWords = bilingual(
  {
    title: '電子証明書のヘルプ',
    contents: '目次',
    cannotLogin: 'ログインできないとき',
    renewal: '有効期限と更新',
    renewalText: [
      '電子証明書の有効期間は、発行してから{days}日間です。有効期限を過ぎると、ログインできなくなります。',
      '有効期限が近づくと、ログイン後の画面と電子メールでお知らせします。ログイン後の「電子証明書更新」から更新してください。',
      '有効期限を過ぎたときは、ログイン画面の「電子証明書発行」から、新しい電子証明書を取得してください。失効の手続きは要りません。',
    ],
    change: 'パソコンを替えるとき・手放すとき',
    changeText: [
      '先に、今の電子証明書を失効します。一般ユーザの方はマスターユーザに依頼し、マスターユーザの方は「証明書失効」でご自身のものを失効してください。ログインできないマスターユーザの方は、お取引店で手続き（申込書の提出）をしてください。',
      '失効の後、新しいパソコンで、ログイン画面の「電子証明書発行」から取得します。',
      'パソコンを譲渡・廃棄する前に、パソコンに入っている電子証明書を必ず削除してください。',
    ],
    choose: '別の電子証明書を選び直すとき',
    chooseText: [
      'ブラウザは、一度選んだ電子証明書を、すべての画面を閉じるまで覚えています。ブラウザの画面をすべて閉じてから、ログイン画面を開き直してください。',
      '選択画面で同じ発行先がいくつも出るときは、「証明書情報」で、有効期限がいちばん遅いものを選んでください。',
    ],
    remove: '古い電子証明書を削除する',
    removeText:
      '有効期限が切れた電子証明書や古い電子証明書は、自動では削除されません。新しい電子証明書でログインできてから、次の手順で削除してください。',
    install: 'インストールのしかた',
    key: 'ブラウザで発行するときの鍵の扱い',
    keyText: [
      '「ブラウザで発行」では、鍵はお使いのブラウザの中で作られ、{self}には送られません。',
      '通信が切れたり画面を読み込み直したりしても同じ電子証明書を受け取れるように、鍵はこのブラウザの中（IndexedDB）に、ログインIDと結び付けて残しておきます。',
      '「保存とインストールが済みました」を押すと、鍵はすぐに消えます。押さなかったときは、画面を開いてから{minutes}分を過ぎた後、証明書取得画面を次に開いたときに消えます。',
    ],
    environments: 'ご利用環境',
    fees: '手数料',
    feesText: '電子証明書のご利用に伴う新たな手数料はございません。',
    share: '1つのログインIDに1枚',
    shareText:
      '電子証明書は、ログインIDごとに1枚です。ほかのユーザと共有することはできません。1台のパソコンに、何人かのユーザの電子証明書を入れることはできます。',
    network: '社内ネットワークの変更',
    networkText:
      '回線やドメインが変わっても、ログインできます。通信の中身を検査する装置を入れたときは、電子証明書が届かなくなるため、このサイトを検査の対象から外してください。',
  },
  {
    title: 'Help with certificates',
    contents: 'Contents',
    cannotLogin: 'If you cannot log in',
    renewal: 'Expiry and renewal',
    renewalText: [
      'A certificate is valid for {days} days from its issue. After its expiry date you cannot log in with it.',
      'When the expiry date comes near we tell you on screen after login and by e-mail. Then use “Renew” (電子証明書更新) after login.',
      'If it has expired, get a new one under “Get a certificate” (電子証明書発行) on the login page. Nothing needs to be revoked.',
    ],
    change: 'When you change or give away your PC',
    changeText: [
      'First have your certificate revoked. General users ask their master user; master users revoke their own under “Revoke certificates”. Master users who cannot log in hand in a form at their branch.',
      'Then get a new certificate on the new PC, under “Get a certificate” (電子証明書発行) on the login page.',
      'Before you give a PC away or dispose of it, be sure to delete the certificates on it.',
    ],
    choose: 'To choose another certificate',
    chooseText: [
      'Your browser remembers the certificate you chose until all its windows are closed. Close all browser windows and open the login page again.',
      'If the chooser shows several with your login ID, look at the certificate information and pick the one that expires last.',
    ],
    remove: 'To delete old certificates',
    removeText:
      'Expired and old certificates are not deleted by themselves. Once you have logged in with the new one, delete the old ones like this.',
    install: 'How to install',
    key: 'Your key when you issue in the browser',
    keyText: [
      'With “Issue in the browser” the key is made inside your browser and never sent to {self}.',
      'So that you receive the same certificate after a lost connection or a reload, the key stays inside this browser (in IndexedDB), bound to your login ID.',
      'When you press “I have saved and installed it” the key is erased at once. If you do not, it is erased the next time the certificate page is opened, once {minutes} minutes have passed since the page was opened.',
    ],
    environments: 'Supported environments',
    fees: 'Fees',
    feesText: 'There is no additional fee for using a certificate.',
    share: 'One certificate for each login ID',
    shareText:
      'Each login ID has one certificate, which cannot be shared with other users. One PC may hold the certificates of several users.',
    network: 'Changes of your company’s network',
    networkText:
      'You can log in after a change of line or domain. Devices that inspect traffic keep your certificate from reaching us: exclude this site from inspection.',
  },
)
