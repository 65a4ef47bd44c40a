import type { DirectoryKind } from './import-directory.ts'
import { inParallel } from './in-parallel.ts'
import type { Contract, LifecyclePorts, User } from './ports.ts'

/** A user as others may see them: without credentials. */
export type ShownUser = Omit<User, 'credentials'>

const pageMax = 500
/** Records that are read at the same time. */
const width = 16

/**
 * Contracts or users in the order of their ids, each as it is when it is read, as `importDirectory` takes them. Credentials are never
 * among them. Throws GatewayError `store_unavailable`.
 */
export async function* exportDirectory(
  kind: DirectoryKind,
  store: Pick<LifecyclePorts['store'], 'contract' | 'contractIds' | 'loginIds' | 'user'>,
): AsyncGenerator<Contract | ShownUser> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const ids: readonly string[] =
      kind === 'contracts' ? await store.contractIds('', pageMax, after) : await store.loginIds('', pageMax, after)
    const read = async (id: string) => {
      if (kind === 'contracts') return await store.contract(id)
      const user = await store.user(id)
      return user && withoutCredentials(user)
    }
    for (const record of await inParallel(ids, read, { width })) if (record !== undefined) yield record
    after = ids.length < pageMax ? undefined : ids.at(-1)
  }
}

/** What pages, answers and exports may hold of a user. */
export function withoutCredentials({ credentials: _, ...shown }: User): ShownUser {
  return shown
}
