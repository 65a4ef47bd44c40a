/**
 * Keeps the key pair of a certificate that is being issued, so that a reload or a lost answer leads to the same certificate (R8): in
 * IndexedDB of this origin, one for each login ID and purpose. It is erased when the user says that the file is saved, and when its
 * time is over, which every visit of the page looks at first. Times are the server's, because clocks of PCs go wrong.
 */
export type KeyKeeper = {
  /** Undefined: none is kept, or its time was over and it has been erased. */
  load(name: string): Promise<CryptoKeyPair | undefined>
  save(name: string, kept: KeptKey): Promise<void>
  erase(name: string): Promise<void>
}

export type KeptKey = {
  readonly keys: CryptoKeyPair
  /** Unit: milliseconds since the epoch, by the server's clock. */
  readonly untilMs: number
}

const storeName = 'keys'

/** Opens the keeper and erases whatever is over at `nowMs` (the server's clock). Rejects where a browser keeps nothing. */
export async function openKeyKeeper(nowMs: number): Promise<KeyKeeper> {
  const opening = indexedDB.open('sekisho-issue', 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(storeName)
  const database = await result(opening)
  const work = <T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const transaction = database.transaction(storeName, mode)
    const request = act(transaction.objectStore(storeName))
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error ?? new Error('the browser did not keep the key'))
    })
  }
  for (const name of await work('readonly', (store) => store.getAllKeys())) {
    const kept = (await work('readonly', (store) => store.get(name))) as KeptKey | undefined
    if (kept === undefined || kept.untilMs <= nowMs) await work('readwrite', (store) => store.delete(name))
  }
  return {
    load: async (name) => {
      const kept = (await work('readonly', (store) => store.get(name))) as KeptKey | undefined
      return kept?.keys
    },
    save: async (name, kept) => void (await work('readwrite', (store) => store.put(kept, name))),
    erase: async (name) => void (await work('readwrite', (store) => store.delete(name))),
  }
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'))
  })
}
