import type { MailDeliveryConfig } from '../../src/config/gateway-config.ts'
import type { OutgoingMail } from '../../src/mail/mail-outlet.ts'

type SmtpConfig = Extract<MailDeliveryConfig, { kind: 'smtp' }>

/** A mail server on this machine without TLS, unless changed. */
export function smtpConfig(changes: Partial<SmtpConfig> & { readonly port: number }): SmtpConfig {
  return {
    kind: 'smtp',
    host: '127.0.0.1',
    security: 'none',
    caPem: undefined,
    username: undefined,
    password: undefined,
    timeoutMs: 5_000,
    connectionsMax: 2,
    ...changes,
  }
}

/** A mail in Japanese. */
export function outgoing(changes: Partial<OutgoingMail> = {}): OutgoingMail {
  return {
    id: 'expiry:a:30',
    from: 'notice@bank.example',
    sender: 'サンプル銀行',
    replyTo: undefined,
    to: 'user01@shoji.example',
    subject: '【サンプル銀行】電子証明書 有効期限のお知らせ（あと30日）と、折り返しが必要なほど長い件名',
    text: 'お客様\n\n電子証明書の有効期限が近づきました。\n',
    html: '<p>電子証明書の有効期限が近づきました。</p>',
    dateMs: Date.parse('2026-11-24T08:00:00+09:00'),
    ...changes,
  }
}
