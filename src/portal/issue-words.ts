import { bilingual } from './portal-words.ts'

/** 証明書取得画面: the login before it, the ways to a certificate, and what follows. */
export const issueWords = bilingual(
  {
    loginTitle: '電子証明書発行',
    pageTitle: '証明書取得画面',
    loginLead: 'ログインIDとログインパスワードを入力して、「認証」を押してください。次の画面で電子証明書を発行します。',
    loginId: 'ログインID',
    loginIdHint: '半角で入力してください。',
    password: 'ログインパスワード',
    authenticate: '認証',
    before: '始める前に',
    beforeItems: [
      '電子証明書は、発行したパソコンでだけ使えます。ふだんお使いのパソコンで操作してください。',
      'Windowsでは、発行したときにサインインしていたユーザだけが使えます。',
      '有効な電子証明書をすでにお持ちの方は、ここでは発行できません。有効期間内の更新は、ログイン後の「電子証明書更新」から行ってください。',
    ],
    empty: 'ログインIDとログインパスワードの両方を入力してください。',
    ended: '認証してから時間が過ぎたため、もう一度認証が必要です。ログインIDとログインパスワードを入力してください。',
    forLogin: 'ログインID',
    issueLead: '電子証明書を発行します。お使いのパソコンに合う方法を1つ選んでください。',
    renewLead: '新しい電子証明書を発行します。お使いのパソコンに合う方法を1つ選んでください。',
    sessionNote: 'この画面は、認証してから{minutes}分間使えます。',
    best: 'おすすめ',
    windowsTitle: 'Windowsのパソコン',
    windowsText:
      '証明書発行アプリ（中身を読める小さなスクリプトです）が、パソコンの中に取り出せない鍵を作り、電子証明書を受け取って登録します。ほかのパソコンへ写せないため、いちばん安全です。',
    windowsButton: '証明書発行アプリをダウンロード',
    windowsSteps: [
      '上のボタンを押して、ファイル「{file}」を保存します。',
      '保存したファイルを右クリックし、「PowerShell で実行」を選びます（Windows 11では「その他のオプションを確認」の中にあることがあります）。管理者として実行する必要はありません。',
      '画面の案内に従います。終わったら、下のボタンで結果を確かめ、ブラウザの画面をすべて閉じてから開き直します。',
    ],
    windowsResult: '発行アプリの結果を表示',
    windowsCommandTitle: '右クリックのメニューに出ないとき',
    windowsCommandText: 'スタートメニューから「Windows PowerShell」を開き、次の1行を貼り付けてEnterキーを押します。',
    reportDone: '電子証明書の登録が終わりました',
    reportFailed: '発行アプリは、電子証明書を登録できませんでした',
    reports: {
      installed: 'ブラウザの画面をすべて閉じてから開き直すと、新しい電子証明書でログインできます。',
      failed: '発行アプリの画面に表示された案内をご確認のうえ、もう一度ダウンロードからやり直してください。',
      no_connection: '{self}に接続できませんでした。ネットワークを確かめて、同じファイルをもう一度実行してください。',
      no_key: 'このパソコンで鍵を作れませんでした。社内の管理者に相談するか、下の「ブラウザで発行」をお使いください。',
      not_allowed:
        '会社の設定でスクリプトを実行できません。社内の管理者に相談するか、下の「ブラウザで発行」をお使いください。',
      not_installed:
        '電子証明書は発行されましたが、登録できませんでした。同じファイルをもう一度実行してください。同じ電子証明書を受け取れます。',
      not_trusted:
        '接続先を確認できませんでした。社内のネットワークが通信の中身を検査していないか、社内の管理者にご確認ください。',
      not_windows: 'この発行アプリは、Windows 10とWindows 11で使えます。',
      refused:
        '発行が認められませんでした。発行アプリの画面に表示された理由をご確認のうえ、もう一度ダウンロードからやり直してください。',
      wrong_user: 'ふだんお使いのWindowsのユーザでサインインし、管理者としてではなく、もう一度実行してください。',
    },
    windowsNote:
      'アプリには、一度だけ、{minutes}分間だけ使えるワンタイムコードが入っています。ログインパスワードは入っていません。会社の設定でスクリプトを実行できないときは、社内の管理者に相談するか、下の「ブラウザで発行」をお使いください。',
    unixTitle: 'macOS・Linuxのパソコン（コマンドで発行）',
    unixText: '{name}のコマンド「sekisho」が入っているパソコンでは、次の1行で発行できます。',
    unixButton: 'ワンタイムコードを表示',
    unixCode: 'ワンタイムコード',
    unixCodeNote: '一度だけ、{minutes}分間だけ使えます。ほかの人に教えないでください。',
    unixSteps: [
      '次の1行を、ターミナルに貼り付けて実行します。ワンタイムコードを尋ねられたら、上のコードを入力します。',
      'できあがった .p12 ファイルを、下の「インストールのしかた」に従って取り込み、ファイルを削除します。',
    ],
    browserTitle: 'ブラウザで発行（上の方法が使えないとき）',
    browserText:
      'このブラウザが鍵を作り、電子証明書と合わせて、パスワード付きのファイル（.p12）にします。鍵が{self}に送られることはありません。',
    browserWarning:
      'ファイルがあれば、ほかのパソコンにも取り込めてしまいます。取り込むときは「このキーをエクスポート可能にする」を選ばず、取り込んだ後は必ずファイルを削除してください。',
    noScript:
      'ブラウザでの発行には、JavaScriptが必要です。ブラウザの設定でJavaScriptを有効にして、この画面を開き直してください。上の方法はJavaScriptなしで使えます。',
    filePassword: 'ファイルに付けるパスワード',
    filePasswordHint:
      '8文字以上の半角英数字・記号。ログインパスワードとは別のものにしてください。取り込むときに一度だけ使います。',
    filePasswordAgain: 'ファイルに付けるパスワード（確認）',
    fileKind: 'ファイルの暗号方式',
    modern: '標準（おすすめ）',
    modernNote: 'Windows 10（バージョン1809以降）、Windows 11、macOS、Firefox、Linux',
    older: '古いWindows向け',
    olderNote:
      '標準のファイルを取り込めないときだけ選んでください。暗号が弱いため、取り込んだらすぐにファイルを削除してください。',
    issue: '発行',
    done: '電子証明書を発行しました',
    doneAgain: '発行済みの電子証明書をもう一度お渡しします',
    serial: 'シリアル番号',
    expiry: '有効期限',
    save: 'ファイル「{file}」を保存',
    saveNote: '保存が始まらないときは、このボタンを押してください。',
    installTitle: 'インストールのしかた',
    tryTitle: '確かめる',
    tryText:
      'インストールしたら、新しい電子証明書で接続できるか確かめてください。選択画面では、有効期限が{expiry}のものを選びます。',
    try: '新しい電子証明書で接続してみる',
    tryNote: '選択画面が出ないときは、ブラウザの画面をすべて閉じてから、ログイン画面を開き直してください。',
    finishTitle: '最後に',
    finishText:
      '保存とインストールが済んだら、次のボタンを押してください。このブラウザに残しておいた鍵を消します。その後で、保存した .p12 ファイルを削除してください。',
    finish: '保存とインストールが済みました',
    finished: '鍵を消しました。保存した .p12 ファイルも、忘れずに削除してください。',
    back: '証明書取得画面へ戻る',
  },
  {
    loginTitle: 'Get a certificate (電子証明書発行)',
    pageTitle: 'Certificate page (証明書取得画面)',
    loginLead: 'Enter your login ID and login password and press “Authenticate”. The next page issues the certificate.',
    loginId: 'Login ID',
    loginIdHint: 'Use half-width letters and digits.',
    password: 'Login password',
    authenticate: 'Authenticate (認証)',
    before: 'Before you start',
    beforeItems: [
      'A certificate works only on the PC on which it was issued. Use the PC you usually work with.',
      'On Windows, only the Windows user who was signed in at the time can use it.',
      'If you have a valid certificate, you cannot get another one here. To renew it, log in and use “Renew” (電子証明書更新).',
    ],
    empty: 'Enter both your login ID and your login password.',
    ended: 'Your authentication has timed out. Please enter your login ID and login password again.',
    forLogin: 'Login ID',
    issueLead: 'Your certificate will now be issued. Choose the one way that fits your PC.',
    renewLead: 'A new certificate will now be issued. Choose the one way that fits your PC.',
    sessionNote: 'You can use this page for {minutes} minutes after authenticating.',
    best: 'Recommended',
    windowsTitle: 'Windows PC',
    windowsText:
      'The enrolment app (a small script you can read) makes a key inside the PC that cannot be taken out, fetches the certificate and installs it. This is the safest way, because nothing can be copied to another PC.',
    windowsButton: 'Download the enrolment app',
    windowsSteps: [
      'Press the button above and save the file “{file}”.',
      'Right-click the saved file and choose “Run with PowerShell” (on Windows 11 perhaps under “Show more options”). It needs no administrator rights.',
      'Follow what it says. When it is done, press the button below to see the result, close all browser windows and open the browser again.',
    ],
    windowsResult: 'Show the result of the app',
    windowsCommandTitle: 'If the menu does not offer it',
    windowsCommandText: 'Open “Windows PowerShell” from the Start menu, paste this line and press Enter.',
    reportDone: 'Your certificate has been installed',
    reportFailed: 'The enrolment app could not install a certificate',
    reports: {
      installed: 'Close all browser windows and open the browser again. Then you can log in with the new certificate.',
      failed: 'Read what the app says, then download it again and start over.',
      no_connection: 'It could not connect to {self}. Check your network and run the same file again.',
      no_key: 'This PC could not make a key. Ask your administrator, or use “Issue in the browser” below.',
      not_allowed: 'Your company does not allow scripts. Ask your administrator, or use “Issue in the browser” below.',
      not_installed:
        'The certificate was issued but could not be installed. Run the same file again: you will receive the same certificate.',
      not_trusted:
        'It could not make sure whom it was talking to. Ask your administrator whether your network inspects traffic.',
      not_windows: 'This app works on Windows 10 and Windows 11.',
      refused: 'No certificate was issued. Read the reason that the app gives, then download it again and start over.',
      wrong_user: 'Sign in as the Windows user you usually work as, and run it again, not as administrator.',
    },
    windowsNote:
      'The app holds a one-time code that works once and for {minutes} minutes. It does not hold your login password. If your company does not allow scripts, ask your administrator, or use “Issue in the browser” below.',
    unixTitle: 'macOS or Linux PC (command line)',
    unixText: 'On a PC that has the command “sekisho”, one line issues your certificate.',
    unixButton: 'Show a one-time code',
    unixCode: 'One-time code',
    unixCodeNote: 'It works once and for {minutes} minutes. Do not tell it to anybody.',
    unixSteps: [
      'Paste this line into a terminal and run it. When it asks for the one-time code, enter the code above.',
      'Import the .p12 file it makes as described under “How to install”, then delete the file.',
    ],
    browserTitle: 'Issue in the browser (if the ways above do not work for you)',
    browserText:
      'This browser makes the key and puts it, with the certificate, into a file (.p12) protected by a password. The key is never sent to {self}.',
    browserWarning:
      'Whoever has the file can import it on another PC. When you import it, do not choose “Mark this key as exportable”, and delete the file afterwards.',
    noScript:
      'Issuing in the browser needs JavaScript. Allow JavaScript in your browser’s settings and open this page again. The ways above work without it.',
    filePassword: 'Password for the file',
    filePasswordHint:
      'At least 8 half-width letters, digits or symbols; not your login password. You need it once, when you import the file.',
    filePasswordAgain: 'Password for the file, once more',
    fileKind: 'Encryption of the file',
    modern: 'Standard (recommended)',
    modernNote: 'Windows 10 (version 1809 or later), Windows 11, macOS, Firefox, Linux',
    older: 'For older Windows',
    olderNote:
      'Only if the standard file cannot be imported. Its encryption is weaker: delete the file as soon as you have imported it.',
    issue: 'Issue (発行)',
    done: 'Your certificate has been issued',
    doneAgain: 'Here is the certificate issued before, once more',
    serial: 'Serial number',
    expiry: 'Expiry date',
    save: 'Save the file “{file}”',
    saveNote: 'Press this button if saving does not start by itself.',
    installTitle: 'How to install',
    tryTitle: 'Try it now',
    tryText:
      'Once it is installed, check that you can connect with the new certificate. In the chooser, pick the one that expires on {expiry}.',
    try: 'Connect with the new certificate',
    tryNote: 'If your browser does not ask for a certificate, close all browser windows and open the login page again.',
    finishTitle: 'Finally',
    finishText:
      'When you have saved and installed the file, press this button. It erases the key that this browser has kept. Then delete the .p12 file you saved.',
    finish: 'I have saved and installed it',
    finished: 'The key has been erased. Remember to delete the .p12 file as well.',
    back: 'Back to the certificate page',
  },
)

