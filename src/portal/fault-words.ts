import type { FaultCode } from '../base/errors.ts'
import type { PageText } from './portal-texts.ts'
import { bilingual } from './portal-words.ts'

/** Faults of the pages that need words of their own; any other borrows those of its status (`texts-*.ts`). */
export const faultWords = bilingual(
  {
    login_refused: {
      title: 'ログインIDまたはログインパスワードが違います',
      happened: ['入力されたログインIDとログインパスワードの組み合わせでは、認証できませんでした。'],
      steps: [
        'ログインIDとログインパスワードを確かめて、もう一度入力してください。大文字と小文字、全角と半角は区別されます。',
        '何度か続けて間違えると、一時的に認証できなくなります。',
        'パスワードを忘れたときは、一般ユーザの方はマスターユーザに、マスターユーザの方はお取引店または下の連絡先へご連絡ください。',
      ],
    },
    login_locked: {
      title: 'パスワードの間違いが続いたため、一時的に止めています',
      happened: [
        '安全のため、このログインIDの認証を一時的に止めています。正しいパスワードを入力しても、今は進めません。',
      ],
      steps: [
        'しばらく待ってから、もう一度お試しください。',
        'お急ぎの場合、一般ユーザの方は、マスターユーザにロックの解除を依頼してください（「証明書失効」の利用者一覧で解除できます）。',
        'マスターユーザの方は、お取引店または下の連絡先へご連絡ください。',
      ],
    },
    login_throttled: {
      title: '認証の失敗が続いたため、一時的に止めています',
      happened: [
        'お使いのネットワークから、短い時間に認証の失敗が続きました。安全のため、新しい認証を一時的に止めています。',
      ],
      steps: [
        'しばらく待ってから、もう一度お試しください。',
        '同じ会社の中で、続けて間違えている方がいないかご確認ください。',
      ],
    },
    login_id_invalid: {
      title: 'ログインIDに使えない文字が入っています',
      happened: ['入力されたログインIDは、ログインIDの形ではありません。'],
      steps: ['ログインIDを、半角で、前後に空白を入れずに、もう一度入力してください。'],
    },
    certificate_exists: {
      title: '有効な電子証明書がすでにあります',
      happened: [
        'このログインIDには、有効期間内の電子証明書があります。電子証明書は1つのログインIDに1枚だけのため、新しいものは発行できません。',
      ],
      steps: [
        'その電子証明書が入っているパソコンをお使いのときは、ログインしてください。有効期限が近いときは、ログイン後に「電子証明書更新」で更新できます。',
        'パソコンを替えたときや、電子証明書を削除したときは、先に失効が必要です。一般ユーザの方は、マスターユーザに失効を依頼してください。マスターユーザの方は、ログインできるときはご自身で失効し、できないときはお取引店で手続きしてください。',
        '発行の途中で受け取れなかったときは、同じパソコンの同じブラウザで、この画面からもう一度「発行」を押してください。それでも受け取れないときは、失効の後に発行し直してください。',
      ],
    },
    certificate_limit_reached: {
      title: '発行できる枚数に達しています',
      happened: ['ご契約で電子証明書を持てるユーザの数が上限に達しているため、新しく発行できません。'],
      steps: [
        '使わなくなったユーザの電子証明書の失効を、マスターユーザに依頼してください。失効の後に発行できます。',
        '上限については、お取引店へお問い合わせください。',
      ],
    },
    renewal_not_due: {
      title: 'まだ更新できる時期ではありません',
      happened: ['電子証明書の更新は、有効期限が近づいてからできます。今の電子証明書は、このままお使いいただけます。'],
      steps: [
        '更新できる時期になると、ログイン後の画面と電子メールでお知らせします。それまでお待ちください。',
        'パソコンを替えるときは、更新ではなく、失効と再発行を行ってください。',
      ],
    },
    key_reused: {
      title: '前に使った鍵では発行できません',
      happened: [
        'この鍵の電子証明書は、失効したか、有効期限が切れています。同じ鍵で新しい電子証明書を発行することはできません。',
      ],
      steps: [
        '証明書取得画面を開き直して、発行をやり直してください。新しい鍵が作られます。',
        'コマンドで発行しているときは、前の鍵のファイルを使わずに、やり直してください。',
      ],
    },
    confirmation_wrong: {
      title: '確認用パスワードが違います',
      happened: ['入力された確認用パスワードが違うため、失効していません。'],
      steps: [
        '確認用パスワードを、もう一度入力してください。ログインパスワードとは別のものです。',
        '何度か続けて間違えると、一時的に操作できなくなります。',
      ],
    },
    revocation_not_allowed: {
      title: 'この操作を行う権限がありません',
      happened: ['お使いのログインIDでは、このユーザの電子証明書を失効できません。何も変わっていません。'],
      steps: [
        '一般ユーザの方は、マスターユーザに失効を依頼してください。',
        'マスターユーザの電子証明書を失効するには、お取引店での手続き（申込書の提出）が必要な場合があります。',
      ],
    },
    unlock_not_allowed: {
      title: 'このユーザのロックは解除できません',
      happened: [
        'ロックを解除できるのはマスターユーザだけで、同じご契約の一般ユーザに限られます。何も変わっていません。',
      ],
      steps: [
        'マスターユーザご自身のロックは、時間がたつと解けます。お急ぎのときは、お取引店または下の連絡先へご連絡ください。',
      ],
    },
    signer_unavailable: {
      title: 'ただいま電子証明書を発行できません',
      happened: [
        '{self}の発行システムが応答していません。お客様のパソコンの問題ではありません。二重に発行されることはありません。',
      ],
      steps: [
        '数分待ってから、同じパソコンの同じブラウザで、もう一度「発行」を押してください。',
        '続くときは、下の連絡先へお問い合わせください。',
      ],
    },
    signing_request_invalid: {
      title: '発行の申請を読み取れませんでした',
      happened: ['パソコンから送られた発行の申請（署名要求）が正しい形ではないため、発行していません。'],
      steps: [
        '証明書取得画面を開き直して、発行をやり直してください。',
        '同じ画面になるときは、Microsoft EdgeまたはGoogle Chromeの最新版でお試しください。',
      ],
    },
    signing_request_refused: {
      title: 'この申請では発行できません',
      happened: ['発行の申請（署名要求）に、認められていない鍵の種類や内容が入っているため、発行していません。'],
      steps: [
        '証明書取得画面の案内の通りに、発行をやり直してください。',
        '専用ソフトウェアをお使いの場合は、その提供元にご確認ください。',
      ],
    },
    not_certificate_mode: {
      title: 'ご契約は電子証明書方式ではありません',
      happened: ['このログインIDのご契約はID・パスワード方式のため、電子証明書を発行できません。'],
      steps: [
        'ログイン画面の「ID・パスワード方式のお客様」からログインしてください。',
        '電子証明書方式に切り替えるには、お取引店での手続き（申込書の提出）が必要です。',
      ],
    },
    verifier_unavailable: {
      title: 'ただいまパスワードを確認できません',
      happened: [
        '{self}のシステムが応答していないため、パスワードを確認できませんでした。間違いとしては数えていません。',
      ],
      steps: ['数分待ってから、もう一度お試しください。', '続くときは、下の連絡先へお問い合わせください。'],
    },
    code_invalid: {
      title: '認証の有効時間が過ぎました',
      happened: ['認証してから時間が過ぎたか、ワンタイムコードがすでに使われているため、続けられませんでした。'],
      steps: [
        '「電子証明書発行」を開き直し、ログインIDとログインパスワードを入力して「認証」を押してください。',
        '同じパソコンの同じブラウザで続ければ、同じ電子証明書を受け取れます。',
      ],
    },
    issuing_disabled: {
      title: 'ここでは電子証明書を発行していません',
      happened: ['このサイトは、電子証明書を発行していません。'],
      steps: ['電子証明書の取得のしかたは、お取引店または下の連絡先へお問い合わせください。'],
    },
    certificate_lint_failed: {
      title: '電子証明書を発行できませんでした',
      happened: ['作られた電子証明書が検査に通らなかったため、お渡ししていません。お客様の操作の問題ではありません。'],
      steps: ['下の連絡先へ、お問い合わせ番号をお知らせください。'],
    },
    store_unavailable: {
      title: 'ただいま処理できません',
      happened: ['{self}のシステムが一時的に応答していません。二重に処理されることはありません。'],
      steps: [
        '数分待ってから、同じパソコンの同じブラウザで、もう一度お試しください。',
        '失効の操作の途中だったときは、利用者一覧で結果をご確認ください。',
      ],
    },
    upgrade_origin_mismatch: {
      title: '別のサイトからの操作を止めました',
      happened: ['この操作は、このサイトの画面から送られたものではありません。安全のため、処理していません。'],
      steps: ['心当たりのない画面が開いているときは閉じて、ログイン画面から操作をやり直してください。'],
    },
    request_not_found: {
      title: 'ページが見つかりません',
      happened: ['指定されたページはありません。または、電子証明書でログインしたときだけ開けるページです。'],
      steps: ['ログイン画面を開き直して、目的の画面へお進みください。'],
    },
    admin_not_found: {
      title: 'そのユーザは見つかりません',
      happened: ['指定されたログインIDのユーザは、ご契約の中にありません。'],
      steps: ['利用者一覧に戻って、ユーザを選び直してください。'],
    },
  },
  {
    login_refused: {
      title: 'The login ID or login password is wrong',
      happened: ['We could not authenticate you with this login ID and login password.'],
      steps: [
        'Check both and enter them again. Upper and lower case, full width and half width make a difference.',
        'After several wrong attempts in a row you will be locked out for a while.',
        'If you have forgotten the password: general users ask their master user; master users contact their branch or us, as shown below.',
      ],
    },
    login_locked: {
      title: 'Paused after too many wrong passwords',
      happened: ['For safety this login ID cannot authenticate for a while, not even with the right password.'],
      steps: [
        'Wait a while, then try again.',
        'If it is urgent, general users ask their master user to unlock them (in the user list under “Revoke certificates”).',
        'Master users contact their branch, or us as shown below.',
      ],
    },
    login_throttled: {
      title: 'Paused after many failed attempts from your network',
      happened: ['Many attempts from your network have failed within a short time. For safety new ones are paused.'],
      steps: [
        'Wait a while, then try again.',
        'Check whether somebody in your company keeps entering a wrong password.',
      ],
    },
    login_id_invalid: {
      title: 'The login ID holds characters that cannot be',
      happened: ['What you entered does not have the form of a login ID.'],
      steps: ['Enter the login ID again, in half-width letters and digits, without spaces around it.'],
    },
    certificate_exists: {
      title: 'There is a valid certificate already',
      happened: [
        'This login ID has a certificate that is still valid. There is one for each login ID, so no other can be issued.',
      ],
      steps: [
        'If you use the PC that holds it, log in. If it expires soon, use “Renew” (電子証明書更新) after login.',
        'If you changed your PC or deleted the certificate, it must be revoked first. General users ask their master user. Master users revoke it themselves if they can log in; otherwise please visit your branch.',
        'If it was issued but never reached you, press “Issue” again on the same PC and in the same browser. If that does not help, have it revoked and get a new one.',
      ],
    },
    certificate_limit_reached: {
      title: 'Your contract has as many certificates as it may',
      happened: [
        'The number of users of your contract who hold a certificate has reached its limit, so no more can be issued.',
      ],
      steps: [
        'Ask your master user to revoke the certificate of a user who no longer needs one. Then yours can be issued.',
        'Ask your branch about the limit.',
      ],
    },
    renewal_not_due: {
      title: 'It is too early to renew',
      happened: ['A certificate can be renewed when its expiry date comes near. You can go on using yours as it is.'],
      steps: [
        'We will tell you on screen after login and by e-mail when it is time.',
        'To move to another PC, do not renew: have the certificate revoked, then get a new one.',
      ],
    },
    key_reused: {
      title: 'This key has been used before',
      happened: [
        'The certificate of this key has been revoked or has expired. No other can be issued for the same key.',
      ],
      steps: [
        'Open the certificate page again and start over: a new key will be made.',
        'On the command line, start over without the old key file.',
      ],
    },
    confirmation_wrong: {
      title: 'The confirmation password is wrong',
      happened: ['The confirmation password (確認用パスワード) you entered is wrong. Nothing has been revoked.'],
      steps: [
        'Enter it again. It is not your login password.',
        'After several wrong attempts in a row you will be locked out for a while.',
      ],
    },
    revocation_not_allowed: {
      title: 'You may not do this',
      happened: ['Your login ID may not revoke this user’s certificate. Nothing has changed.'],
      steps: [
        'General users ask their master user to revoke it.',
        'To revoke a master user’s certificate you may have to hand in a form at your branch.',
      ],
    },
    unlock_not_allowed: {
      title: 'You may not unlock this user',
      happened: ['Only a master user can unlock, and only general users of the same contract. Nothing has changed.'],
      steps: [
        'A master user’s own lock ends by itself after a while. If it is urgent, contact your branch or us, as shown below.',
      ],
    },
    signer_unavailable: {
      title: 'No certificates can be issued at the moment',
      happened: ['Our issuing system does not answer. Your PC is not the cause, and nothing will be issued twice.'],
      steps: [
        'Wait a few minutes, then press “Issue” again on the same PC and in the same browser.',
        'If it goes on, please contact us as shown below.',
      ],
    },
    signing_request_invalid: {
      title: 'The signing request could not be read',
      happened: ['What your PC sent is not a correct signing request. Nothing has been issued.'],
      steps: [
        'Open the certificate page again and start over.',
        'If you see this again, use a current Microsoft Edge or Google Chrome.',
      ],
    },
    signing_request_refused: {
      title: 'No certificate can be issued for this request',
      happened: [
        'The signing request asks for a kind of key or for contents that are not allowed. Nothing has been issued.',
      ],
      steps: ['Start over as the certificate page describes.', 'If you use special software, ask its provider.'],
    },
    not_certificate_mode: {
      title: 'Your contract does not use certificates',
      happened: ['The contract of this login ID logs in with ID and password, so there is no certificate for it.'],
      steps: [
        'Log in under “ID and password login” (ID・パスワード方式のお客様) on the login page.',
        'To change to certificate login, hand in a form at your branch.',
      ],
    },
    verifier_unavailable: {
      title: 'Passwords cannot be checked at the moment',
      happened: [
        'Our system does not answer, so your password could not be checked. It does not count as a wrong one.',
      ],
      steps: ['Wait a few minutes, then try again.', 'If it goes on, please contact us as shown below.'],
    },
    code_invalid: {
      title: 'Your authentication has timed out',
      happened: ['Too much time has passed since you authenticated, or the one-time code has been used already.'],
      steps: [
        'Open “Get a certificate” (電子証明書発行) again, enter your login ID and login password and authenticate.',
        'On the same PC and in the same browser you will receive the same certificate.',
      ],
    },
    issuing_disabled: {
      title: 'No certificates are issued here',
      happened: ['This site does not issue certificates.'],
      steps: ['Ask your branch, or us as shown below, how to get one.'],
    },
    certificate_lint_failed: {
      title: 'The certificate could not be issued',
      happened: ['The certificate did not pass our checks, so it was not handed out. You did nothing wrong.'],
      steps: ['Please contact us as shown below and tell us the reference number.'],
    },
    store_unavailable: {
      title: 'This is not possible at the moment',
      happened: ['Our system does not answer for the moment. Nothing will be done twice.'],
      steps: [
        'Wait a few minutes, then try again on the same PC and in the same browser.',
        'If you were revoking a certificate, look at the user list to see whether it was done.',
      ],
    },
    upgrade_origin_mismatch: {
      title: 'A request from another site was stopped',
      happened: ['This request did not come from one of our own pages. For safety nothing has been done.'],
      steps: ['Close any page you do not know and start again from the login page.'],
    },
    request_not_found: {
      title: 'There is no such page',
      happened: ['This page does not exist, or it opens only for those who have logged in with a certificate.'],
      steps: ['Open the login page again and go on from there.'],
    },
    admin_not_found: {
      title: 'There is no such user',
      happened: ['Your contract has no user with this login ID.'],
      steps: ['Go back to the user list and choose again.'],
    },
  },
)

/** Codes with words of their own. */
export const portalFaultCodes = Object.keys(faultWords.ja) as readonly (keyof (typeof faultWords)['ja'] & FaultCode)[]

/** The words of these tables have the shape of every other page's. */
export type FaultText = Pick<PageText, 'title' | 'happened' | 'steps'>
