// What happened before: entries as `lifecycle/history.ts` writes them.
import type { TrustStore } from '../../src/control-path/store-port.ts'

export async function addHistoryNote(store: Pick<TrustStore, 'addHistory'>, subject: string): Promise<void> {
  const entry = {
    atMs: 1_000,
    what: 'login_method_changed',
    who: 'sato.hanako',
    requestId: 'r-1',
    detail: { method: 'certificate', previousMethod: 'password', form: 'K-1', outcome: 'changed', reason: '申込' },
  }
  await store.addHistory(subject, JSON.stringify(entry))
}
