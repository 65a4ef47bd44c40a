import type { PortalTexts } from './portal-texts.ts'

/** The pages in English. Buttons that exist only in Japanese are named in Japanese as well. */
export const textsEn: PortalTexts = {
  words: {
    thisLanguage: 'English',
    denied: 'You could not be logged in',
    failed: 'The page could not be shown',
    nextSteps: 'What to do next',
    causes: 'Usual causes, and what to do',
    certificate: 'The certificate you used',
    successor: 'The new certificate to choose',
    subject: 'Issued to',
    issuer: 'Issued by',
    serial: 'Serial number',
    expiry: 'Expiry date',
    chooseAnother: 'Choose another certificate',
    chooseOne: 'Choose a certificate',
    chooseAnotherNote:
      'Your browser asks for a certificate again. If it does not ask, close all browser windows and log in again.',
    chooseOneNote:
      'Your browser asks for a certificate. If it does not ask, close all browser windows and log in again.',
    closeBrowsers: 'To choose another certificate',
    closeBrowsersNote:
      'Your browser remembers the certificate you chose until all its windows are closed. Close all browser windows, open the browser again and log in.',
    certificateLogin: 'Log in with a certificate (電子証明書方式のお客様)',
    certificateLoginNote: 'Your browser asks for your certificate.',
    issue: 'Get a certificate (電子証明書発行)',
    issueNote: 'Have your login ID and login password ready.',
    retry: 'Try again',
    retryNote: 'If you see this page again after several tries, please contact us as shown below.',
    help: 'Help with certificates',
    contact: 'Contact',
    contactPoint: 'Please ask',
    hours: 'Hours',
    requestId: 'Request ID',
    requestIdNote: 'Please tell us this ID when you contact us.',
  },
  denial: {
    certificate_missing: {
      title: 'We did not receive a certificate',
      happened: [
        'Your browser did not send a certificate, so you could not be logged in.',
        'To log in with a certificate, a valid one must be on this computer.',
      ],
      steps: [
        'Make the browser ask for a certificate again, and choose yours. It asks when you follow “Choose a certificate” below, or when you close all browser windows and log in again.',
        'If the browser does not ask, or your certificate is not in the list, go through the causes below from the top.',
      ],
      causes: [
        {
          title: 'The certificate has expired',
          remedy:
            'Browsers do not offer an expired certificate. Get a new one from “Get a certificate” (電子証明書発行) on the login page.',
        },
        {
          title: 'Another Windows user is signed in',
          remedy:
            'Each Windows user has their own certificates. Sign in to Windows as the user who obtained the certificate, then log in.',
        },
        {
          title: 'You pressed “Cancel” when the browser asked',
          remedy: 'Close all browser windows, open the browser again, choose your certificate and press “OK”.',
        },
        {
          title: 'The certificate was deleted, or you have a new computer',
          remedy:
            'General users: ask your master user to revoke the certificate, then get a new one from “Get a certificate”. Master users: your branch revokes it when you hand in the application form (申込書).',
        },
        {
          title: 'You obtained a certificate but have not restarted the browser',
          remedy: 'A new certificate can be used after all browser windows have been closed and opened again.',
        },
        {
          title: 'Your company network inspects encrypted traffic',
          remedy:
            'A certificate does not pass through an inspecting device. Ask your network administrator to exempt this site.',
        },
      ],
    },
    certificate_unreadable: {
      title: 'We could not read the certificate',
      happened: ['The certificate your browser sent is not correctly formed, so we cannot tell whose it is.'],
      steps: [
        'If you have another certificate issued by {name}, choose that one.',
        'If you have none, your certificate must be revoked and issued again. General users: ask your master user to revoke it. Master users: ask your branch.',
      ],
    },
    issuer_not_trusted: {
      title: 'This certificate cannot be used here',
      happened: [
        'The certificate you chose was not issued for this service. It may belong to another service or to your company’s own systems.',
      ],
      steps: [
        'Choose another certificate: the one issued to your login ID.',
        'If it is not in the list, check that you are using the same computer and the same Windows user as when you obtained it.',
      ],
    },
    key_too_weak: {
      title: 'This certificate is not strong enough',
      happened: ['The certificate you chose uses an old kind of encryption that is no longer considered safe.'],
      steps: [
        'If you have a newer certificate, choose that one.',
        'If you have none, your certificate must be revoked and issued again. General users: ask your master user to revoke it. Master users: ask your branch.',
      ],
    },
    usage_not_allowed: {
      title: 'This certificate is not for logging in',
      happened: [
        'The certificate you chose was issued for another purpose only, such as a web server or signing documents.',
      ],
      steps: [
        'Choose another certificate: the one that was issued for logging in.',
        'If you see this page with that certificate too, please contact us as shown below.',
      ],
    },
    certificate_not_yet_valid: {
      title: 'This certificate is not valid yet',
      happened: ['The validity period of the certificate you chose has not begun.'],
      steps: [
        'If you have only just obtained it, wait a little and log in again.',
        'If you have another certificate that is valid now, choose that one.',
        'If you still cannot log in the next day, please contact us as shown below.',
      ],
    },
    certificate_expired: {
      title: 'This certificate has expired',
      happened: ['The certificate you chose is past its expiry date and can no longer be used to log in.'],
      steps: [
        'If you already have a new certificate, choose the one with the latest expiry date.',
        'If you have none, go to “Get a certificate” (電子証明書発行): enter your login ID and login password, press 認証 (authenticate), then 発行 (issue). Nothing has to be revoked first.',
        'When you have it, close all browser windows and log in again.',
      ],
    },
    certificate_revoked: {
      title: 'This certificate has been revoked',
      happened: [
        'The certificate you chose has been revoked and cannot be used. A revoked certificate cannot be made valid again.',
      ],
      steps: [
        'If you already have a new certificate, choose that one.',
        'If you have none, go to “Get a certificate” (電子証明書発行): enter your login ID and login password, press 認証 (authenticate), then 発行 (issue).',
        'If you do not know why it was revoked, ask your master user or contact us before you get a new one.',
      ],
    },
    login_id_missing: {
      title: 'The certificate holds no login ID',
      happened: ['We could not find a login ID in the certificate you chose, so we cannot tell which user you are.'],
      steps: [
        'Choose another certificate: the one issued to your login ID.',
        'If you see this page with the right certificate, please contact us as shown below.',
      ],
    },
    login_id_unknown: {
      title: 'The certificate’s login ID is not registered',
      happened: [
        'The login ID in the certificate you chose is not registered with {name}, or has been deleted. This certificate cannot be used to log in.',
      ],
      steps: [
        'If you use another login ID, choose the certificate of that login ID.',
        'Ask your organisation’s master user whether your login ID is registered.',
      ],
    },
    certificate_not_registered: {
      title: 'This certificate is not registered',
      happened: ['{name} has no record of issuing or registering the certificate you chose, so it cannot be used.'],
      steps: [
        'Choose the certificate you obtained from “Get a certificate” (電子証明書発行).',
        'If you have not obtained one yet, go to “Get a certificate”.',
        'If you see this page with that certificate too, please contact us as shown below.',
      ],
    },
    certificate_superseded: {
      title: 'This is your old certificate',
      happened: [
        'The certificate you chose has been renewed. Old certificates stay in the browser’s list but can no longer be used to log in.',
      ],
      steps: [
        'When the browser asks, do not choose the one with the serial number shown above. Among the certificates issued to the same name, the one with the latest expiry date is the new one.',
        'The expiry date is shown under “Certificate information” in the browser’s list.',
        'Once you can log in with the new certificate, delete the old one from this computer to avoid confusion.',
      ],
    },
    user_suspended: {
      title: 'This user is suspended',
      happened: ['The login ID of the certificate you chose may not be used at present.'],
      steps: [
        'General users: please ask your organisation’s master user.',
        'Master users: please ask your branch, or contact us as shown below.',
        'If you use another login ID, choose the certificate of that login ID.',
      ],
    },
    contract_not_in_certificate_mode: {
      title: 'Your contract does not use certificates',
      happened: [
        'The contract of this login ID uses the ID and password method (ID・パスワード方式). A contract uses either certificates or ID and password, never both.',
      ],
      steps: [
        'Go back to the login page and log in under “ID and password” (ID・パスワード方式のお客様).',
        'To change to certificates, please hand in the application form (申込書) at your branch.',
        'If you have a certificate of another contract, choose that one.',
      ],
    },
    trust_data_stale: {
      title: 'We cannot check certificates just now',
      happened: [
        'We do not have up-to-date information on revoked certificates, so for safety all logins are paused. There is nothing wrong with your certificate or your computer.',
      ],
      steps: ['Wait a few minutes and try again. You do not need to choose another certificate or get a new one.'],
    },
  },
  fault: {
    400: {
      title: 'We could not read the request',
      happened: ['What your browser sent is not correct, so we stopped.'],
      steps: [
        'Open the login page again and retry.',
        'If you see this page again, close all browser windows and start over.',
      ],
    },
    404: {
      title: 'Page not found',
      happened: ['There is no such page. Its address may have changed or may have been mistyped.'],
      steps: ['Open the login page again and go on from there.'],
    },
    405: {
      title: 'This is not accepted here',
      happened: ['The page was asked for with a method (HTTP method) that it does not accept, so nothing was done.'],
      steps: [
        'Open the login page again and use the buttons and links of the pages.',
        'If you use special software, please ask its supplier.',
      ],
    },
    408: {
      title: 'The connection took too long',
      happened: ['Data from your browser stopped arriving, so the connection was ended.'],
      steps: [
        'Check your network and try again.',
        'If you were in the middle of a transfer or another transaction, check its result in your history before repeating it.',
      ],
    },
    413: {
      title: 'Too much data was sent',
      happened: ['What was sent is larger than can be accepted at once.'],
      steps: ['Make the file smaller, for example by splitting it, and try again.'],
    },
    414: {
      title: 'The address is too long',
      happened: ['The address (URL) is too long, so the page cannot be shown.'],
      steps: ['Open the login page again and use the menu to reach the page you want.'],
    },
    417: {
      title: 'An unsupported condition was asked for',
      happened: ['Your software set a condition (Expect) that is not supported, so nothing was done.'],
      steps: ['If you use special software, please ask its supplier.'],
    },
    421: {
      title: 'The connection does not match the site',
      happened: ['The site your browser asked for is not the one it connected to, so nothing was done.'],
      steps: [
        'Close all browser windows and open the login page again.',
        'If you go through a company network device, ask your network administrator to check its settings.',
      ],
    },
    429: {
      title: 'Too many requests',
      happened: ['There were too many requests in a short time, so nothing was done.'],
      steps: ['Wait a little and try again.'],
    },
    431: {
      title: 'The browser sent too much information',
      happened: [
        'Information that the browser sends by itself, such as cookies, has grown too large, so nothing was done.',
      ],
      steps: ['Delete the cookies of this site in the browser’s settings.', 'Open the browser again and retry.'],
    },
    500: {
      title: 'Something went wrong on our side',
      happened: ['A problem in our system stopped us from going on.'],
      steps: [
        'Wait a little and try again.',
        'If you were in the middle of a transfer or another transaction, check its result in your history before repeating it.',
      ],
    },
    501: {
      title: 'This operation is not supported',
      happened: ['Your software used a method (HTTP method) that is not supported.'],
      steps: ['Open the login page with a current Microsoft Edge or Google Chrome.'],
    },
    502: {
      title: 'The service cannot be reached',
      happened: ['The internet banking system did not give a proper answer.'],
      steps: [
        'Wait a little and try again.',
        'If you were in the middle of a transfer or another transaction, check its result in your history before repeating it.',
      ],
    },
    503: {
      title: 'The service is very busy',
      happened: ['Too many people are using the service, or it is not ready yet, so nothing was done.'],
      steps: ['Wait a few minutes and try again.'],
    },
    504: {
      title: 'The service is taking too long to answer',
      happened: ['The internet banking system did not answer in time.'],
      steps: [
        'Wait a little and try again.',
        'If you were in the middle of a transfer or another transaction, check its result in your history before repeating it.',
      ],
    },
    505: {
      title: 'This protocol version is not supported',
      happened: ['The HTTP version your software uses is not supported.'],
      steps: ['Open the login page with a current Microsoft Edge or Google Chrome.'],
    },
    login_method_mismatch: {
      title: 'You cannot log in with ID and password',
      happened: [
        'The login ID you entered cannot log in with ID and password. A contract uses either certificates or ID and password, never both.',
      ],
      steps: [
        'Check the login ID for mistakes. Capital and small letters are different.',
        'If your contract uses certificates, log in under “Log in with a certificate” below. If you have no certificate yet, go to “Get a certificate” (電子証明書発行) first.',
        'If the login ID is right and your contract uses ID and password, please ask your master user, or contact us as shown below.',
      ],
    },
    login_request_unreadable: {
      title: 'The login cannot be read for certain',
      happened: ['What was sent holds no login ID, or can be read in two ways, so for safety nobody was logged in.'],
      steps: [
        'Open the login page again and enter your login ID and login password.',
        'If you use special software or browser extensions, try without them.',
      ],
    },
    path_ambiguous: {
      title: 'The address cannot be read for certain',
      happened: [
        'The address (URL) has a part that can be read in two ways, such as “/../” or “%2F” in the middle, so for safety nothing was done.',
      ],
      steps: [
        'Open the login page again and use the menu to reach the page you want.',
        'If you came by a bookmark, save a new one on the page you want.',
      ],
    },
    upgrade_limit: {
      title: 'Too many live pages are open',
      happened: [
        'Too many pages that update by themselves, such as rates, are open at once, so no more can be connected.',
      ],
      steps: ['Close windows and tabs you do not use, and try again.'],
    },
    upgrade_origin_mismatch: {
      title: 'A connection from another site was stopped',
      happened: ['The page of another site tried to connect, so for safety nothing was done.'],
      steps: ['If a page is open that you do not know, close it; then open the login page again.'],
    },
    upstream_unavailable: {
      title: 'The service is not available just now',
      happened: [
        'The internet banking system is not answering, so nothing was done. There is nothing wrong with your certificate or your computer.',
      ],
      steps: [
        'Wait a little and try again.',
        'If it is urgent, check that the service is open at this hour, and contact us as shown below.',
      ],
    },
  },
}
