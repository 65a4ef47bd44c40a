import { bilingual } from '../../portal/portal-words.ts'

/** What went wrong, by the code of the fault, and what the operator does next. */
export const counterFaultWords = bilingual(
  {
    admin_not_found: {
      title: '見つかりません',
      steps: ['IDを確かめて、もう一度検索してください。大文字と小文字も区別されます。'],
    },
    admin_request_invalid: {
      title: '受け付けられない内容です',
      steps: ['検索からやり直してください。ほかのサイトやブックマークからではなく、この画面のボタンをお使いください。'],
    },
    admin_role_missing: {
      title: 'この操作の権限がありません',
      steps: [
        '手続きは、取引店またはセキュリティ担当の役割を持つ担当者が行います。',
        '役割は担当者の電子証明書に記載されています。違うときは、管理者にご連絡ください。',
      ],
    },
    admin_unauthenticated: {
      title: '担当者の電子証明書を確認できません',
      steps: [
        '有効な担当者用の電子証明書を選び直してください。ブラウザの画面をすべて閉じて開き直すと、選択画面が表示されます。',
        '電子証明書の期限が切れているときは、管理者にご連絡ください。',
      ],
    },
    store_unavailable: {
      title: 'ただいま記録を確認できません',
      steps: [
        '少し待ってから、対象の契約またはユーザを開き、状態と履歴を確かめてください。手続きは反映されている可能性があります。',
        '反映されていないときは、もう一度手続きをしてください。同じ手続きを2回しても、重ねて変わることはありません。',
      ],
    },
    store_read_only: {
      title: 'このゲートウェイでは手続きができません',
      steps: ['照会だけができる設定です。手続きができる接続先を管理者にご確認ください。'],
    },
    internal: {
      title: 'システムで問題が起きました',
      steps: [
        '対象の契約またはユーザを開き、状態と履歴を確かめてください。',
        '続くときは、下の番号を添えて管理者にご連絡ください。',
      ],
    },
  },
  {
    admin_not_found: {
      title: 'Not found',
      steps: ['Check the ID and search again. Capital and small letters are distinguished.'],
    },
    admin_request_invalid: {
      title: 'This cannot be used',
      steps: [
        'Start again from the search, and use the buttons of these pages, not those of other sites or bookmarks.',
      ],
    },
    admin_role_missing: {
      title: 'Your role does not allow this',
      steps: [
        'Changes are made by operators with the role branch or security.',
        'Roles stand in the operator’s certificate. If yours is wrong, tell your administrator.',
      ],
    },
    admin_unauthenticated: {
      title: 'Your operator certificate could not be recognised',
      steps: [
        'Choose a valid operator certificate. The browser asks again once all its windows have been closed.',
        'If your certificate has expired, tell your administrator.',
      ],
    },
    store_unavailable: {
      title: 'The records cannot be reached at the moment',
      steps: [
        'Wait a little, then open the contract or user and look at state and history: the change may be in force.',
        'If it is not, make it again. Making a change twice does no harm.',
      ],
    },
    store_read_only: {
      title: 'No changes can be made at this gateway',
      steps: ['It may only read. Ask your administrator where changes can be made.'],
    },
    internal: {
      title: 'The system has a problem',
      steps: [
        'Open the contract or user and look at state and history.',
        'If it goes on, tell your administrator the number below.',
      ],
    },
  },
)