/** What the script of the page says while it works. */
export const issueAppWords = bilingual(
  {
    passwordShort: 'ファイルに付けるパスワードは、8文字以上にしてください。',
    passwordLetters: 'ファイルに付けるパスワードには、半角の英数字と記号だけを使ってください。',
    passwordsDiffer: '確認用に入力したパスワードが一致していません。もう一度入力してください。',
    makingKey: '鍵を作っています。',
    asking: '電子証明書を発行しています。この画面を閉じないでください。',
    packing: 'ファイルを作っています。',
    ready: '発行が終わりました。下の案内へお進みください。',
    kept: '前回の途中の鍵が残っています。「発行」を押すと、同じ電子証明書の受け取りを続けられます。',
    offline:
      '通信が途切れたため、結果を受け取れませんでした。鍵はこのブラウザに残っています。もう一度「発行」を押すと、同じ電子証明書を受け取れます。',
    failed: '発行を続けられませんでした。ブラウザの画面をすべて閉じて、もう一度お試しください。',
    noKeeping: 'このブラウザでは鍵を保管できません（プライベートウィンドウなど）。通常の画面で開き直してください。',
  },
  {
    passwordShort: 'The password for the file needs at least 8 characters.',
    passwordLetters: 'Use only half-width letters, digits and symbols in the password for the file.',
    passwordsDiffer: 'The two passwords are not the same. Please enter them again.',
    makingKey: 'Making the key.',
    asking: 'Issuing the certificate. Please do not close this page.',
    packing: 'Making the file.',
    ready: 'Your certificate has been issued. Please go on below.',
    kept: 'A key from an earlier attempt is still here. Press “Issue” to go on and receive the same certificate.',
    offline:
      'The connection broke before the result arrived. The key is still in this browser: press “Issue” again to receive the same certificate.',
    failed: 'The certificate could not be issued. Close all browser windows and try again.',
    noKeeping: 'This browser cannot keep a key (in a private window, for example). Open this page in a normal window.',
  },
)
