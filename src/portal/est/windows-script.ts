import type { KeyType } from '../../x509/certificate-profile.ts'
import { enrolReportId } from './enrol-report.ts'
import { powershellLines, powershellText } from './powershell-text.ts'
import { keyProviders, requestSettings } from './request-settings.ts'
import { windowsScriptText } from './windows-script-text.ts'

export type WindowsScriptOptions = {
  /** host:port of the public door, as users reach it. */
  readonly publicAuthority: string
  readonly loginId: string
  /** The one-time code, the only secret in it. */
  readonly code: string
  /** Name of the service, which Windows also shows beside the certificate. */
  readonly serviceName: string
  /** The preferred kind of key. */
  readonly keyType: KeyType
}

/**
 * The enrolment script as a file (`.ps1`): UTF-8 with a byte order mark, without which Windows PowerShell 5.1 would take it for the
 * machine's code page, and CR LF at the end of lines. Whatever a login ID or a name holds, it stays text. Throws TypeError for an authority
 * that is no host and port.
 */
export function windowsScript(options: WindowsScriptOptions): string {
  const { publicAuthority, loginId, serviceName, keyType } = options
  if (!/^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:]+\](:\d{1,5})?$/.test(publicAuthority)) {
    throw new TypeError(`Cannot write the script for ${JSON.stringify(publicAuthority)} as it is no host and port`)
  }
  const settings = [
    `$Server = ${powershellText(`https://${publicAuthority}`)}`,
    `$LoginId = ${powershellText(loginId)}`,
    `$Code = ${powershellText(options.code)}`,
    `$CodeId = ${powershellText(enrolReportId(options.code))}`,
    `$Service = ${powershellText(serviceName)}`,
    `$Providers = @(${keyProviders.map(powershellText).join(', ')})`,
    `$RequestSettings = ${powershellLines(requestSettings({ loginId, friendlyName: serviceName, keyType }))}`,
  ]
  const [before = '', after = ''] = windowsScriptText.split('#SETTINGS#')
  const lineFeeds = (text: string) => text.replaceAll('\n', '\r\n')
  return `\uFEFF${lineFeeds(before)}${settings.join('\r\n')}${lineFeeds(after)}`
}
