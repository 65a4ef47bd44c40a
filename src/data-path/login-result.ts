import { fieldClass, foldFieldName } from './http1/field-class.ts'
import type { ResponseHead } from './http1/response-head.ts'
import type { LoginResult } from './ports.ts'

/** How the field is compared: its name folded, as for every reserved one. */
const fieldName = 'sekisho-login-result'

/** What an application may say; spelt exactly so. */
const said: ReadonlyMap<string, LoginResult> = new Map(
  (['accepted', 'refused', 'locked'] as const).map((result) => [result, result]),
)

/**
 * What the application says in its answer became of a login: `Sekisho-Login-Result`, a field that never reaches the client, as it is
 * reserved. `unknown`: it says something else, or says it more than once. Undefined: it says nothing, as in nearly every answer.
 */
export function loginResultOf({ fields, classes }: Pick<ResponseHead, 'fields' | 'classes'>): LoginResult | undefined {
  let found: LoginResult | undefined
  let at = classes.indexOf(fieldClass.reserved)
  while (at >= 0) {
    if (foldFieldName(fields[at * 2] as string) === fieldName) {
      if (found !== undefined) return 'unknown'
      found = said.get(fields[at * 2 + 1] as string) ?? 'unknown'
    }
    at = classes.indexOf(fieldClass.reserved, at + 1)
  }
  return found
}
