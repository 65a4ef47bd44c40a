import { showCertificate, showNotice, showRenewal, tryCertificate } from './certificate-page.ts'
import { showHelp } from './help-page.ts'
import { downloadScript, issueInBrowser, showCode } from './issue-acts.ts'
import { endIssue, logIn, showIssue } from './issue-login.ts'
import { showLogin } from './login-page.ts'
import { assetAnswer, portalAssets, serveAsset } from './portal-assets.ts'
import type { PortalAnswer, PortalCall, PortalDoor, PortalRoute } from './portal-call.ts'
import type { PortalServices } from './portal-services.ts'
import { confirmRevocation, executeRevocation } from './revoke-page.ts'
import { showUsers, unlockUserOf } from './users-page.ts'

type Handle = PortalRoute<PortalServices>['handle']

/** Every page and call for users below /.sekisho/, and on which door it is. */
export function portalRoutes(): PortalRoute<PortalServices>[] {
  const page = (door: PortalDoor, path: string, handle: Handle) => ({ method: 'GET', door, path, handle }) as const
  const act = (door: PortalDoor, path: string, handle: Handle) => ({ method: 'POST', door, path, handle }) as const
  return [
    page('both', '/.sekisho/login', showLogin),
    page('both', '/.sekisho/help', showHelp),
    page('both', '/.sekisho/assets/*', serveAsset),
    page('public', '/.sekisho/issue', showIssue),
    act('public', '/.sekisho/issue', logIn),
    page('certificate', '/.sekisho/renew', showRenewal),
    act('both', '/.sekisho/issue/request', issueInBrowser),
    act('both', '/.sekisho/issue/code', showCode),
    act('both', '/.sekisho/issue/done', endIssue),
    act('both', '/.sekisho/enrol-script', downloadScript),
    page('certificate', '/.sekisho/certificate', showCertificate),
    page('certificate', '/.sekisho/notice.html', showNotice),
    page('certificate', '/.sekisho/notice.js', noticeScript),
    page('certificate', '/.sekisho/try', tryCertificate),
    page('certificate', '/.sekisho/users', showUsers),
    page('certificate', '/.sekisho/users/revoke', confirmRevocation),
    act('certificate', '/.sekisho/users/revoke', executeRevocation),
    act('certificate', '/.sekisho/users/unlock', unlockUserOf),
  ]
}

/** The script of the notice under a name that applications can write down. */
async function noticeScript(call: PortalCall): Promise<PortalAnswer> {
  const assets = portalAssets()
  const asset = assets.find(assets.url('notice').split('/').at(-1) ?? '')
  if (asset === undefined) throw new TypeError('Cannot find the script of the notice')
  return assetAnswer(call, asset, 'private, max-age=3600')
}
