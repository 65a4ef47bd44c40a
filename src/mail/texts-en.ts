import type { MailTexts } from './mail-texts.ts'

const unknownAct =
  'If you do not know of this, somebody else may have done it. Please get in touch with us at once, as said below.'

/** The mails in English. */
export const mailTextsEn: MailTexts = {
  words: {
    dear: 'Dear {reader},',
    dearUnknown: 'Dear customer,',
    certificate: 'The certificate',
    loginId: 'Login ID',
    serial: 'Serial number',
    expiry: 'Expiry date',
    done: 'Done at',
    doneBy: 'Done by',
    bySelf: 'the user',
    byInstitution: '{self}',
    daysLeft: '{days} days left',
    oneDayLeft: '1 day left',
    lastDay: 'today is the last day',
    steps: 'What to do',
    contact: 'Contact',
    hours: 'Hours',
    footer: [
      'This mail has no links in it. By mail we never ask you for your login password or confirmation password.',
      'This mail was sent automatically.',
    ],
  },
  mail: {
    expiry: {
      subject: '[{name}] Your certificate expires soon ({daysLeft})',
      before: [
        'Thank you for using {service}.',
        'The expiry date of the certificate you log in with is near. After that date you cannot log in with it. Please renew it before then.',
      ],
      steps: [
        'Open the login page of {service} as you always do, and log in with your present certificate.',
        'Choose “Renew the certificate” (電子証明書更新) on the page after login, and follow it to obtain the new certificate.',
        'Close all browser windows, open the browser again, and log in with the new certificate.',
      ],
      after: [
        'If you have the new certificate already, please log in with it. Once you have, this notice is not sent any more.',
        'After the expiry date you can obtain a new certificate from “Get a certificate” (電子証明書発行) on the login page.',
      ],
    },
    expired: {
      subject: '[{name}] Your certificate has expired',
      before: [
        'Thank you for using {service}.',
        'The expiry date of this certificate is past. You cannot log in with it any more.',
      ],
      steps: [
        'Open the login page of {service} as you always do, and choose “Get a certificate” (電子証明書発行).',
        'Enter your login ID and login password, and follow the page to obtain a new certificate.',
        'Close all browser windows, open the browser again, and log in with the new certificate.',
      ],
      after: [],
    },
    issued_user: {
      subject: '[{name}] Your certificate was issued',
      before: ['Thank you for using {service}.', 'This certificate was issued to you.'],
      steps: [],
      after: [unknownAct],
    },
    issued_master: {
      subject: '[{name}] A user’s certificate was issued',
      before: [
        'Thank you for using {service}.',
        'This certificate was issued to a user of your contract. You are told as its master user.',
      ],
      steps: [],
      after: [unknownAct],
    },
    renewed_user: {
      subject: '[{name}] Your certificate was renewed',
      before: ['Thank you for using {service}.', 'Your certificate was renewed: this new one was issued to you.'],
      steps: [
        'Close all browser windows, open the browser again, and log in: choose the certificate with this serial number.',
      ],
      after: [
        'From your first login with the new certificate on, the one before it does not count any more. Until then you can log in with either.',
        unknownAct,
      ],
    },
    renewed_master: {
      subject: '[{name}] A user’s certificate was renewed',
      before: [
        'Thank you for using {service}.',
        'The certificate of a user of your contract was renewed: this new one was issued. You are told as its master user.',
      ],
      steps: [],
      after: [unknownAct],
    },
    revoked_user: {
      subject: '[{name}] Your certificate was revoked',
      before: [
        'Thank you for using {service}.',
        'This certificate was revoked. Nobody can log in with a revoked certificate.',
      ],
      steps: [
        'To go on using the service, open the login page of {service} as you always do, and choose “Get a certificate” (電子証明書発行).',
        'Enter your login ID and login password, and follow the page to obtain a new certificate.',
      ],
      after: [unknownAct],
    },
    revoked_master: {
      subject: '[{name}] A user’s certificate was revoked',
      before: [
        'Thank you for using {service}.',
        'This certificate of a user of your contract was revoked. Nobody can log in with it any more. You are told as the master user.',
      ],
      steps: [],
      after: [
        'A user who goes on using the service can obtain a new certificate from “Get a certificate” (電子証明書発行) on the login page.',
        unknownAct,
      ],
    },
  },
}
