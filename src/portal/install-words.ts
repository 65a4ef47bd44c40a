import { bilingual } from './portal-words.ts'

/** How to install and to delete a certificate, by system and browser (4-14, Q13). */
export const installWords = bilingual(
  {
    places: [
      {
        title: 'Windows（Microsoft Edge・Google Chrome）',
        steps: [
          '保存した .p12 ファイルをダブルクリックします。',
          '「証明書のインポート ウィザード」が開きます。保存場所は変えずに、「次へ」を2回押します。',
          'ファイルに付けたパスワードを入力します。「このキーをエクスポート可能にする」にはチェックを入れないでください。',
          '「証明書の種類に基づいて、自動的に証明書ストアを選択する」を選んで「次へ」、「完了」を押します。',
          '.p12 ファイルを削除し、ごみ箱も空にします。',
          'ブラウザの画面をすべて閉じてから開き直します。',
        ],
      },
      {
        title: 'macOS（Safari・Google Chrome・Microsoft Edge）',
        steps: [
          '保存した .p12 ファイルをダブルクリックします。「キーチェーンアクセス」が開きます。',
          '「ログイン」キーチェーンを選び、ファイルに付けたパスワードを入力します。',
          '.p12 ファイルを削除し、ゴミ箱も空にします。',
          'ブラウザを終了してから開き直します。初めて使うときにキーチェーンへのアクセスを求められたら、Macのパスワードを入力して「常に許可」を押します。',
        ],
      },
      {
        title: 'Firefox（Windows・macOS・Linux）',
        steps: [
          'Firefoxの「設定」→「プライバシーとセキュリティ」→「証明書を表示」を開きます。',
          '「あなたの証明書」の「インポート」を押し、.p12 ファイルを選んで、ファイルに付けたパスワードを入力します。',
          '.p12 ファイルを削除し、Firefoxの画面をすべて閉じてから開き直します。',
        ],
      },
      {
        title: 'Linux（Chromium・Google Chrome）',
        steps: [
          'ブラウザのアドレス欄に chrome://certificate-manager と入力し、「あなたの証明書」→「インポート」で .p12 ファイルを選びます。',
          'または、端末で次を実行します: pk12util -d sql:$HOME/.pki/nssdb -i ファイル名.p12',
          '.p12 ファイルを削除し、ブラウザの画面をすべて閉じてから開き直します。',
        ],
      },
    ],
    removals: [
      {
        title: 'Windows（Microsoft Edge・Google Chrome）',
        steps: [
          'Edgeの画面右上の「…」（設定など）から「設定」を開きます。',
          '「プライバシー、検索、サービス」→「セキュリティ」→「証明書の管理」を開きます。Chromeでは「設定」→「プライバシーとセキュリティ」→「セキュリティ」→「証明書の管理」です。',
          '「個人」タブの一覧で、発行先がご自分のログインIDの証明書を選びます。同じ発行先がいくつもあるときは、「表示」で有効期間とシリアル番号を確かめます。',
          '「削除」を押します。ブラウザの画面をすべて閉じてから開き直します。',
        ],
      },
      {
        title: 'macOS',
        steps: [
          '「キーチェーンアクセス」を開き、「ログイン」キーチェーンの「自分の証明書」を選びます。',
          '発行先がご自分のログインIDの証明書を選び、有効期限とシリアル番号を確かめます。',
          '右クリックして「削除」を選びます。証明書の下に表示される秘密鍵も、同じように削除します。',
        ],
      },
      {
        title: 'Firefox',
        steps: [
          '「設定」→「プライバシーとセキュリティ」→「証明書を表示」→「あなたの証明書」で選び、「削除」を押します。',
        ],
      },
    ],
  },
  {
    places: [
      {
        title: 'Windows (Microsoft Edge, Google Chrome)',
        steps: [
          'Double-click the .p12 file you saved.',
          'In the Certificate Import Wizard choose “Current User” and press “Next” twice.',
          'Enter the password of the file. Do not tick “Mark this key as exportable”.',
          'Choose “Automatically select the certificate store”, press “Next” and “Finish”.',
          'Delete the .p12 file and empty the recycle bin.',
          'Close all browser windows and open the browser again.',
        ],
      },
      {
        title: 'macOS (Safari, Google Chrome, Microsoft Edge)',
        steps: [
          'Double-click the .p12 file you saved. Keychain Access opens.',
          'Choose the “login” keychain and enter the password of the file.',
          'Delete the .p12 file and empty the trash.',
          'Quit the browser and open it again. When you are first asked for access to the keychain, enter your Mac password and press “Always Allow”.',
        ],
      },
      {
        title: 'Firefox (Windows, macOS, Linux)',
        steps: [
          'In Firefox open Settings, “Privacy & Security”, “View Certificates”.',
          'Under “Your Certificates” press “Import”, choose the .p12 file and enter its password.',
          'Delete the .p12 file, close all Firefox windows and open Firefox again.',
        ],
      },
      {
        title: 'Linux (Chromium, Google Chrome)',
        steps: [
          'Enter chrome://certificate-manager in the address bar and import the .p12 file under “Your certificates”.',
          'Or run in a terminal: pk12util -d sql:$HOME/.pki/nssdb -i FILE.p12',
          'Delete the .p12 file, close all browser windows and open the browser again.',
        ],
      },
    ],
    removals: [
      {
        title: 'Windows (Microsoft Edge, Google Chrome)',
        steps: [
          'In Edge open “…” (Settings and more) at the top right, then “Settings”.',
          'Open “Privacy, search, and services”, “Security”, “Manage certificates”. In Chrome: “Settings”, “Privacy and security”, “Security”, “Manage certificates”.',
          'On the tab “Personal” choose the certificate issued to your login ID. If there are several, press “View” and compare validity period and serial number.',
          'Press “Remove”. Close all browser windows and open the browser again.',
        ],
      },
      {
        title: 'macOS',
        steps: [
          'Open Keychain Access and choose “My Certificates” of the “login” keychain.',
          'Choose the certificate issued to your login ID and check its expiry date and serial number.',
          'Right-click it and choose “Delete”. Delete the private key shown below it as well.',
        ],
      },
      {
        title: 'Firefox',
        steps: [
          'Open Settings, “Privacy & Security”, “View Certificates”, “Your Certificates”, choose it and press “Delete”.',
        ],
      },
    ],
  },
)
